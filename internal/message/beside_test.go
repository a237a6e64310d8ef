package message_test

import (
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/message"
)

func TestBesideKeepsTheRest(t *testing.T) {
	const sections = "\n### Hypothesis\n\n- It leaks.\n"
	_, body := message.PullRequest(plan())
	got := message.Beside(body, sections)
	if strings.Replace(got, sections, "", 1) != body || strings.Index(got, sections) > strings.Index(got, "### Timeline") {
		t.Errorf("got\n%s", got)
	}
	ours, ok := message.ParseTrailers(got)
	if want, _ := message.ParseTrailers(body); !ok || ours != want {
		t.Errorf("trailers %+v", ours)
	}
	anew := plan()
	anew.Edits[0].New = "7"
	if updated := message.Updated(got, message.Update{Plan: &anew}); !strings.Contains(updated, sections) || !strings.Contains(updated, "| 3 | 7 |") {
		t.Errorf("an update gives\n%s", updated)
	}
	if huge := message.Beside(body, strings.Repeat("x", 65000)); huge != body {
		t.Error("there is no room left for updates")
	}
}
