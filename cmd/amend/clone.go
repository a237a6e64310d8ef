package main

import (
	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// openClone opens the clone that --repo names. A folder that is none is wrong input,
// and not the answer to what was asked of it.
func openClone(dir string) (*git.Clone, error) {
	clone, err := git.OpenDir(dir)
	if amend.KindOf(err) == amend.NotFound {
		return nil, amend.Errorf(amend.Invalid, "--repo", "%s is not the top folder of a clone; name one, as git clone makes it", dir)
	}
	return clone, err
}

// headOf returns the last commit of the branch that --branch names.
func headOf(clone *git.Clone, branch string) (string, error) {
	sha, err := clone.Head(branch)
	switch {
	case amend.KindOf(err) != amend.NotFound:
		return sha, err
	case branch == checkedOut:
		return "", amend.Errorf(amend.Invalid, "--repo", "the clone has no commit yet, or what is checked out is not there; fetch it, or name a branch")
	}
	return "", amend.Errorf(amend.Invalid, "--branch", "the clone has no branch %q; git branch lists those that it has", branch)
}

// checkedOut is what Git calls the commit that is checked out.
const checkedOut = "HEAD"
