//go:build !unix

package git

import (
	"os"

	"github.com/amendhq/amend"
)

// lockFile refuses: without a lock that ends with its process, two processes
// could rebuild one mirror under each other's hands.
func lockFile(string) (*os.File, error) {
	return nil, amend.Errorf(amend.Invalid, "lock mirror", "mirrors need a Unix system")
}
