package message_test

import (
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

func change(name string, episode int) amend.Record {
	return amend.Record{Incident: name + "-0123456789", Episode: episode, Action: "restart", Target: "Deployment/shop/" + name, Edited: "apps/" + name + ".yaml:7"}
}

func TestSummaryFollowsItsChanges(t *testing.T) {
	a, b, c := change("a", 1), change("b", 1), change("c", 12)
	title, body := message.Summary([]amend.Record{a, b})
	if title != "Changes of a storm of alerts, from restart Deployment/shop/a on" {
		t.Errorf("the title is %q", title)
	}
	body = "Ana: I look at it.\r\n" + strings.ReplaceAll(body, "\n", "\r\n") // as web forms send it
	lines := func(what string, want ...string) {
		t.Helper()
		var got []string
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, "- [") {
				got = append(got, strings.TrimRight(line, "\r\n"))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || !strings.HasPrefix(body, "Ana: I look at it.\r\n") {
			t.Errorf("%s: the list is\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	line := func(box, name, episode string) string {
		return "- [" + box + "] **restart** on Deployment/shop/" + name + ", apps/" + name + ".yaml:7, incident `" + name + "-0123456789`, episode " + episode
	}
	lines("at first", line(" ", "a", "1"), line(" ", "b", "1"))
	body = message.Over(body, a, true)
	body = message.Over(body, change("a", 2), false) // which is not in it
	lines("one is over", line("x", "a", "1"), line(" ", "b", "1"))
	if message.AllOver(body, []amend.Record{a, b}) || !message.AllOver(body, []amend.Record{a}) {
		t.Error("only one is over")
	}
	body = message.Gathered(body, []amend.Record{b, c, a})
	lines("one joined", line("x", "a", "1"), line(" ", "b", "1"), line(" ", "c", "12"))
	if again := message.Gathered(body, []amend.Record{a, b, c}); again != body {
		t.Errorf("the same again gives\n%s", again)
	}
	body = strings.ReplaceAll(message.Over(message.Over(body, b, true), c, true), "- [x] **restart** on Deployment/shop/c", "- [X] **restart** on Deployment/shop/c")
	if !message.AllOver(body, []amend.Record{a, b, c}) || message.AllOver(body, []amend.Record{a, change("d", 1)}) {
		t.Errorf("all are over, and what is not listed is not:\n%s", body)
	}
	body = message.Over(body, c, false)
	lines("one fires again", line("x", "a", "1"), line("x", "b", "1"), line(" ", "c", "12"))
	if torn := strings.ReplaceAll(body, "<!-- /amend:summary -->", ""); message.Gathered(torn, []amend.Record{change("d", 1)}) != torn {
		t.Error("a list that a person took apart is written into")
	}
}

// No path makes a line that passes for another change's, or a second one.
func TestSummaryIsInert(t *testing.T) {
	for _, path := range append(payloads(), "x, incident `b-0123456789`, episode 1") {
		r := change("a", 1)
		r.Edited = path
		_, body := message.Summary([]amend.Record{r})
		if message.Over(body, change("b", 1), true) != body || strings.Count(message.Over(body, r, true), "- [x] ") != 1 {
			t.Fatalf("%q makes\n%s", path, body)
		}
		rendered := render(t, body)
		for _, own := range []string{"<!-- amend:summary -->", "<!-- /amend:summary -->", `<input disabled="" type="checkbox">`} {
			rendered = strings.Replace(rendered, own, "", 1)
		}
		checkInert(t, path, rendered)
	}
}
