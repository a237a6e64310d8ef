//go:build unix

package bus

import (
	"os"
	"syscall"
)

// lockFile takes the lock that keeps a second process off the store: two
// servers on one folder destroy it. The kernel gives it up when the process
// ends, however it ends.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
