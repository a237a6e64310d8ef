// Package codeowners says who owns a file of an env repo, by its CODEOWNERS.
//
// Where the file is, which rule wins and what becomes of a wrong line is as
// GitHub documents it: https://docs.github.com/articles/about-code-owners.
package codeowners

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/hmarr/codeowners"

	"github.com/amendhq/amend"
)

// places are where the file may be; the first that there is counts.
func places() []string { return []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"} }

// maxSize is the size from which on GitHub does not read the file.
const maxSize = 3 << 20

// Owners returns the logins and teams (org/team) that own one of the paths, each
// once and in the order of the paths. Mail addresses are left out, as nobody can
// be asked by one. Without a CODEOWNERS file, or with one that is too large,
// nobody owns anything.
func Owners(files fs.FS, paths []amend.RepoPath) ([]string, error) {
	data, err := read(files)
	if err != nil || len(data) > maxSize {
		return nil, err
	}
	rules := parse(string(data))
	var owners []string
	for _, p := range paths {
		rule, err := rules.Match(p.String())
		if err != nil || rule == nil {
			continue
		}
		for _, o := range rule.Owners {
			if o.Type != codeowners.EmailOwner && !slices.Contains(owners, o.Value) {
				owners = append(owners, o.Value)
			}
		}
	}
	return owners, nil
}

func read(files fs.FS) ([]byte, error) {
	for _, place := range places() {
		data, err := fs.ReadFile(files, place)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, nil
}

// parse reads line by line, because one wrong line does not spoil the others. A
// pattern of slashes alone matches nothing, and the library cannot take it.
func parse(text string) codeowners.Ruleset {
	var rules codeowners.Ruleset
	for line := range strings.Lines(text) {
		one, err := codeowners.ParseFile(strings.NewReader(line))
		if err == nil && len(one) == 1 && strings.Trim(one[0].RawPattern(), "/") != "" {
			rules = append(rules, one[0])
		}
	}
	return rules
}
