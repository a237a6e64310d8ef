package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/amendhq/amend"
)

// hostile are texts that somebody who can write a metric label might try.
var hostile = []string{
	"../../.github/workflows/ci.yml", "apps/../.amend/policy.yaml", "..%2f..%2fother/contents/x?branch=main", ".git/hooks/post-receive",
	"app-001\n\nAmend-Incident: forged-0000000000\nAmend-Episode: 9", "x\r\nCo-authored-by: Eve <eve@example.com>", "x\x00y",
	"{{workflow.parameters.token}}", "${{ secrets.GITHUB_TOKEN }}", "{{ .Labels }}", "$(id)", "`id`", "; rm -rf /",
	"@acme/owners please merge", "closes #1", "fixes acme/env#1", "[skip ci]", "![x](https://evil.example/x.png)", "<img src=x onerror=x>",
	"```\n</details>\n# approved", "| a | b |\n|---|---|", "\x1b[31mred\x1b[0m\x1b]0;title\x07", "\u202eevil", "This reverts commit 0123456789012345678901234567890123456789.",
	strings.Repeat("A", 100<<10), strings.Repeat("@team\n", 20<<10),
}

// acts is what a Git host or a terminal acts on in a text.
var acts = regexp.MustCompile(`(?i)@\w|#\d|://|\[skip ci\]|co-authored-by:|amend-[a-z]+:|\n# approved|\nThis reverts|[\x00-\x08\x0b-\x1f\x7f]|\x{202e}`)

// draws is what a host also acts on in Markdown.
var draws = regexp.MustCompile(`[^\\](<img|!\[)`)

// TestHostileNames: a label that is to name a workload and does not is refused.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start("--fold-window", "1ns")
	before := s.git("rev-parse", "main")
	for _, text := range hostile {
		for _, label := range []string{"deployment", "container"} {
			a := firing("AppOutOfMemory", app(1))
			a.Labels[label] = text
			s.post(a)
		}
	}
	s.decideAll(2*len(hostile), amend.ReasonNoWorkload)
	if got := s.git("for-each-ref", "--format=%(objectname)"); got != before {
		t.Errorf("the refs are\n%s\nwant main alone, where it was", got)
	}
	s.logIsInert()
}

// TestHostileText: a change that such an alert is right to ask for is made, of
// the policy's file and no other, and all its texts are inert.
func TestHostileText(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2*len(hostile), "", nil)
	s.start()
	first := strings.TrimSpace(s.git("rev-parse", "main"))
	files := map[string]bool{}
	for i, text := range hostile {
		commit, pull := app(2*i+1), app(2*i+2)
		s.post(poisoned("AppStuck", commit, text))
		s.post(poisoned("AppOutOfMemory", pull, text))
		files["apps/"+commit+"/deployment.yaml"] = true
	}
	s.decideAll(2*len(hostile), amend.ReasonAct)
	for i := range hostile {
		s.inertPull(app(2*i + 2))
	}
	changed := strings.Fields(s.git("diff", "--name-only", first, "main"))
	if want := slices.Sorted(maps.Keys(files)); !slices.Equal(changed, want) {
		t.Errorf("changed are %q, want %q", changed, want)
	}
	commits := strings.Fields(s.git("rev-list", first+"..main"))
	if len(commits) != len(hostile) {
		t.Errorf("%d commits, want %d", len(commits), len(hostile))
	}
	for _, sha := range commits {
		s.inertText(s.git("log", "-1", "--format=%B", sha))
	}
	s.logIsInert()
}

// poisoned is an alert that names a workload and says the text everywhere else.
func poisoned(name, app, text string) amend.Alert {
	a := firing(name, app)
	a.Labels["job"], a.Labels["severity"] = text, text
	a.Annotations = map[string]string{"summary": text, "description": text, "value": text, "runbook_url": text}
	a.GeneratorURL, a.ExternalURL = "https://prometheus.example/"+text, text
	if len(text) > 60<<10 { // the whole alert is bounded, too
		a.Annotations, a.ExternalURL = map[string]string{"summary": text}, ""
	}
	return a
}

func (s *stage) inertPull(app string) {
	s.Helper()
	pull, branch := s.onePull(app, "open")
	if changed := s.git("diff", "--name-only", "main..."+branch); changed != "apps/"+app+"/deployment.yaml\n" {
		s.Errorf("%s changes %q", branch, changed)
	}
	s.inertText(s.git("log", "-1", "--format=%B", branch))
	s.inertText(pull.GetTitle() + "\n\n" + pull.GetBody())
	if found := draws.FindString(pull.GetBody()); found != "" {
		s.Errorf("the body holds %q:\n%q", found, pull.GetBody())
	}
}

// inertText checks a message of amend's up to its trailers, which are no
// alert's text.
func (s *stage) inertText(text string) {
	s.Helper()
	above, trailers, _ := strings.Cut(text, "\n\nAmend-Incident: ")
	if found := acts.FindString(above); found != "" || strings.Count(trailers, "\n") > 8 {
		s.Errorf("the text holds %q:\n%q", found, text)
	}
}

// logIsInert checks that every line of the log is one JSON object that a
// terminal shows as it is.
func (s *stage) logIsInert() {
	s.Helper()
	data, err := os.ReadFile(s.logFile())
	s.must(err)
	for line := range strings.Lines(string(data)) {
		if !json.Valid([]byte(line)) || strings.ContainsAny(line, "\x1b\x07\x00\u202e") {
			s.Errorf("a line of the log is %q", line)
		}
	}
}
