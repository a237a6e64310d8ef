package amend_test

import (
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend"
)

// FuzzParseRepoPath: whatever is taken for a path stays inside the repository,
// for a file system and in a URL, and Git's own folder and what no fix may touch
// are known in any case.
func FuzzParseRepoPath(f *testing.F) {
	for _, s := range []string{
		"apps/web.yaml", "a b/ü.yaml", "..", "a/../../b", "/etc/passwd", `a\..\b`, "a/.GIT/x", ".git", ".GitHub/x.yml", ".amend/policy.yaml", "x/CODEOWNERS",
		"envs/../../../other/contents/a.yaml", "a?branch=evil", "a#b", "a%2e%2e/b", "a\nb", "a\x00b", "a//b", "./a", "a/", "\xff", "C:x", "~/x", "-x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := amend.ParseRepoPath(s)
		if err != nil {
			if !p.IsZero() {
				t.Fatalf("%q is refused, and yet a path: %v", s, p)
			}
			return
		}
		if p.String() != s || !fs.ValidPath(s) || !filepath.IsLocal(s) {
			t.Fatalf("%q leaves the repository, or became %q", s, p)
		}
		const above = "https://git.example.com/repos/acme/env/contents/"
		// As a client does that forgets to escape; a colon alone may end in an error.
		if u, err := url.Parse(above + s); err != nil || u.JoinPath().Path != strings.TrimPrefix(above, "https://git.example.com")+s || u.RawQuery+u.Fragment != "" {
			t.Fatalf("%q leads to %v, %v", s, u, err)
		}
		for part := range strings.SplitSeq(strings.ToLower(s), "/") {
			if part == ".git" {
				t.Fatalf("%q is inside Git's folder", s)
			}
		}
		if lower := strings.ToLower(s); !p.Protected() && (strings.HasPrefix(lower, ".amend/") || strings.HasPrefix(lower, ".github/") || lower == ".amend" || lower == ".github") {
			t.Fatalf("%q is not protected", s)
		}
	})
}
