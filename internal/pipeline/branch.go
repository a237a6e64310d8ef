package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"path"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/tree"
)

// A branch is the past of a World as package cause reads it: each commit stands
// on the next one, and a merge is one commit.
type branch struct {
	past  Past
	trees map[string]fs.FS // by commit
}

// Commits implements cause.History. There is but one branch, which ends nowhere.
func (b *branch) Commits(_, _ string) iter.Seq2[cause.Commit, error] {
	return func(yield func(cause.Commit, error) bool) {
		var last *cause.Commit // whose parent comes next
		for c, err := range b.past.Commits() {
			if err == nil && last != nil {
				last.Parents = []string{c.SHA}
			}
			if err == nil {
				b.trees[c.SHA] = c.Tree
			}
			if last != nil && !yield(*last, nil) {
				return
			}
			if err != nil {
				yield(cause.Commit{}, unread(err))
				return
			}
			last = &cause.Commit{SHA: c.SHA, At: c.At, Ours: c.Ours}
		}
		if last != nil {
			yield(*last, nil)
		}
	}
}

// Tree implements cause.History. What a tag names is not known here.
func (b *branch) Tree(revision string) (fs.FS, error) {
	if files, ok := b.trees[revision]; ok {
		return files, nil
	}
	return nil, amend.Errorf(amend.NotFound, "read history", "%.100q is no commit of the branch", revision)
}

// Touched implements cause.History.
func (b *branch) Touched(from, to string) ([]string, error) {
	var files []string
	if err := touched(b.trees[from], b.trees[to], ".", &files); err != nil {
		return nil, unread(err)
	}
	return files, nil
}

// touched adds the files below a folder that differ between two trees. Where
// the trees know hashes, only what differs is read.
func touched(a, b fs.FS, dir string, files *[]string) error {
	kinds := map[string]bool{} // whether it is a folder, by name
	for _, t := range []fs.FS{a, b} {
		entries, err := fs.ReadDir(t, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			kinds[name] = kinds[name] || e.IsDir()
		}
	}
	for name, folder := range kinds {
		if sameHash(a, b, name) {
			continue
		}
		if folder {
			if err := touched(a, b, name, files); err != nil {
				return err
			}
		}
		same, err := sameFile(a, b, name)
		if err != nil {
			return err
		}
		if !same {
			*files = append(*files, name)
		}
	}
	return nil
}

func sameHash(a, b fs.FS, name string) bool {
	before, ok := a.(tree.Hasher)
	after, ok2 := b.(tree.Hasher)
	if !ok || !ok2 {
		return false
	}
	was, ok := before.Hash(name)
	is, ok2 := after.Hash(name)
	return ok && ok2 && was == is
}

// sameFile reports whether neither tree has a readable file of the name, or both
// have the same.
func sameFile(a, b fs.FS, name string) (bool, error) {
	was, before, err := readable(a, name)
	if err != nil {
		return false, err
	}
	is, after, err := readable(b, name)
	return before == after && bytes.Equal(was, is), err
}

func readable(files fs.FS, name string) ([]byte, bool, error) {
	info, err := fs.Stat(files, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	data, err := fs.ReadFile(files, name)
	return data, true, err
}
