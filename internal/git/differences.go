package git

import (
	"cmp"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// A Difference is one file that two commits do not have in common: added,
// removed, or with another content or mode. A file that became a folder is
// removed, and what the folder holds is added.
type Difference struct {
	// Path is separated by slashes and otherwise as Git has it, so it may be a
	// name that io/fs does not take.
	Path          string
	Before, After Entry
}

// An Entry is how a tree holds a file; the zero Entry says that it does not.
type Entry struct {
	Mode string // as git ls-tree prints it: 100644, 100755, 120000 or 160000
	Hash string
}

// Differences lists what differs between two commits, in Git's own order. An
// empty from stands for a commit without files. Only folders that differ are
// read. A commit that is not here gives amend.NotFound.
func (r *Repo) Differences(from, to string) ([]Difference, error) {
	var roots [2]plumbing.Hash
	for i, sha := range []string{from, to} {
		if sha == "" {
			continue
		}
		var err error
		if roots[i], err = r.objects.root(sha); err != nil {
			return nil, err
		}
	}
	var found []Difference
	err := r.compare("", roots[0], roots[1], &found)
	return found, err
}

// compare goes through two folders side by side; the zero hash is an empty one,
// and dir is "" or ends in a slash.
func (r *Repo) compare(dir string, a, b plumbing.Hash, found *[]Difference) error {
	if a == b {
		return nil
	}
	before, err := r.entries(a)
	if err != nil {
		return err
	}
	after, err := r.entries(b)
	if err != nil {
		return err
	}
	for len(before) > 0 || len(after) > 0 {
		var old, now object.TreeEntry
		order := 0
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = cmp.Compare(sortName(before[0]), sortName(after[0]))
		}
		if order <= 0 {
			old, before = before[0], before[1:]
		}
		if order >= 0 {
			now, after = after[0], after[1:]
		}
		if err := r.compareEntry(dir, old, now, found); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repo) compareEntry(dir string, old, now object.TreeEntry, found *[]Difference) error {
	if old.Hash == now.Hash && old.Mode == now.Mode {
		return nil
	}
	name := dir + cmp.Or(old.Name, now.Name) // not path.Join: a forged tree may name a file ".."
	if old.Mode == filemode.Dir || now.Mode == filemode.Dir {
		return r.compare(name+"/", old.Hash, now.Hash, found) // the other one is a folder or nothing
	}
	*found = append(*found, Difference{name, entryOf(old), entryOf(now)})
	return nil
}

func (r *Repo) entries(h plumbing.Hash) ([]object.TreeEntry, error) {
	if h.IsZero() {
		return nil, nil
	}
	return r.objects.tree(h)
}

// sortName is what Git sorts the entries of a tree by.
func sortName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

func entryOf(e object.TreeEntry) Entry {
	if e.Name == "" {
		return Entry{}
	}
	return Entry{Mode: e.Mode.String()[1:], Hash: e.Hash.String()}
}
