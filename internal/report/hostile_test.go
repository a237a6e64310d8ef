package report_test

import (
	"bytes"
	"fmt"
	"html"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

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
	tags      = regexp.MustCompile(`<[^>]*>`)
	permitted = regexp.MustCompile(`^</?(p|h2|h3|ul|li|strong|table|thead|tbody|tr|th|td|pre|code)>$`)
	// harmful are the marks that a Git host acts on, in lower case. Each begins with
	// letters of its own, which are quick to look for.
	harmful = []*regexp.Regexp{
		regexp.MustCompile(`@\w`), regexp.MustCompile(`#\d`), regexp.MustCompile(`gh-\d`), regexp.MustCompile(`://`), regexp.MustCompile(`www\.`),
		regexp.MustCompile(`\[(skip ci|ci skip|no ci|skip actions|actions skip)\]`), regexp.MustCompile(`\*\*\*no_ci\*\*\*`),
		regexp.MustCompile(`-by:`), regexp.MustCompile(`skip-checks:`), regexp.MustCompile(`amend-[a-z]+:`), regexp.MustCompile(`:[a-z]\w+:`),
	}
	// unseen are characters that change how others are read, and show nothing.
	unseen = &unicode.RangeTable{
		R16: []unicode.Range16{{0xad, 0xad, 1}, {0x200c, 0x200f, 1}, {0x2028, 0x202e, 1}, {0x2060, 0x206f, 1}, {0x3164, 0x3164, 1}, {0xfeff, 0xfeff, 1}},
		R32: []unicode.Range32{{0xe0000, 0xe0fff, 1}},
	}
	// likeGitHub renders Markdown as GitHub does, with raw HTML let through.
	likeGitHub = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))
)

// checkInert renders Markdown and fails when anything but our own marks is in it.
func checkInert(t *testing.T, markdown string) {
	t.Helper()
	var out bytes.Buffer
	if err := likeGitHub.Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags.FindAllString(out.String(), -1) {
		if !permitted.MatchString(tag) {
			t.Fatalf("renders %s\n%s", tag, markdown)
		}
	}
	text := strings.ToLower(html.UnescapeString(tags.ReplaceAllString(out.String(), "")))
	for _, mark := range harmful {
		if found := mark.FindString(text); found != "" {
			t.Fatalf("the rendered text holds %q\n%s", found, markdown)
		}
	}
	if i := strings.IndexFunc(text, hidden); i >= 0 {
		t.Fatalf("the rendered text holds %+q\n%s", text[i:min(len(text), i+9)], markdown)
	}
}

// hidden reports whether a character does something unseen.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' || unicode.Is(unseen, r)
}

// headings are those of a report.
var headings = regexp.MustCompile(`(?m)^#+ .*$`)

// rounds is in how many documents the attacks are made. Each field of one has the
// next text, with three attacks in it, so that every field meets this many texts
// and every attack meets fields of every kind.
const rounds = 15

// hostile returns the texts of a round, one after the other.
func hostile(round int) func() string {
	i := round * len(attacks) / rounds
	return func() string {
		i++
		at := func(n int) string { return attacks[n%len(attacks)] }
		return at(i) + at(i*7+3) + "\n" + at(i*11+5)
	}
}

func TestHostileEvidenceIsInert(t *testing.T) {
	for round := range rounds {
		next := hostile(round)
		e := flood(next, 2)
		states[round%len(states)](&e)
		opinion := ""
		for next, i := hostile(round), 0; i*rounds < len(attacks); i++ { // all of them in all rounds
			opinion += next()
		}
		got := report.New(e, mask.Masker{}).Opinion(opinion, next()).Markdown()
		checkInert(t, got)
		if n := len(headings.FindAllString(outside(got), -1)); n > 9 {
			t.Fatalf("%d headings\n%s", n, got)
		}
	}
}

func TestHostileDecisionIsInert(t *testing.T) {
	for round := range rounds {
		var d amend.Decision
		fillIn(reflect.ValueOf(&d).Elem(), hostile(round), 10)
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

// TestHugeEvidenceFits has more of everything than fits, and far more of what makes
// one short line each. Each text takes more than 400 bytes when it is inert.
func TestHugeEvidenceFits(t *testing.T) {
	const listed = 12
	for i, c := range []struct {
		text  string
		times int
	}{{"@a ", 120}, {"*", 350}, {"日", 200}, {"`", 350}, {"a short line\n", 50}} {
		e := flood(func() string { return strings.Repeat(c.text, c.times) }, listed)
		states[i](&e)
		e.Claims, e.Allowed = slices.Repeat(e.Claims, 6), slices.Repeat(e.Allowed, 3)
		for k := range e.Logs {
			e.Logs[k].Text = strings.Repeat(c.text, 9000/len(c.text))
		}
		got := report.New(e, mask.Masker{}).Opinion(strings.Repeat(c.text, 9000), "x").Markdown()
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
			e := flood(next, 2)
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
