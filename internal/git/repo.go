// Package git reads env repositories without a git program, and writes to them: a
// warm mirror of a remote one that needs no work tree (Mirror), whose new commits
// are pushed, and any clone on disk (Clone), which is only read. Both show a commit
// as an fs.FS that reads only what is asked for, and the history as iterators, so a
// fix costs what it touches and not what the repository holds.
//
// Every object is checked against its hash when it is read: a mirror is a cache
// and may rot, but nothing rotten becomes the input of an edit.
package git

import (
	"io/fs"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/amendhq/amend"
)

// A Repo reads commits, trees and history by SHA. It is what a Mirror and a
// Clone share, and is safe for concurrent use.
type Repo struct {
	objects *objects
	// shallow holds the commits whose parents a shallow clone left out.
	shallow map[plumbing.Hash]bool
}

// A Person is the author of a commit.
type Person struct {
	Name  string
	Email string
}

// A Commit is one commit of the history.
type Commit struct {
	SHA     string
	Parents []string
	Message string
	// Author is who wrote it, which the commit claims and nobody checks.
	Author Person
	// Committer is the mail of who committed it, and Time when; a rebase changes
	// both.
	Committer string
	Time      time.Time
}

// Has reports whether the object with this full SHA is present.
func (r *Repo) Has(sha string) bool {
	return plumbing.IsHash(sha) && r.objects.has(plumbing.NewHash(sha))
}

// Tree returns the files of a commit. The result implements fs.ReadFileFS,
// fs.ReadDirFS, fs.StatFS and tree.Hasher (for files and folders), and reads
// lazily. Symbolic links, submodules and names that io/fs cannot express appear
// as irregular entries that cannot be opened. A name that is not in the commit
// gives fs.ErrNotExist; a lost object never does. An unknown commit gives
// amend.NotFound.
func (r *Repo) Tree(commit string) (fs.FS, error) {
	root, err := r.objects.root(commit)
	if err != nil {
		return nil, err
	}
	return newTreeFS(r.objects, root), nil
}

// parseSHA accepts a full SHA-1 only: short ones would have to be guessed.
func parseSHA(sha string) (plumbing.Hash, error) {
	if !plumbing.IsHash(sha) || len(sha) != 2*len(plumbing.ZeroHash) {
		return plumbing.ZeroHash, amend.Errorf(amend.Invalid, "read commit", "%.80q is not a full commit id", sha)
	}
	return plumbing.NewHash(sha), nil
}
