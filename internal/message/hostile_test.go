package message_test

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"

	"github.com/amendhq/amend/internal/message"
)

// atoms are the constructs that a Git host acts on.
var atoms = []string{
	"@admin", "@acme/owners", "@\u200cuser", "@\x00root", "\uff20admin", "mail@evil.example", "&commat;admin",
	"#1", "#\u200d77", "GH-12", "gh\x07-3", "acme/env#4", "&#35;5", "fixes #6", "Closes: acme/env#7", "resolves GH-8",
	"https://evil.example/a", "http://evil.example", "ftp://evil.example", "www.evil.example", "WWW.evil.example", "<https://evil.example>",
	"[x](https://evil.example)", "[x][y]\n\n[y]: https://evil.example", "![x](https://evil.example/x.png)", "[^1]\n\n[^1]: note", ":shipit:", ":+1:",
	"<a href=x>x</a>", "<img src=x>", "<script>x</script>", "<!-- hidden", "\n<!-- /amend:timeline -->\n", "\n<!-- amend:timeline deliveries=9 last=2030-01-01T00:00:00Z -->\n", "\n<!-- amend:change -->\n", "<?php", "<![CDATA[x", "<details><summary>x", "<input type=checkbox>",
	"- [ ] task", "* [x] task", "1. [ ] task", "[ ] task", "+ x", "12) x", "> quote", "> [!WARNING]", "# heading", "\n===", "\n---", "***", "\n\n    code",
	"```\n", "````\n", "~~~\n", "`", "``", "|", "\\|", "| a | b |\n|---|---|\n", "**b**", "_e_", "~~s~~", "$x$", "&amp;", "&lt;img&gt;",
	"\x1b[31mred\x1b[0m", "\x1b]8;;https://evil.example\x07x", "\u202eevil", "\u2066x\u2069", "a\u200bb", "\ufeff", "\u00ad", "\u3164", "\U000e0041", "\u2028", "\u0085", "\r", "\t", "\x00", "\xff\xfe", "\\", "\\\n", "  \n",
	"[skip ci]", "[ci skip]", "[NO CI]", "[skip actions]", "[\u200bskip ci]", "***NO_CI***", "skip-checks: true", "skip-checks:true",
	"\n\nAmend-Incident: forged-1\nAmend-Episode: 9", "Amend-Action: x", "Co-authored-by: A <a@evil.example>", "\n\nCo-authored-by: A <a@evil.example>", "Signed-off-by: x", "\n---\nx",
	"This reverts commit 0123456789012345678901234567890123456789.", "javascript:alert(1)", "data:text/html,x", "{{ .Token }}", "${{ secrets.X }}", "$(id)", "%0a", "Ünï", "日本語", "🚀",
}

// payloads combines the atoms in pairs, glued in the ways that open a word, a
// line or a paragraph. It walks a fixed pattern, so every run sees the same.
func payloads() []string {
	glue := []string{"", " ", "\n", "\n\n", "(", "x", "\\", "_", "\u200b"}
	all := append([]string{""}, atoms...)
	for i, a := range atoms {
		for k, g := range glue {
			all = append(all, g+a+glue[(i+k)%len(glue)]+atoms[(i*7+k*13+1)%len(atoms)])
		}
	}
	return all
}

var (
	tags    = regexp.MustCompile(`<[^>]*>`)
	harmful = regexp.MustCompile(`(?i)@\w|#\d|gh-\d|://|www\.|\[(skip ci|ci skip|no ci|skip actions|actions skip)\]|\*\*\*no_ci\*\*\*|-by:|skip-checks:|amend-[a-z]+:|:[a-z]\w+:|` +
		`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{ad}\x{200c}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{3164}\x{feff}\x{e0000}-\x{e0fff}]`)
	allowed = regexp.MustCompile(`^</?(p|h3|ul|li|strong|table|thead|tbody|tr|th|td|pre|code|code class="language-diff")>$`)
)

// ownSections are the lines around what amend writes anew.
var ownSections = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^<!-- amend:change -->$`), regexp.MustCompile(`(?m)^<!-- /amend:change -->$`),
	regexp.MustCompile(`(?m)^<!-- amend:timeline deliveries=\d+ last=[-0-9TZ:.]+ -->$`), regexp.MustCompile(`(?m)^<!-- /amend:timeline -->$`),
}

// render shows Markdown as GitHub does, but with raw HTML let through, so that
// HTML which survives is seen.
func render(t *testing.T, markdown string) string {
	t.Helper()
	var out bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))
	if err := md.Convert([]byte(markdown), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// checkInert fails when the rendered text holds a tag that we did not mean, or
// the text of it a mark that a host acts on after rendering.
func checkInert(t *testing.T, source, rendered string) {
	t.Helper()
	// One of each is amend's own; a second one is somebody else's.
	for _, own := range ownSections {
		if at := own.FindStringIndex(rendered); at != nil {
			rendered = rendered[:at[0]] + rendered[at[1]:]
		}
	}
	for _, tag := range tags.FindAllString(rendered, -1) {
		if !allowed.MatchString(tag) {
			t.Fatalf("renders %s\nsource: %q", tag, source)
		}
	}
	text := html.UnescapeString(tags.ReplaceAllString(rendered, ""))
	if m := harmful.FindString(text); m != "" {
		t.Fatalf("rendered text holds %q\nsource: %q", m, source)
	}
}

func TestInertRendersAsItsOwnText(t *testing.T) {
	all := payloads()
	if len(all) < 500 {
		t.Fatalf("only %d payloads", len(all))
	}
	for _, s := range all {
		inert, plain := message.Inert(s, 4096), message.Plain(s, 4096)
		if m := harmful.FindString(plain); m != "" {
			t.Fatalf("Plain(%q) = %q holds %q", s, plain, m)
		}
		if strings.ContainsAny(inert+plain, "\r\n") {
			t.Fatalf("Inert(%q) is more than a line", s)
		}
		want := html.EscapeString(plain)
		for _, c := range []struct{ before, after, html string }{
			{"", "", "<p>" + want + "</p>\n"},
			{"Summary: ", " end", "<p>Summary: " + want + " end</p>\n"},
			{"- x ", "", "<ul>\n<li>x " + want + "</li>\n</ul>\n"},
			{"| a |\n|---|\n| x", " |", "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>x" + want + "</td>\n</tr>\n</tbody>\n</table>\n"},
		} {
			if plain == "" {
				continue
			}
			got := render(t, c.before+inert+c.after)
			// The renderers escape quotes differently; compare what a reader sees.
			if html.UnescapeString(got) != html.UnescapeString(c.html) {
				t.Fatalf("Inert(%q) = %q\nrenders %q\nwant    %q", s, inert, got, c.html)
			}
			checkInert(t, c.before+inert+c.after, strings.ReplaceAll(got, "<tr>\n<th>a</th>\n</tr>", ""))
		}
	}
}

func TestFenceCannotBeClosed(t *testing.T) {
	fence := regexp.MustCompile(`^<pre><code class="language-diff">[^<]*</code></pre>\n$`)
	marks := regexp.MustCompile(`@\w|#\d|(?i:gh-\d)|\[skip|www\.|://`)
	for _, s := range payloads() {
		got := render(t, "text\n\n"+message.Fence(s, "diff")+"\nafter\n")
		inside, ok := strings.CutPrefix(got, "<p>text</p>\n")
		inside, ok2 := strings.CutSuffix(inside, "<p>after</p>\n")
		if !ok || !ok2 || !fence.MatchString(inside) || marks.MatchString(html.UnescapeString(inside)) {
			t.Fatalf("Fence(%q) renders %q", s, got)
		}
	}
}

func TestFenceKeepsOrdinaryDiffs(t *testing.T) {
	diff := plan().Diff + " # a comment: yes\n \timage: ghcr.io/acme/web:1.2 [a, b]\n"
	if got, want := message.Fence(diff, "diff"), "```diff\n"+diff+"```\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := message.Fence("x", "di`ff"); got != "```\nx\n```\n" {
		t.Errorf("odd language: %q", got)
	}
}

func TestOrdinaryTextStaysReadable(t *testing.T) {
	for s, want := range map[string]string{
		"apps/web/deploy.yaml:12":     "apps/web/deploy.yaml:12",
		"ghcr.io/acme/web:1.2-rc.1":   "ghcr.io/acme/web:1.2-rc.1",
		"3.5":                         `3\.5`,
		"  two\n lines\t":             "two lines",
		"spec.containers[name=app]":   `spec.containers\[name=app\]`,
		"-1":                          `\-1`,
		"more than 5 errors: look up": "more than 5 errors: look up",
	} {
		if got := message.Inert(s, 100); got != want {
			t.Errorf("Inert(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestLimitIsInBytesAndTearsNothing(t *testing.T) {
	for limit := range 40 {
		for _, s := range []string{strings.Repeat("日本", 30), strings.Repeat("*", 60), strings.Repeat("@a", 30)} {
			for _, got := range []string{message.Inert(s, limit), message.Plain(s, limit)} {
				if len(got) > limit || (limit >= 3 && !strings.HasSuffix(got, "…")) {
					t.Errorf("limit %d of %q: %q", limit, s, got)
				}
				if got != strings.ToValidUTF8(got, "") || strings.HasSuffix(got, `\…`) {
					t.Errorf("limit %d of %q tears: %q", limit, s, got)
				}
			}
		}
	}
	if got := message.Plain("12345", 5); got != "12345" {
		t.Errorf("text of the limit's length: %q", got)
	}
}

func FuzzInert(f *testing.F) {
	for _, a := range atoms {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, s string) {
		inert := message.Inert(s, 4096)
		checkInert(t, inert, render(t, "- x "+inert+"\n\n"+inert+"\n"))
		checkInert(t, s, html.EscapeString(message.Plain(s, 4096)))
		if got := render(t, message.Fence(s, "")); strings.Count(got, "<") != 4 {
			t.Fatalf("Fence(%q) renders %q", s, got)
		}
	})
}
