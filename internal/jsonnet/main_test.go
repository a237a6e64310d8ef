package jsonnet_test

import (
	"testing"

	"github.com/amendhq/amend/internal/jsonnet/jsonnettest"
)

func TestMain(m *testing.M) { jsonnettest.Main(m) }
