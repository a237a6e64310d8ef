package codeowners_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/codeowners"
)

// The rules are GitHub's published ones.
const published = `# comment
*       @global-owner1 @global-owner2
*.js    @js-owner #inline comment
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com @reader
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/github
!important @nobody
[abc].yaml @nobody
a b @c{ @nobody
`

func paths(t *testing.T, names ...string) []amend.RepoPath {
	t.Helper()
	var all []amend.RepoPath
	for _, name := range names {
		p, err := amend.ParseRepoPath(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestOwners(t *testing.T) {
	files := fstest.MapFS{"CODEOWNERS": {Data: []byte(published)}}
	for path, want := range map[string]string{
		"deploy.yaml":             "global-owner1 global-owner2",
		"x/y/z.js":                "js-owner",
		"main.go":                 "", // a mail address only
		"notes/a.txt":             "octo-org/octocats",
		"build/logs/a.yaml":       "octocat", // the last one wins
		"sub/build/logs/a.yaml":   "octocat",
		"sub/docs/getting.yaml":   "global-owner1 global-owner2",
		"docs/build-app/a.yaml":   "doctocat",
		"docs/a.yaml":             "doctocat",
		"x/apps/web/deploy.yaml":  "octocat",
		"scripts/a/b.yaml":        "doctocat octocat",
		"deeply/nested/logs/x.go": "octocat",
		"apps/github/a.yaml":      "", // owned by nobody on purpose
		"a.yaml":                  "global-owner1 global-owner2",
	} {
		got, err := codeowners.Owners(files, paths(t, path))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s is owned by %q, %v; want %q", path, got, err, want)
		}
	}
	got, err := codeowners.Owners(files, paths(t, "a.js", "scripts/x", "b.js", "build/logs/x"))
	if want := []string{"js-owner", "doctocat", "octocat"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("together they are owned by %q, %v; want %q", got, err, want)
	}
}

func TestWhereTheFileIs(t *testing.T) {
	files := fstest.MapFS{}
	for _, place := range []string{"", "docs/CODEOWNERS", "CODEOWNERS", ".github/CODEOWNERS"} {
		want := ""
		if place != "" {
			want = strings.Map(func(r rune) rune {
				if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
					return r
				}
				return '-'
			}, strings.TrimPrefix(place, "."))
			files[place] = &fstest.MapFile{Data: []byte("* @" + want + "\n")}
		}
		got, err := codeowners.Owners(files, paths(t, "a.yaml"))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("with %q the owner is %q, %v; want %q", place, got, err, want)
		}
	}
	files[".github/CODEOWNERS"].Data = []byte("* @a\n#" + strings.Repeat("x", 3<<20))
	if got, err := codeowners.Owners(files, paths(t, "a.yaml")); err != nil || got != nil {
		t.Errorf("by a file that is too large it is owned by %q, %v", got, err)
	}
	if _, err := codeowners.Owners(broken{files}, paths(t, "a.yaml")); err == nil {
		t.Error("a file that cannot be read says that nobody owns anything")
	}
}

type broken struct{ fs.FS }

func (broken) Open(string) (fs.File, error) { return nil, fs.ErrInvalid }

func FuzzOwners(f *testing.F) {
	f.Add(published, "docs/a.yaml")
	f.Add("* @a\\\n\\ # @b", "x")
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := amend.ParseRepoPath(name)
		if err != nil {
			return
		}
		owners, err := codeowners.Owners(fstest.MapFS{"CODEOWNERS": {Data: []byte(text)}}, []amend.RepoPath{p})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range owners {
			if o == "" || strings.ContainsAny(o, "@ \t\n") {
				t.Errorf("an owner is %q", o)
			}
		}
	})
}
