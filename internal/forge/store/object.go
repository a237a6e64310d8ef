package store

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" // the names of Git's objects
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/amendhq/amend"
)

// Blob returns the content of a blob.
func (r *Repo) Blob(id ID) ([]byte, error) {
	o, err := r.object(id, "blob")
	return o.data, err
}

// Kind returns what sort of object id names: commit, tree, blob or tag.
func (r *Repo) Kind(id ID) (string, error) {
	o, err := r.objects.read(string(id))
	return o.kind, err
}

func (r *Repo) object(id ID, kind string) (object, error) {
	o, err := r.objects.read(string(id))
	if err == nil && o.kind != kind {
		err = amend.Errorf(amend.NotFound, "read object", "%s is a %s, not a %s", id, o.kind, kind)
	}
	return o, err
}

// write adds a loose object. The rename makes it appear whole; two writers of
// the same object write the same bytes.
func (r *Repo) write(kind string, data []byte) (ID, error) {
	whole := append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)
	sum := sha1.Sum(whole)
	id := hex.EncodeToString(sum[:])
	folder := filepath.Join(r.dir, "objects", id[:2])
	path := filepath.Join(folder, id[2:])
	if _, err := os.Stat(path); err == nil {
		return ID(id), nil
	}
	if err := writeLoose(folder, path, whole); err != nil {
		return "", amend.Errorf(amend.Internal, "write object", "%w", err)
	}
	return ID(id), nil
}

func writeLoose(folder, path string, whole []byte) error {
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err != nil {
		return err
	}
	_, err = z.Write(whole)
	if err := errors.Join(err, z.Close(), os.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	temp, err := os.CreateTemp(folder, "tmp_obj_")
	if err != nil {
		return err
	}
	_, err = temp.Write(packed.Bytes())
	if err := errors.Join(err, temp.Chmod(0o444), temp.Close()); err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return os.Rename(temp.Name(), path)
}
