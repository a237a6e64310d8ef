package main

import (
	"io/fs"
	"iter"
	"strings"

	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/message"
)

// A past is a clone as package cause reads it.
type past struct{ clone *git.Clone }

func openPast(dir string) (past, error) {
	clone, err := openClone(dir)
	return past{clone}, err
}

// Commits implements cause.History.
func (p past) Commits(from, until string) iter.Seq2[cause.Commit, error] {
	return func(yield func(cause.Commit, error) bool) {
		next := from
		for c, err := range p.clone.Log(from, until) {
			if err != nil {
				yield(cause.Commit{}, unshallow(err))
				return
			}
			if c.SHA != next {
				continue
			}
			if !yield(causeCommit(c), nil) || len(c.Parents) == 0 {
				return
			}
			next = c.Parents[0]
		}
	}
}

func causeCommit(c git.Commit) cause.Commit {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	_, ours := message.ParseTrailers(c.Message)
	return cause.Commit{
		SHA: c.SHA, Parents: c.Parents, Author: c.Author.Name, Email: c.Author.Email,
		Subject: subject, At: c.Time, Ours: ours,
	}
}

// Tree implements cause.History.
func (p past) Tree(revision string) (fs.FS, error) {
	if sha, err := p.clone.Tag(revision); err == nil {
		revision = sha
	}
	return p.clone.Tree(revision)
}

// Touched implements cause.History.
func (p past) Touched(from, to string) ([]string, error) {
	found, err := p.clone.Differences(from, to)
	files := make([]string, 0, len(found))
	for _, d := range found {
		files = append(files, d.Path)
	}
	return files, err
}

var _ cause.History = past{}
