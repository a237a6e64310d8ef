package jsonnet_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/amendhq/amend/internal/jsonnet"
)

const workerArg = "jsonnet-worker"

// TestMain lets an Engine start the tests again as its worker.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		if err := jsonnet.Work(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
