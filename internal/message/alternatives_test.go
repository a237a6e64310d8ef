package message_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

func TestAlternatives(t *testing.T) {
	path := repoPath("apps/web.yaml")
	edit := amend.Edit{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Field: "spec.replicas",
		Target: amend.Target{Path: path, Line: 4, EndLine: 4}, Old: "2", New: "3"}
	body, suggestions := message.Alternatives([]amend.Alternative{
		{Action: "raise-memory-limit", Why: "It is more.", Edits: []amend.Edit{edit}, Instead: &amend.Replacement{Path: path, Line: 9, EndLine: 9, Text: "  memory: 1Gi\n"}},
		{Action: "scale-replicas", Why: "It is next.", Edits: []amend.Edit{edit}},
		{Action: "roll-back-image", Why: "It is last.", Reason: amend.ReasonNoHistory, Detail: "There is none."},
	})
	wantBody := "The change could be another one. What differs in a proposed line only is suggested there: **Commit suggestion** takes it. " +
		"The branch is yours then, and amend neither plans it anew nor merges it.\n\n" +
		"The playbook also knows these, which no suggestion can show:\n\n" +
		"- **scale-replicas** It is next.\n  - apps/web.yaml:4: spec.replicas, 2 → 3\n" +
		"- **roll-back-image** cannot be done now (no-history). There is none.\n"
	want := []message.Suggestion{{Path: path, Line: 9, EndLine: 9, Body: "**raise-memory-limit** It is more.\n\n```suggestion\n  memory: 1Gi\n```\n"}}
	if diff := cmp.Diff(wantBody, body); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, suggestions, cmp.AllowUnexported(amend.RepoPath{})); diff != "" {
		t.Error(diff)
	}
	if body, suggestions = message.Alternatives(nil); body != "" || suggestions != nil {
		t.Errorf("of nothing: %q, %v", body, suggestions)
	}
}

// Lines are suggested exactly or not at all, and nothing else of them is shown
// as anything but text.
func TestHostileAlternatives(t *testing.T) {
	path := repoPath("apps/web.yaml")
	suggested := 0
	for _, p := range payloads() {
		text := "key: " + p + "\n"
		body, suggestions := message.Alternatives([]amend.Alternative{
			{Action: "x" + p, Why: p, Edits: []amend.Edit{{Field: p, Target: amend.Target{Path: path}, Old: p, New: p}}, Instead: &amend.Replacement{Path: path, Line: 1, EndLine: 1, Text: text}},
			{Action: "x" + p, Why: p, Reason: amend.Reason(p), Detail: p},
		})
		checkInert(t, p, render(t, body))
		for _, s := range suggestions {
			suggested++
			if !strings.Contains(s.Body, "suggestion\n"+text+"```") {
				t.Errorf("of the line %q this is suggested:\n%s", text, s.Body)
			}
			checkInert(t, p, strings.Replace(render(t, s.Body), ` class="language-suggestion"`, "", 1))
		}
	}
	if suggested == 0 {
		t.Error("no line was inert")
	}
}
