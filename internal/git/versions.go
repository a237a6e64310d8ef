package git

import (
	"errors"
	"iter"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/amendhq/amend"
)

// A Version is the content that a file had from one commit on.
type Version struct {
	Commit  string
	Content []byte
}

// Versions walks the history of one file along first parents, newest first: one
// Version for each commit that changed its content, so a content that came back
// appears once per coming. Commits without the file, or with something else in
// its place, have no Version. Only trees on the way to the file are read, and of
// those only the changed ones.
func (r *Repo) Versions(commit string, path amend.RepoPath) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		if err := r.versions(commit, path, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Version{}, err)
		}
	}
}

func (r *Repo) versions(commit string, path amend.RepoPath, yield func(Version, error) bool) error {
	if path.IsZero() {
		return amend.Errorf(amend.Invalid, "read versions", "no file named")
	}
	parts := strings.Split(path.String(), "/")
	c, err := r.objects.named(commit)
	if err != nil {
		return err
	}
	at, err := r.trail(c.TreeHash, parts, nil)
	if err != nil {
		return err
	}
	for {
		parent, before, err := r.before(c, parts, at)
		if err != nil {
			return err
		}
		blob := at.blob(parts)
		if !blob.IsZero() && blob != before.blob(parts) {
			if err := r.yieldVersion(c, blob, yield); err != nil {
				return err
			}
		}
		if parent == nil {
			return nil
		}
		c, at = parent, before
	}
}

// before returns the first parent and the file's trail in it, or nothing at the
// first commit.
func (r *Repo) before(c *object.Commit, parts []string, at trail) (*object.Commit, trail, error) {
	if len(c.ParentHashes) == 0 {
		return nil, nil, nil
	}
	if r.shallow[c.Hash] {
		return nil, nil, amend.Errorf(amend.Invalid, "read history", "%w", ErrShallow)
	}
	parent, err := r.objects.commit(c.ParentHashes[0])
	if err != nil {
		return nil, nil, err
	}
	before, err := r.trail(parent.TreeHash, parts, at)
	return parent, before, err
}

func (r *Repo) yieldVersion(c *object.Commit, blob plumbing.Hash, yield func(Version, error) bool) error {
	content, err := r.objects.need(plumbing.BlobObject, blob)
	if err != nil {
		return err
	}
	if !yield(Version{Commit: c.Hash.String(), Content: content}, nil) {
		return errStopped
	}
	return nil
}

// A trail holds the hashes from a root tree down to a file; it is shorter when
// the file is not there.
type trail []plumbing.Hash

func (t trail) blob(parts []string) plumbing.Hash {
	if len(t) <= len(parts) {
		return plumbing.ZeroHash
	}
	return t[len(parts)]
}

// trail follows parts down from root. Where it meets a tree of near, the trail
// of a neighbouring commit, the rest is the same and is not read.
func (r *Repo) trail(root plumbing.Hash, parts []string, near trail) (trail, error) {
	t := trail{root}
	for i, part := range parts {
		h := t[i]
		if i < len(near) && near[i] == h {
			return append(t[:i:i], near[i:]...), nil
		}
		entries, err := r.objects.tree(h)
		if err != nil {
			return nil, err
		}
		e, ok := child(entries, part, i == len(parts)-1)
		if !ok {
			return t, nil
		}
		t = append(t, e.Hash)
	}
	return t, nil
}

// child finds the file or the folder of that name.
func child(entries []object.TreeEntry, name string, file bool) (object.TreeEntry, bool) {
	for _, e := range entries {
		if e.Name == name {
			return e, (file && modeOf(e).IsRegular()) || (!file && e.Mode == filemode.Dir)
		}
	}
	return object.TreeEntry{}, false
}
