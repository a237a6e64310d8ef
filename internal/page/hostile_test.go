package page_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/page"
)

// hostile are texts that try to become markup, in combination.
func hostile() []string {
	atoms := []string{
		"<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", `"><b>x</b>`, `'><b>x</b>`,
		`" onmouseover="alert(1)`, "' autofocus onfocus='alert(1)", "</td></tr></table><h1>x</h1>", "</code></pre><form action=//evil.example>", "<!--", "-->", "<![CDATA[", "]]>",
		"<style>*{display:none}</style>", "<link rel=stylesheet href=//evil.example>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0>", "<iframe src=//evil.example>",
		"javascript:alert(1)", "data:text/html,<script>", "{{.Repo}}", "{{template \"page\"}}", "${{secrets.X}}", "&lt;b&gt;", "&#60;b&#62;", "\u003cb\u003e", "<b", "</", "<", ">", "&", "\"", "'", "`",
		"\u202etxt.exe\u202c", "\u2066x\u2069", "\u200b", "\ufeff", "\x00", "\x1b[31m", "\xff\xfe", "\r\n\r\n<b>", "<plaintext>", "<textarea>", "<title>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "<math><mi//xlink:href=\"data:x\">", "+ADw-script+AD4-",
	}
	var all []string
	for i, a := range atoms {
		all = append(all, a)
		for k := range 10 {
			all = append(all, a+[]string{"", " ", "\n", "\"", ">", "'"}[(i+k)%6]+atoms[(i*5+k*11+1)%len(atoms)])
		}
	}
	return append(all, strings.Repeat("<b>", 50_000), strings.Repeat("Z\u0351\u036b\u0343", 2000))
}

// skeleton is all of a document that is not text: elements with their attributes
// but for values that are ids or addresses of ours anyway.
func skeleton(t *testing.T, body string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			fmt.Fprintf(&b, "<%s", n.Data)
			for _, a := range n.Attr {
				fmt.Fprintf(&b, " %s=%q", a.Key, a.Val)
			}
			b.WriteString(">\n")
		case html.CommentNode:
			fmt.Fprintf(&b, "comment %q\n", n.Data)
		}
	}
	return b.String()
}

// Whatever an alert says, wherever it is quoted, the page has the same elements
// and attributes as with a harmless one, and shows nothing invisible.
func TestHostileTextStaysText(t *testing.T) {
	paths := []string{"/", "/incident/" + trailers("web", 1).Incident, "/incident/" + trailers("queue", 1).Incident, "/incident/gone0123456789"}
	want := map[string]string{}
	harmless := pages(&source{facts: facts("harmless")})
	for _, path := range paths {
		want[path] = skeleton(t, get(harmless, path).Body.String())
	}
	all := hostile()
	for i, text := range all {
		p := pages(&source{facts: facts(text)})
		path := []string{paths[0], paths[1+i%3]}[i%2]
		w := get(p, path)
		body := w.Body.String()
		if got := skeleton(t, body); w.Code != http.StatusOK || got != want[path] {
			t.Fatalf("%s with %q: %d, other elements than with a harmless text:\n%s", path, text, w.Code, body)
		}
		if i := strings.IndexAny(body, "\x00\x1b\u200b\u202e\u2066\ufeff"); i >= 0 {
			t.Fatalf("%s with %q shows what cannot be seen: %q", path, text, body[max(0, i-40):i+10])
		}
	}
	if len(all) < 500 {
		t.Errorf("only %d texts were tried", len(all))
	}
}

// Names that come from Git and the host are no more to be trusted.
func TestHostileNames(t *testing.T) {
	for texts := range slices.Chunk(hostile(), 25) {
		f := facts("x")
		f.Pulls = nil
		for _, text := range texts {
			f.Pulls = append(f.Pulls, page.Pull{Number: 7, URL: text, Branch: text}, page.Pull{Number: 8, URL: "https://evil.example/" + text, Branch: "amend/" + text})
			d := refused("x", 1, amend.ReasonComputed, "")
			d.EventID, d.Incident, d.Workload.Name, d.Playbook, d.Action = text, text, text, text, text
			f.Decisions = append(f.Decisions, d)
		}
		body := get(pages(&source{facts: f}), "/").Body.String()
		for _, tag := range []string{"<script", "<img", "<b>", "<iframe", "<form", "<base", "<h1>x", "onerror=\"", "onload=\"", "href=\"javascript:", "href=\"data:"} {
			if i := strings.Index(body, tag); i >= 0 {
				t.Fatalf("one of %q becomes %q", texts, body[max(0, i-100):min(i+100, len(body))])
			}
		}
	}
}
