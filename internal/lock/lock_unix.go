//go:build unix

package lock

import (
	"errors"
	"os"
	"syscall"

	"github.com/amendhq/amend"
)

// Take locks a file, which it makes when it does not exist, until the result is
// closed. It fails with amend.Transient while another process holds the lock,
// and with amend.Invalid when the file cannot be opened.
func Take(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "lock", "%w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = amend.Errorf(amend.Transient, "lock", "%s is in use by another process: %w", name, err)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
