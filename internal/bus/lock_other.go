//go:build !unix

package bus

import "os"

// lockFile opens the file only: there is no portable lock that ends with the
// process outside of Unix.
func lockFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
}
