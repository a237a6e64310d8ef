package main

import (
	"errors"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// openClone opens the clone that --repo names. A folder that is none is wrong input,
// and not the answer to what was asked of it.
func openClone(dir string) (*git.Clone, error) {
	clone, err := git.OpenDir(dir)
	if amend.KindOf(err) == amend.NotFound {
		return nil, noClone(dir)
	}
	return clone, err
}

func noClone(dir string) error {
	return amend.Errorf(amend.Invalid, "--repo", "%s is not the top folder of a clone; name one, as git clone makes it", dir)
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

// findCommit returns the commit that HEAD, a branch or a tag names, or an id, of which
// the first digits do for a commit of the history of head.
func findCommit(clone *git.Clone, head, text string) (string, error) {
	if sha, ok := named(clone, text); ok {
		return sha, nil
	}
	if clone.Has(text) {
		return text, nil
	}
	found := ""
	for c, err := range clone.Log(head, "") {
		if err != nil && !errors.Is(err, git.ErrShallow) {
			return "", err
		}
		if len(text) < enoughDigits || !strings.HasPrefix(c.SHA, text) {
			continue
		}
		if found != "" {
			return "", amend.Errorf(amend.Invalid, "find commit", "%s is the beginning of more than one commit id", text)
		}
		found = c.SHA
	}
	if found == "" {
		return "", amend.Errorf(amend.Invalid, "find commit", "%.80q is neither HEAD, a branch or a tag, nor the first %d digits or more of a commit in the history", text, enoughDigits)
	}
	return found, nil
}

// enoughDigits of an id name a commit, as those that Git prints.
const enoughDigits = 7

// named returns the commit that HEAD, a branch or a tag names.
func named(clone *git.Clone, text string) (string, bool) {
	for _, find := range []func(string) (string, error){clone.Head, clone.Tag} {
		if sha, err := find(text); err == nil {
			return sha, true
		}
	}
	return "", false
}
