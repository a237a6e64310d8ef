package report_test

import (
	"bytes"
	"fmt"
	"html"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/mask"
	"github.com/amendhq/amend/internal/report"
)

// attacks are constructs that a Git host acts on.
var attacks = []string{
	"@admin", "@acme/owners", "@\u200cuser", "\uff20admin", "&commat;admin", "#1", "GH-12", "acme/env#4", "fixes #6", "Closes: acme/env#7",
	"https://evil.example/a", "ftp://evil.example", "www.evil.example", "<https://evil.example>", "[x](https://evil.example)", "[x][y]\n\n[y]: https://evil.example",
	"![x](https://evil.example/x.png)", "[^1]\n\n[^1]: note", ":shipit:", "<a href=x>x</a>", "<img src=x>", "<script>x</script>", "<!-- hidden", "<?php", "<![CDATA[x",
	"<details><summary>x", "- [ ] task", "1. [ ] task", "[ ] task", "> [!WARNING]", "# heading", "\n===", "***", "\n\n    code", "```\n", "````\n", "~~~\n", "`", "|", "| a | b |\n|---|---|\n",
	"**b**", "~~s~~", "$x$", "&lt;img&gt;", "\x1b[31mred\x1b[0m", "\x1b]8;;https://evil.example\x07x", "\u202eevil", "\u2066x\u2069", "a\u200bb", "\ufeff", "\U000e0041", "\u2028", "\r", "\x00", "\xff\xfe", "\\", "\\\n",
	"[skip ci]", "***NO_CI***", "skip-checks: true", "\n\nAmend-Incident: forged-1", "Co-authored-by: A <a@evil.example>", "javascript:alert(1)", "{{ .Token }}", "${{ secrets.X }}", "日本語", "🚀",
}

// flood fills every text of evidence with what next gives, in lists of n with
// lists of 2 in them, whatever fields there are: what somebody adds to the
// evidence later is flooded too.
func flood(next func() string, n int) amend.Evidence {
	var e amend.Evidence
	fillIn(reflect.ValueOf(&e).Elem(), next, n)
	return e
}

var instant = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func fillIn(v reflect.Value, next func() string, n int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(next())
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.95)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillIn(v.Elem(), next, n)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(next()))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fillIn(v.Index(i), next, 2)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if v.Type().Key().Kind() == reflect.String && v.Type().Elem().Kind() == reflect.String {
			v.SetMapIndex(reflect.ValueOf(next()).Convert(v.Type().Key()), reflect.ValueOf(next()).Convert(v.Type().Elem()))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(instant))
			return
		}
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fillIn(f, next, n)
			}
		}
	}
}

// states lead to every rule.
var states = []func(*amend.Evidence){
	func(e *amend.Evidence) { e.Pods[0].Containers[0].Ended.Reason = "OOMKilled" },
	func(e *amend.Evidence) { e.Pods[0].Containers[0].Waiting = "ImagePullBackOff" },
	func(e *amend.Evidence) { e.Pods[0].Containers[0].Waiting = "CrashLoopBackOff" },
	func(e *amend.Evidence) {
		e.Pods[0].Containers[0].Waiting, e.Pods[0].Containers[0].Ready = "", false
		e.Happened[0].Reason = "Unhealthy"
	},
	func(e *amend.Evidence) {
		e.Pods[0].Phase, e.Pods[0].Reason, e.Pods[0].Containers[0].Waiting = "Pending", "Evicted", "CreateContainerConfigError"
		e.Happened[0].Reason = "FailedScheduling"
	},
}

var (
	tags    = regexp.MustCompile(`<[^>]*>`)
	harmful = regexp.MustCompile(`(?i)@\w|#\d|gh-\d|://|www\.|\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|\*\*\*no_ci\*\*\*|-by:|skip-checks:|amend-[a-z]+:|:[a-z]\w+:|` +
		`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{ad}\x{200c}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{3164}\x{feff}\x{e0000}-\x{e0fff}]`)
	permitted = regexp.MustCompile(`^</?(p|h2|h3|ul|li|strong|table|thead|tbody|tr|th|td|pre|code)>$`)
)

// checkInert renders Markdown as GitHub does, with raw HTML let through, and
// fails when anything but our own marks is in it.
func checkInert(t *testing.T, markdown string) {
	t.Helper()
	var out bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))
	if err := md.Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags.FindAllString(out.String(), -1) {
		if !permitted.MatchString(tag) {
			t.Fatalf("renders %s\n%s", tag, markdown)
		}
	}
	if found := harmful.FindString(html.UnescapeString(tags.ReplaceAllString(out.String(), ""))); found != "" {
		t.Fatalf("the rendered text holds %q\n%s", found, markdown)
	}
}

// headings are those of a report.
var headings = regexp.MustCompile(`(?m)^#+ .*$`)

func TestHostileEvidenceIsInert(t *testing.T) {
	for i, a := range attacks {
		text := a + attacks[(i*7+3)%len(attacks)] + "\n" + attacks[(i*11+5)%len(attacks)]
		e := flood(func() string { return text }, 2)
		states[i%len(states)](&e)
		got := report.New(e, mask.Masker{}).Opinion(text, text).Markdown()
		checkInert(t, got)
		if n := len(headings.FindAllString(outside(got), -1)); n > 9 {
			t.Fatalf("%d headings\n%s", n, got)
		}
	}
}

func TestHostileDecisionIsInert(t *testing.T) {
	for i, a := range attacks {
		text := a + attacks[(i*7+3)%len(attacks)] + "\n" + attacks[(i*11+5)%len(attacks)]
		d := *flood(func() string { return text }, 10).Decision
		got := report.PullRequest(d)
		checkInert(t, got)
		if strings.Contains(got, "<!--") || len(got) > 8000 {
			t.Fatalf("%d bytes\n%s", len(got), got)
		}
	}
}

// outside leaves the fenced blocks out.
func outside(markdown string) string {
	var kept []string
	fence := ""
	for line := range strings.Lines(markdown) {
		run := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(run) >= 3:
			fence = run
		case fence != "" && strings.TrimSpace(line) == fence:
			fence = ""
		case fence == "":
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestHugeEvidenceFits(t *testing.T) {
	for i, text := range []string{"@a ", "*", "日", "`", "x\n"} {
		e := flood(func() string { return strings.Repeat(text, 450/len(text)) }, 32)
		states[i](&e)
		for k := range e.Logs {
			e.Logs[k].Text = strings.Repeat(text, 9000/len(text))
		}
		got := report.New(e, mask.Masker{}).Opinion(strings.Repeat(text, 9000), "x").Markdown()
		if len(got) > 60000 {
			t.Errorf("%d bytes", len(got))
		}
		checkInert(t, got)
	}
}

// TestCanaries plants more than 1,000 secrets in the texts of the evidence and
// looks for them in all that is made of it.
func TestCanaries(t *testing.T) {
	planted := 0
	next := func() string {
		planted++
		n := uint32(planted)
		core := fmt.Sprintf("ca9a%08x%08x%08x%04x", n*2654435761, n*2246822519, n*3266489917, n)
		return "error: " + []string{"gh" + "p_" + core, "eyJ" + core + ".eyJ" + core + "." + core, "https://bob:" + core + "@db.example/x", "api_key=" + core}[planted%4] + " then"
	}
	leak := regexp.MustCompile(`ca9a[0-9a-f]{24}`)
	for planted < 1000 {
		for _, state := range states {
			e := flood(next, 3)
			state(&e)
			r := report.New(e, mask.Masker{}).Opinion(next(), next())
			for name, out := range map[string]string{"Markdown": r.Markdown(), "plot": report.Plot(r.Evidence.Series), "values": fmt.Sprintf("%+v %+v", r, *r.Evidence.Decision.Plan)} {
				if found := leak.FindString(out); found != "" {
					t.Fatalf("%s shows %s:\n%s", name, found, out)
				}
			}
		}
	}
}
