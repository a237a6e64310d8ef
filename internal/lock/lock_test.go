//go:build unix

package lock_test

import (
	"path/filepath"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/lock"
)

func TestOneHolderAtATime(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	held, err := lock.Take(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Take(name); amend.KindOf(err) != amend.Transient {
		t.Errorf("a second holder: %v, want Transient", err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lock.Take(name)
	if err != nil {
		t.Fatalf("after the first let go: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoFolder(t *testing.T) {
	if _, err := lock.Take(filepath.Join(t.TempDir(), "missing", "lock")); amend.KindOf(err) != amend.Invalid {
		t.Errorf("error %v, want Invalid", err)
	}
}
