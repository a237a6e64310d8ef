// Package atomicfile replaces files whole or not at all, so that whoever reads one
// never finds half of it. It does not promise that a file outlasts a loss of power:
// that takes a sync, which nothing here needs.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write puts a file with this content and mode in place of whatever has its name.
// After an error that is as it was. A process that dies in between leaves a file that is
// called .NAME- and something more, beside it.
func Write(name string, data []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
