package github

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// CommitInput is one commit to make.
type CommitInput struct {
	// Parent is the commit to build on, BaseTree the hash of its tree.
	Parent   string
	BaseTree string
	// Instead is a second parent, "" for none: a commit that this one takes the
	// place of, of which no file is taken over.
	Instead string
	// Tree shows the files of Parent, so that a file keeps its executable bit.
	Tree fs.FS
	// Files holds the whole new content of every changed or added file.
	Files   map[amend.RepoPath][]byte
	Message string
	Author  Author
	// Time is both dates of the commit, to the second and in UTC.
	Time time.Time
}

// An Author is also the committer of what it writes.
type Author struct {
	Name  string
	Email string
}

// CommitResult names the objects that the host made.
type CommitResult struct {
	SHA     string
	TreeSHA string
}

// Commit makes a tree and a commit on the host and moves no branch. Equal input
// gives the same objects, so it may be repeated at will. A file cannot take the
// place of a folder, a link or a submodule: amend.Refused.
func (c *Client) Commit(ctx context.Context, in CommitInput) (CommitResult, error) {
	if err := in.check(); err != nil {
		return CommitResult{}, err
	}
	entries, err := c.entries(ctx, in)
	if err != nil {
		return CommitResult{}, err
	}
	tree, _, err := c.again.Git.CreateTree(ctx, c.owner, c.repo, in.BaseTree, entries)
	if err != nil {
		return CommitResult{}, typed("create tree", err)
	}
	who := &github.CommitAuthor{
		Name: &in.Author.Name, Email: &in.Author.Email, Date: &github.Timestamp{Time: in.Time.UTC().Truncate(time.Second)},
	}
	parents := []*github.Commit{{SHA: &in.Parent}}
	if in.Instead != "" {
		parents = append(parents, &github.Commit{SHA: &in.Instead})
	}
	commit, _, err := c.again.Git.CreateCommit(ctx, c.owner, c.repo, &github.Commit{
		Message: &in.Message, Tree: &github.Tree{SHA: tree.SHA}, Parents: parents,
		Author: who, Committer: who,
	}, nil)
	if err != nil {
		return CommitResult{}, typed("create commit", err)
	}
	if checkSHA(commit.GetSHA()) != nil || checkSHA(tree.GetSHA()) != nil {
		return CommitResult{}, amend.Errorf(amend.Transient, "create commit", "the host's answer names no commit")
	}
	return CommitResult{SHA: commit.GetSHA(), TreeSHA: tree.GetSHA()}, nil
}

func (in CommitInput) check() error {
	if err := errors.Join(checkSHA(in.Parent), checkSHA(in.BaseTree)); err != nil {
		return err
	}
	if in.Instead != "" && checkSHA(in.Instead) != nil {
		return checkSHA(in.Instead)
	}
	if len(in.Files) == 0 || in.Tree == nil || in.Message == "" || in.Author.Name == "" || in.Author.Email == "" || in.Time.IsZero() {
		return amend.Errorf(amend.Invalid, "create commit", "files, tree, message, author and time are all needed")
	}
	return nil
}

// entries lists the changed files, sorted, so that equal input gives equal
// requests.
func (c *Client) entries(ctx context.Context, in CommitInput) ([]*github.TreeEntry, error) {
	entries := make([]*github.TreeEntry, 0, len(in.Files))
	for path, content := range in.Files {
		if path.IsZero() {
			return nil, amend.Errorf(amend.Invalid, "create tree", "a file without a path")
		}
		mode, err := modeOf(in.Tree, path)
		if err != nil {
			return nil, err
		}
		e := &github.TreeEntry{Path: github.String(path.String()), Mode: &mode, Type: github.String("blob")}
		if utf8.Valid(content) && !bytes.ContainsRune(content, 0) {
			e.Content = github.String(string(content))
		} else if e.SHA, err = c.blob(ctx, content); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *github.TreeEntry) int { return strings.Compare(*a.Path, *b.Path) })
	return entries, nil
}

// blob stores content that JSON cannot carry as text.
func (c *Client) blob(ctx context.Context, content []byte) (*string, error) {
	blob, _, err := c.again.Git.CreateBlob(ctx, c.owner, c.repo, &github.Blob{
		Content: github.String(base64.StdEncoding.EncodeToString(content)), Encoding: github.String("base64"),
	})
	if err != nil {
		return nil, typed("create blob", err)
	}
	return blob.SHA, nil
}

// modeOf returns Git's mode for a file that may exist.
func modeOf(tree fs.FS, path amend.RepoPath) (string, error) {
	info, err := fs.Stat(tree, path.String())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "100644", nil
	case err != nil:
		return "", typed("read file mode", err)
	case !info.Mode().IsRegular():
		return "", amend.Refusef(amend.ReasonProtected, "%s is not a file", path)
	case info.Mode()&0o100 != 0:
		return "100755", nil
	}
	return "100644", nil
}
