package thread

import (
	"fmt"
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// thread tells all that is known of a change.
func (h *history) thread(c change, src Sources) Thread {
	last := h.last(c)
	t := Thread{
		Incident: c.trailers.Incident, Episode: c.trailers.Episode, Playbook: c.trailers.Playbook, Action: c.trailers.Action,
		Workload: c.trailers.Workload.String(), Event: c.trailers.Alert, Commit: last.SHA, PullRequest: h.pull(c),
		Edited: fmt.Sprintf("%s:%d", last.trailers.Path, last.trailers.Line), Trace: c.trailers.Trace,
	}
	t.Steps = append(t.Steps, h.began(c, src.Decisions)...)
	for _, d := range src.Decisions {
		if d.EventID == t.Event || d.Incident == t.Incident && d.Episode == t.Episode {
			t.Steps = append(t.Steps, decided(d)...)
		}
		if of(d, c) && d.Change != nil && t.PullRequest == 0 {
			t.PullRequest = d.Change.Number
		}
	}
	t.Steps = append(t.Steps, Step{At: c.At, Stage: Changed, Text: c.subject, Commit: c.SHA})
	for _, m := range h.landings(c.SHA) {
		step := Step{At: m.At, Stage: Merged, Text: "merged into the branch", Commit: m.SHA}
		if h.replaced(m) {
			step.Stage, step.Text = Changed, "planned anew on "+m.Parents[0]
		}
		t.Steps = append(t.Steps, step)
	}
	t.Steps = append(t.Steps, logged(last, src.Log))
	t.Steps = append(t.Steps, verified(c, src)...)
	t.Steps = append(t.Steps, h.reverted(c)...)
	inOrder(t.Steps)
	return t
}

// began says when the alert started: as a decision has it, else as the message.
func (h *history) began(c change, decisions []amend.Decision) []Step {
	text := c.facts["Why"]
	if s := c.facts["Summary"]; s != "" {
		text += ": " + s
	}
	at, _ := time.Parse(time.RFC3339, c.facts["Since"]) // zero when it is not said
	for _, d := range decisions {
		if of(d, c) && d.Plan != nil {
			at = d.Plan.Request.Event.Alert.StartsAt
		}
	}
	if text == "" && at.IsZero() {
		return nil
	}
	return []Step{{At: at, Stage: Alert, Text: text}}
}

func decided(d amend.Decision) []Step {
	return []Step{
		{At: d.ReceivedAt, Stage: Accepted, Text: "accepted as event " + d.EventID},
		{At: d.DecidedAt, Stage: Decided, Text: fmt.Sprintf("%s: %s", d.Reason, d.Detail)},
	}
}

// ofDecision tells what became of an event that led to no change in the history.
func ofDecision(d amend.Decision) Thread {
	t := Thread{Incident: d.Incident, Episode: d.Episode, Playbook: d.Playbook, Action: d.Action, Event: d.EventID, Steps: decided(d)}
	if d.Workload.Name != "" {
		t.Workload = d.Workload.String()
	}
	if d.Change != nil {
		t.Commit, t.PullRequest = d.Change.Commit, d.Change.Number
		if d.Acts() {
			t.Steps = append(t.Steps, Step{At: d.ChangedAt, Stage: Changed, Text: "not in the history of this branch", Commit: d.Change.Commit})
		}
	}
	return t
}

// logged says whether the log has the change.
func logged(c change, log ledger.Log) Step {
	for _, r := range log.Records {
		if r.Commit == c.SHA {
			return Step{Stage: Recorded, Text: "in " + ledger.LogFile}
		}
		if r.Incident == c.trailers.Incident && r.Episode == c.trailers.Episode {
			return Step{Stage: Recorded, Text: "in " + ledger.LogFile + ", under another commit", Commit: r.Commit}
		}
	}
	return Step{Stage: Recorded, Text: "not in " + ledger.LogFile + " yet; amend log adds it"}
}

// verified says what became of the change: as a decision has it, else as the log.
func verified(c change, src Sources) []Step {
	for _, d := range src.Decisions {
		if d.Incident == c.trailers.Incident && d.Episode == c.trailers.Episode && d.Verdict != nil {
			return []Step{{At: d.Verdict.At, Stage: Verified, Text: string(d.Verdict.State) + ": " + d.Verdict.Detail}}
		}
	}
	for _, r := range src.Log.Records {
		if r.Incident == c.trailers.Incident && r.Episode == c.trailers.Episode && r.Verdict != "" {
			return []Step{{At: r.VerifiedAt, Stage: Verified, Text: string(r.Verdict)}}
		}
	}
	return nil
}

// reverted lists the commits that took the change back, or the merge that
// brought it, and those that took them back in turn.
func (h *history) reverted(c change) []Step {
	var steps []Step
	queue := []string{c.SHA}
	for _, m := range h.landings(c.SHA) {
		queue = append(queue, m.SHA)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, r := range h.takers[queue[0]] {
			by := "a person"
			if _, ours := message.ParseTrailers(r.Message); ours {
				by = "amend"
			}
			steps = append(steps, Step{At: r.At, Stage: Reverted, Text: fmt.Sprintf("%s took %s back", by, queue[0]), Commit: r.SHA})
			queue = append(queue, r.SHA)
		}
	}
	return steps
}

// inOrder sorts steps by time, to the second as Git knows it. Those of the same
// second stay as they were added, and a step without a time behind the one that it
// was added after.
func inOrder(steps []Step) {
	type timed struct {
		Step
		at time.Time
	}
	var last time.Time
	order := make([]timed, 0, len(steps))
	for _, s := range steps {
		if !s.At.IsZero() {
			last = s.At
		}
		order = append(order, timed{s, last})
	}
	slices.SortStableFunc(order, func(a, b timed) int { return a.at.Truncate(time.Second).Compare(b.at.Truncate(time.Second)) })
	for i, t := range order {
		steps[i] = t.Step
	}
}
