package message_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestGolden(t *testing.T) {
	p := plan()
	golden(t, "commit.txt", message.Commit(p))
	title, body := message.PullRequest(p)
	golden(t, "pull.md", title+"\n\n"+body)

	bare := plan()
	bare.Request.Event.Alert = amend.Alert{Labels: map[string]string{"alertname": "Bare"}}
	bare.Request.Event.Time = time.Time{}
	bare.Request.Workload.Namespace = ""
	bare.Edits[0].Added, bare.Edits[0].Old = true, ""
	golden(t, "bare.txt", message.Commit(bare))
	_, body = message.PullRequest(bare)
	golden(t, "bare.md", body)
}

// A change that takes a commit back names it, and is not the revert of that
// commit to Git: other things that it did stay.
func TestCauseIsNamed(t *testing.T) {
	p := plan()
	p.Cause = strings.Repeat("4f2a9c1b", 5)
	commit := message.Commit(p)
	_, body := message.PullRequest(p)
	for _, text := range []string{commit, body} {
		if !strings.Contains(text, "Takes back: "+p.Cause+"\n") || strings.Contains(text, "reverts commit") {
			t.Errorf("the cause is not named as such:\n%s", text)
		}
	}
	if _, ok := message.ParseTrailers(commit); !ok {
		t.Error("the trailers do not read back")
	}
}

func TestSubjectIsShort(t *testing.T) {
	for _, alert := range []string{strings.Repeat("Ü", 200), strings.Repeat("@a", 50), "x\ny", ""} {
		p := plan()
		p.Request.Event.Alert.Labels["alertname"] = alert
		subject, rest, _ := strings.Cut(message.Commit(p), "\n")
		if n := utf8.RuneCountInString(subject); n > 72 || !utf8.ValidString(subject) || !strings.HasPrefix(rest, "\n") {
			t.Errorf("alert %q: subject %q has %d runes", alert, subject, n)
		}
		if title, _ := message.PullRequest(p); title != subject {
			t.Errorf("title %q differs from subject %q", title, subject)
		}
	}
}

func TestHostilePlan(t *testing.T) {
	for i, s := range payloads() {
		if i%7 != 0 {
			continue // TestInertRendersAsItsOwnText has them all; here a sample meets every construct of the page
		}
		p := hostilePlan(s)
		commit := message.Commit(p)
		title, body := message.PullRequest(p)
		checkTrailers(t, p, commit)
		checkTrailers(t, p, body)
		text, _ := cutTrailers(commit)
		if m := harmful.FindString(strings.ReplaceAll(text+title, "\n", " ")); m != "" {
			t.Fatalf("commit of %q holds %q:\n%s", s, m, commit)
		}
		// The trailers are on the page, too: only emphasis may come of them.
		checkInert(t, body, emphasis.ReplaceAllString(ownKeys.ReplaceAllString(render(t, body), "$1"), ""))
	}
}

var (
	emphasis = regexp.MustCompile(`</?(em|strong)>`)
	ownKeys  = regexp.MustCompile(`(Amend-(?:Incident|Episode|Action|Playbook|Alert|Workload|Target)):`)
)

func cutTrailers(text string) (before, trailers string) {
	i := strings.LastIndex(text, "\n\n")
	return text[:i], text[i:]
}

// checkTrailers fails unless reading text gives exactly what p says, or, when
// p names an object that cannot exist, nothing at all.
func checkTrailers(t *testing.T, p amend.Plan, text string) {
	t.Helper()
	got, ok := message.ParseTrailers(text)
	ref, err := amend.ParseObjectRef(p.Request.Workload.String())
	possible := err == nil && ref == p.Request.Workload.ObjectRef && p.Request.Event.ID != "" &&
		utf8.ValidString(p.Request.Event.ID)
	if ok != possible {
		t.Fatalf("reads %v, want %v:\n%s", ok, possible, text)
	}
	if !ok {
		return
	}
	want := message.Trailers{
		Incident: p.Request.Incident(), Episode: p.Episode, Action: p.Request.Action, Playbook: p.Request.Playbook,
		Alert: p.Request.Event.ID, Workload: p.Request.Workload.ObjectRef,
		Path: p.Edits[0].Target.Path, Line: p.Edits[0].Target.Line,
	}
	if got != want {
		t.Fatalf("read back %+v, want %+v", got, want)
	}
}

func TestManyEdits(t *testing.T) {
	p := plan()
	for range 24 {
		p.Edits = append(p.Edits, p.Edits[0])
	}
	if got := message.Commit(p); !strings.Contains(got, "- and 5 more\n") || strings.Count(got, "spec.replicas") != 20 {
		t.Errorf("commit lists %d edits:\n%s", strings.Count(got, "spec.replicas"), got)
	}
	if _, body := message.PullRequest(p); !strings.Contains(body, "\nand 5 more, see the diff.\n") {
		t.Errorf("body does not say how many edits it leaves out:\n%s", body)
	}
}

func TestBodyIsBounded(t *testing.T) {
	for name, s := range map[string]string{
		"text":  strings.Repeat("long text ", 1<<14),
		"marks": strings.Repeat("@a", 1<<16),
		"ticks": strings.Repeat("`", 1<<17),
		"lines": strings.Repeat("+@a\n", 1<<15),
	} {
		p := hostilePlan(s)
		for range 30 {
			p.Edits = append(p.Edits, p.Edits[0])
		}
		title, body := message.PullRequest(p)
		if len(body) > 60000 || !strings.Contains(body, "The diff is cut here") || !utf8.ValidString(title+body) {
			t.Errorf("%s: body of %d bytes", name, len(body))
		}
		checkInert(t, name, render(t, body[:strings.LastIndex(body, "\n\n")]))
	}
}

func TestLongDiffShowsItsBeginning(t *testing.T) {
	p := plan()
	for i := range 10000 {
		p.Diff += fmt.Sprintf("+line %d\n", i)
	}
	_, body := message.PullRequest(p)
	if len(body) < 50000 || len(body) > 60000 || !strings.Contains(body, "+  replicas: 5\n+line 0\n+line 1\n") {
		t.Errorf("body of %d bytes", len(body))
	}
}
