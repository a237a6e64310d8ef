package git

import (
	"errors"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/amendhq/amend"
)

// A Clone is a repository on disk that somebody else manages: a work tree, a
// linked work tree or a bare repository. It is only ever read.
type Clone struct {
	*Repo
	repo *gogit.Repository
}

// OpenDir opens the repository whose top folder is dir. A folder without one
// gives amend.NotFound; one in a format that cannot be read (for example with
// SHA-256 or reftable) gives amend.Invalid. Of a shallow clone, Log and Versions
// show what there is and end with ErrShallow.
func OpenDir(dir string) (*Clone, error) {
	repo, err := gogit.PlainOpenWithOptions(dir, &gogit.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, gogit.ErrRepositoryNotExists) {
		return nil, amend.Errorf(amend.NotFound, "open repository", "%s is not a Git repository", dir)
	}
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open repository", "%s: %w", dir, err)
	}
	cut, err := repo.Storer.Shallow()
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open repository", "%s: %w", dir, err)
	}
	shallow := make(map[plumbing.Hash]bool, len(cut))
	for _, h := range cut {
		shallow[h] = true
	}
	objects := &objects{store: repo.Storer, loss: amend.Invalid}
	return &Clone{Repo: &Repo{objects: objects, shallow: shallow}, repo: repo}, nil
}

// Head returns the commit of a branch, or of the work tree for "HEAD". No such
// branch, and HEAD of a repository without commits, give amend.NotFound.
func (c *Clone) Head(branch string) (string, error) {
	name := plumbing.NewBranchReferenceName(branch)
	if branch == plumbing.HEAD.String() {
		name = plumbing.HEAD
	}
	c.objects.mu.Lock() // go-git's reference store is not safe for concurrent use either
	defer c.objects.mu.Unlock()
	ref, err := c.repo.Reference(name, true)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return "", amend.Errorf(amend.NotFound, "read branch", "no branch %q", branch)
	}
	if err != nil {
		return "", amend.Errorf(amend.Invalid, "read branch", "%w", err)
	}
	return ref.Hash().String(), nil
}
