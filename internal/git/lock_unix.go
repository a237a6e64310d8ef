//go:build unix

package git

import (
	"os"
	"syscall"

	"github.com/amendhq/amend"
)

// lockFile takes an exclusive lock that ends with the process, however it ends.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "lock mirror", "%w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, amend.Errorf(amend.Transient, "lock mirror", "%s is in use by another process: %w", name, err)
	}
	return f, nil
}
