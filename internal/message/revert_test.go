package message_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// paths parses paths that are known to be good.
func paths(t *testing.T, names ...string) []amend.RepoPath {
	t.Helper()
	var all []amend.RepoPath
	for _, n := range names {
		p, err := amend.ParseRepoPath(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

const taken = "0123456789abcdef0123456789abcdef01234567"

func TestRevertGolden(t *testing.T) {
	tr, ok := message.ParseTrailers(message.Commit(plan()))
	if !ok {
		t.Fatal("the plan has no trailers")
	}
	at := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	golden(t, "revert.txt", message.Revert(tr, taken, paths(t, "b.yaml", "apps/a.yaml"), at))
}

// Whatever the change is named by, the message says which commit it takes back,
// keeps the trailers, and says nothing else to a host.
func TestRevertIsRead(t *testing.T) {
	for i, s := range payloads() {
		p := hostilePlan(s)
		tr, ok := message.ParseTrailers(message.Commit(p))
		if !ok || i%3 != 0 {
			continue
		}
		files := []amend.RepoPath{p.Edits[0].Target.Path}
		text := message.Revert(tr, taken, files, time.Time{})
		if got, ok := message.ParseTrailers(text); !ok || got != tr {
			t.Fatalf("%q: the trailers read back as %+v, %v", s, got, ok)
		}
		if strings.Count("\n"+text, "\nThis reverts commit "+taken+".\n") != 1 || strings.Count(text, "\nThis reverts") != 1 {
			t.Fatalf("%q: which commit is taken back?\n%s", s, text)
		}
		subject, rest, _ := strings.Cut(text, "\n")
		if utf8.RuneCountInString(subject) > 72 || !strings.HasPrefix(rest, "\n") {
			t.Fatalf("%q: subject %q", s, subject)
		}
		before, _ := cutTrailers(text)
		if m := harmful.FindString(strings.ReplaceAll(before, "\n", " ")); m != "" {
			t.Fatalf("the revert of %q holds %q:\n%s", s, m, text)
		}
	}
}

func TestRevertListsSomeFiles(t *testing.T) {
	tr, _ := message.ParseTrailers(message.Commit(plan()))
	var names []string
	for i := range 30 {
		names = append(names, fmt.Sprintf("f%02d.yaml", i))
	}
	text := message.Revert(tr, taken, paths(t, names...), time.Time{})
	if strings.Count(text, "\n- f") != 20 || !strings.Contains(text, "\n- and 10 more\n") {
		t.Errorf("it lists:\n%s", text)
	}
	if strings.Contains(text, "0001-01-01") {
		t.Error("it names a time that nobody gave")
	}
}
