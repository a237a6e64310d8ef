package locate

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/amendhq/amend"
)

// diskless is the file system that kustomize gets: the tree, read-only, rooted
// at "/", every access recorded and every content vetted. The kustomization of
// dir reads as an Application with the settings app has Argo CD write it.
type diskless struct {
	rec    *recorder
	dir    string
	app    *appKustomize
	charts *charts
}

var errReadOnly = errors.New("the env repo is read-only here")

// local maps kustomize's absolute path to one of the tree.
func local(name string) string {
	if p := strings.TrimPrefix(path.Clean("/"+name), "/"); p != "" {
		return p
	}
	return "."
}

// ReadFile returns vetted content.
func (d diskless) ReadFile(name string) ([]byte, error) {
	if text, ok := d.charts.texts[local(name)]; ok {
		return text, nil
	}
	data, err := d.rec.read(local(name))
	if err != nil {
		return nil, err
	}
	if root := d.rec.view.root.find(d.dir); d.app != nil && local(name) == path.Join(d.dir, root.kustFile) {
		if data, err = d.app.applied(data); err != nil {
			return nil, d.rec.refuse(amend.Refusef(amend.ReasonUnproven, "%s with the settings of its Application: %w", local(name), err))
		}
	}
	if data, err = d.vetted(local(name), data); err != nil {
		return nil, d.rec.refuse(err)
	}
	return data, nil
}

// vetted returns content that Kustomize may read, with the charts of a
// kustomization inflated.
func (d diskless) vetted(name string, data []byte) ([]byte, error) {
	k, err := vet(d.rec, name, data)
	if err != nil || k == nil || len(chartReferences(k)) == 0 {
		return data, err
	}
	return d.charts.inflate(d.rec, name, data)
}

// IsDir reports whether name is a folder of the tree.
func (d diskless) IsDir(name string) bool { return d.rec.isDir(local(name)) }

// Exists reports whether name is a file or a folder of the tree.
func (d diskless) Exists(name string) bool { return d.IsDir(name) || d.isFile(local(name)) }

func (d diskless) isFile(name string) bool {
	_, inflated := d.charts.texts[name]
	return inflated || d.rec.exists(name)
}

// CleanedAbs splits a path as filesys.FileSystem describes. The tree holds no
// links, so cleaning is resolving.
func (d diskless) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	abs := "/" + local(name)
	if abs == "/." {
		abs = "/"
	}
	if d.IsDir(abs) {
		return filesys.ConfirmedDir(abs), "", nil
	}
	if !d.isFile(local(abs)) {
		return "", "", &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return filesys.ConfirmedDir(path.Dir(abs)), path.Base(abs), nil
}

// The rest of filesys.FileSystem is not used by a build and refused.

// Create is refused.
func (diskless) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir is refused.
func (diskless) Mkdir(string) error { return errReadOnly }

// MkdirAll is refused.
func (diskless) MkdirAll(string) error { return errReadOnly }

// RemoveAll is refused.
func (diskless) RemoveAll(string) error { return errReadOnly }

// Open is refused.
func (diskless) Open(string) (filesys.File, error) { return nil, errReadOnly }

// ReadDir is refused.
func (diskless) ReadDir(string) ([]string, error) { return nil, errReadOnly }

// Glob is refused.
func (diskless) Glob(string) ([]string, error) { return nil, errReadOnly }

// WriteFile is refused.
func (diskless) WriteFile(string, []byte) error { return errReadOnly }

// Walk is refused.
func (diskless) Walk(string, filepath.WalkFunc) error { return errReadOnly }
