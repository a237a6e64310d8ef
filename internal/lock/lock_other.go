//go:build !unix

package lock

import (
	"os"

	"github.com/amendhq/amend"
)

// Take refuses: outside of Unix there is no portable lock that ends with its
// process, and two processes would destroy what the lock is for.
func Take(string) (*os.File, error) {
	return nil, amend.Errorf(amend.Invalid, "lock", "the data folder can be locked on Unix systems only")
}
