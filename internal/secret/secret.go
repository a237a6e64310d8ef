// Package secret reads tokens and passwords from files. A secret is read again
// for every use, so that a rotated file counts at once, and it is in no error:
// only the name of its file is.
package secret

import (
	"bytes"
	"io"
	"os"

	"github.com/amendhq/amend"
)

// most bounds what is read of a file.
const most = 4 << 10

// Read returns the content of a file without its final newline. It fails with
// amend.Invalid when the file cannot be read, is empty, or holds more than one
// line: the first would let in whoever sends nothing, the last is no header.
func Read(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", amend.Errorf(amend.Invalid, "read secret", "%w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", amend.Errorf(amend.Invalid, "read secret", "%w", err)
	}
	b = bytes.TrimRight(b, "\r\n")
	switch {
	case len(b) == 0:
		return "", amend.Errorf(amend.Invalid, "read secret", "%s is empty", file)
	case len(b) > most || bytes.ContainsAny(b, "\x00\r\n"):
		return "", amend.Errorf(amend.Invalid, "read secret", "%s does not hold one line of at most %d bytes", file, most)
	}
	return string(b), nil
}
