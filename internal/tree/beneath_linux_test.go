package tree

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTheKernelReads proves that a plain file takes the fast way, where there is
// one, and that a link which leaves the folder does not.
func TestTheKernelReads(t *testing.T) {
	fd, err := unix.Openat2(unix.AT_FDCWD, ".", &unix.OpenHow{Flags: unix.O_RDONLY, Resolve: unix.RESOLVE_BENEATH})
	if err != nil {
		t.Skipf("the system has no openat2: %v", err)
	}
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	repo := filepath.Join(top, "repo")
	if err := os.Mkdir(repo, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"secret": "s", "repo/plain": "p"} {
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(repo, "up")); err != nil {
		t.Fatal(err)
	}
	files, err := Dir(repo)
	if err != nil {
		t.Fatal(err)
	}
	s := files.(*still)
	if data, err := s.read("plain", 10); err != nil || string(data) != "p" {
		t.Errorf("a plain file holds %q, %v", data, err)
	}
	if data, err := s.read("up", 10); !errors.Is(err, errSlow) {
		t.Errorf("a link out of the folder holds %q, %v", data, err)
	}
	if entries, err := s.list("."); err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}
