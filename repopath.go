package amend

import (
	"encoding/json"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A RepoPath is the slash-separated path of a file inside the env repo. Its
// only constructor is ParseRepoPath, so a value that leaves the repository, or
// that a URL would read as something else, cannot exist.
type RepoPath struct{ p string }

// ParseRepoPath accepts a clean relative path. It refuses "..", a leading
// slash, backslashes, control characters, the URL characters ? # %, and
// anything inside .git.
func ParseRepoPath(s string) (RepoPath, error) {
	if s == "" || s == "." || s != path.Clean(s) || path.IsAbs(s) || !utf8.ValidString(s) ||
		strings.ContainsAny(s, "\\?#%") || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return RepoPath{}, Errorf(Invalid, "parse path", "%q is not a clean path inside the repository", s)
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." || strings.EqualFold(part, ".git") {
			return RepoPath{}, Errorf(Invalid, "parse path", "%q is not a clean path inside the repository", s)
		}
	}
	return RepoPath{s}, nil
}

// String returns the path.
func (p RepoPath) String() string { return p.p }

// IsZero reports whether p names no file.
func (p RepoPath) IsZero() bool { return p.p == "" }

// Protected reports whether no fix may ever touch the file: the policy that
// bounds fixes, the automation that runs with the repository's rights, and
// Git's own control files.
func (p RepoPath) Protected() bool {
	top, _, _ := strings.Cut(strings.ToLower(p.p), "/")
	base := strings.ToLower(path.Base(p.p))
	return top == ".amend" || top == ".github" || strings.HasPrefix(base, ".git") || base == "codeowners"
}

// MarshalText writes the path.
func (p RepoPath) MarshalText() ([]byte, error) { return []byte(p.p), nil }

// UnmarshalJSON reads and checks a path; the empty string is the zero value.
func (p *RepoPath) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil || s == "" {
		return err
	}
	q, err := ParseRepoPath(s)
	*p = q
	return err
}
