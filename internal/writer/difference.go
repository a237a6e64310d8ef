package writer

import (
	"bytes"
	"context"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/tree"
)

// makes reports whether the commit to has exactly the tree of the commit from
// with these files put over it. That tree is made, because an equal hash leaves
// nothing out: no mode, no link, no file beside them.
func (w *Writer) makes(ctx context.Context, from, to string, files map[amend.RepoPath][]byte) (bool, error) {
	base, err := w.cfg.Repo.Tree(from)
	if err != nil {
		return false, err
	}
	want, err := w.cfg.Repo.Tree(to)
	if err != nil {
		return false, err
	}
	made, err := w.cfg.Host.Commit(ctx, Draft{
		Parent: Committed{SHA: from, Tree: hash(base, ".")}, Tree: base, Files: files,
		Message: "Compare with " + to, Time: w.cfg.Now().Truncate(time.Second),
	})
	return err == nil && made.Tree == hash(want, "."), err
}

// hash returns the hash of a file or folder, "" when it is not known.
func hash(files fs.FS, name string) string {
	h, ok := files.(tree.Hasher)
	if !ok {
		return ""
	}
	sum, _ := h.Hash(name)
	return sum
}

// differing lists the files below dir that hold something else in b than in a.
// It refuses when one of them was added, was removed, or has become a file.
func differing(a, b fs.FS, dir string) ([]string, error) {
	inA, err := entries(a, dir)
	if err != nil {
		return nil, err
	}
	inB, err := entries(b, dir)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(inA)
	maps.Copy(all, inB)
	var names []string
	for _, base := range slices.Sorted(maps.Keys(all)) {
		name := path.Join(dir, base)
		modeA, isA := inA[base]
		modeB, isB := inB[base]
		sum := hash(a, name)
		switch {
		case !isA || !isB || modeA != modeB:
			return nil, amend.Refusef(amend.ReasonChangedSince, "the change added or removed %q; take it back by hand", name)
		case sum != "" && sum == hash(b, name):
		case modeA.IsDir():
			below, err := differing(a, b, name)
			if err != nil {
				return nil, err
			}
			names = append(names, below...)
		case modeA.IsRegular():
			same, err := equal(a, b, name)
			if err != nil {
				return nil, err
			}
			if !same {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func equal(a, b fs.FS, name string) (bool, error) {
	inA, err := fs.ReadFile(a, name)
	if err != nil {
		return false, err
	}
	inB, err := fs.ReadFile(b, name)
	return bytes.Equal(inA, inB), err
}

// entries returns the types of what a folder holds, by name.
func entries(files fs.FS, dir string) (map[string]fs.FileMode, error) {
	list, err := fs.ReadDir(files, dir)
	types := make(map[string]fs.FileMode, len(list))
	for _, e := range list {
		types[e.Name()] = e.Type()
	}
	return types, err
}
