package scenario

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// slackApproval: a pull request is shown in Slack with its diff and its commit, and
// a person approves it there. What is merged is that very commit. Where somebody
// has pushed to the branch since, nothing is.
func slackApproval(t *testing.T, w *world) {
	line := newTimeline()
	alerts := []alert{alertFor("Leaking", "shop", "parcels", nil), alertFor("Leaking", "shop", "labels", nil)}
	w.fire(t, 0, alerts...)
	shown, p, m := w.asked(t, "parcels")
	line.mark("pull request %d and its commit %.10s are shown in Slack", p.Number, shown)
	for _, line := range []string{"\n-              memory: 64Mi", "\n+              memory: 96Mi"} {
		if !strings.Contains(m.shown, line) {
			t.Errorf("the message does not show the line %q of the diff:\n%s", line, m.shown)
		}
	}
	w.press(t, m, "U0ADA", "guessed", http.StatusUnauthorized)
	w.press(t, m, "U0EVE", slackSecret, http.StatusOK)
	w.slack.message(t, "U0EVE", "does not name you as an approver")
	w.press(t, m, "U0ADA", slackSecret, http.StatusOK)
	w.slack.message(t, "", "Approved by Ada. amend has merged commit "+shown)
	line.mark("Ada approves it there")
	p = w.env.pull(t, p.Number)
	if parents := w.env.git(t, "log", "-1", "--format=%P", w.merged(t, p)); !strings.HasSuffix(parents, " "+shown) {
		t.Errorf("merged are %s, shown was %s", parents, shown)
	}
	if text := w.env.git(t, "log", "-1", "--format=%B", p.MergeSHA); !strings.Contains(text, "Approved-by: Ada (ada)") {
		t.Errorf("the merge does not say who approved it:\n%s", text)
	}
	w.synced(t, "shop", p.MergeSHA)
	w.memory(t, "shop", "parcels", "96Mi")
	line.mark("Application shop is Synced at the merge of exactly that commit")

	shown, p, m = w.asked(t, "labels")
	line.mark("pull request %d and its commit %.10s are shown in Slack", p.Number, shown)
	pushed := w.env.push(t, p.Head.Ref, edit{"More, please", map[string]rewrite{"apps/shop/labels/deployment.yaml": swapped("memory: 96Mi", "memory: 2Gi")}})[0]
	w.press(t, m, "U0ADA", slackSecret, http.StatusOK)
	w.slack.message(t, "U0ADA", "has changed since")
	line.mark("somebody pushes %.10s, Ada approves what she was shown, and is told that it has changed", pushed)
	line.print(t)
	if p = w.env.pull(t, p.Number); !p.MergedAt.IsZero() || p.State != "open" || p.Head.SHA != pushed {
		t.Errorf("the pull request is %+v, want it open at %s", p, pushed)
	}
	if file := w.env.show(t, "apps/shop/labels/deployment.yaml"); !strings.Contains(file, "memory: 64Mi") {
		t.Errorf("the branch of Argo CD holds\n%s", file)
	}
	for _, a := range alerts {
		w.resolve(t, 0, a)
	}
}

// asked waits until the pull request for a workload is in Slack, and that is on
// record: only then does an answer count.
func (w *world) asked(t *testing.T, workload string) (shown string, p pull, m message) {
	t.Helper()
	eventually(t, "a pull request for "+workload, func() error {
		for _, p = range w.env.pulls(t, "leaking") {
			if strings.Contains(p.Title, "shop/"+workload) {
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	m = w.slack.message(t, "", p.Head.SHA)
	eventually(t, "the pull request says that it was asked about", func() error {
		var comments []struct{ Body string }
		w.env.call(t, http.MethodGet, fmt.Sprintf("/issues/%d/comments", p.Number), nil, &comments)
		for _, c := range comments {
			if strings.Contains(c.Body, "has told the Slack channel") {
				return nil
			}
		}
		return fmt.Errorf("it has %d comments", len(comments))
	})
	return p.Head.SHA, p, m
}

// press lets a person press the button that approves.
func (w *world) press(t *testing.T, m message, user, secret string, want int) {
	t.Helper()
	if got := w.slack.press(t, m, "approve", user, secret); got != want {
		t.Errorf("a press of %s is answered with %d, want %d", user, got, want)
	}
}

// merged waits until the merge of a pull request is in the clone.
func (w *world) merged(t *testing.T, p pull) string {
	t.Helper()
	eventually(t, "the merge", func() error {
		if err := w.env.fetch(t.Context()); err != nil {
			return err
		}
		_, err := w.env.tryGit(t.Context(), "merge-base", "--is-ancestor", p.MergeSHA, "origin/main")
		return err
	})
	return p.MergeSHA
}
