package writer_test

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/writer"
)

// mail is the committer's of what the writer has the hub commit.
const mail = "amend@example.com"

// A keeper stands for the pipeline, as decide does: planning anew is the same
// edit on what is there now.
type keeper struct {
	rules  pipeline.PullRules
	refuse amend.Reason // of every plan
	hold   amend.Reason // against landing
}

func (k *keeper) PullRules(fs.FS, string) (pipeline.PullRules, error) { return k.rules, nil }

func (k *keeper) Replan(w pipeline.World, old pipeline.Proposal) (amend.Decision, error) {
	labels := old.Event.Alert.Labels
	d := amend.Decision{Reason: amend.ReasonAct, Incident: old.Incident, Episode: old.Episode, Playbook: old.Playbook, Action: old.Action}
	if k.refuse != "" {
		d.Reason, d.Detail = k.refuse, "It cannot be."
		return d, nil
	}
	path, err := amend.ParseRepoPath(labels["file"])
	if err != nil {
		return d, err
	}
	now, err := fs.ReadFile(w.Tree, path.String())
	if err != nil {
		return d, err
	}
	then, err := fs.ReadFile(old.Tree, path.String())
	if err != nil {
		return d, err
	}
	req := amend.Request{Event: old.Event, Playbook: "p", Action: "increment", Mode: amend.PullRequest,
		Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: labels["name"]}}}
	d.Plan, err = increment(now, req, path)
	switch {
	case err != nil:
	case d.Plan == nil:
		d.Reason = amend.ReasonNotInRepo
	case value(then, labels["name"]) == d.Plan.Edits[0].Old:
		d.Reason, d.Plan = amend.ReasonNoChange, nil
	default:
		d.Plan.Episode = old.Episode
	}
	return d, err
}

func value(content []byte, name string) string {
	for line := range strings.SplitSeq(string(content), "\n") {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return v
		}
	}
	return ""
}

func (k *keeper) Landing(w pipeline.World, _ amend.Record) (amend.Reason, string, error) {
	if k.hold != "" {
		return k.hold, "", nil
	}
	if _, err := fs.Stat(w.Tree, pipeline.StopFile); err == nil {
		return amend.ReasonKillSwitch, "", nil
	}
	return amend.ReasonAct, "", nil
}

// What follows is the hub's part of keeping pull requests.

// shown is a pull request as the host reports it now.
func (h *hub) shown(p *request) writer.Pull {
	if head, ok := h.branches[p.branch]; ok && p.State == amend.EpisodeOpen {
		p.Commit = head
	}
	return p.Pull
}

func (h *hub) OpenPulls(context.Context, string) (pulls []writer.Pull, err error) {
	err = h.call("list open pulls", func() error {
		for _, p := range h.pulls {
			if p.State == amend.EpisodeOpen {
				pulls = append(pulls, h.shown(p))
			}
		}
		return nil
	})
	return pulls, err
}

func (h *hub) SetBody(_ context.Context, number int, body string) error {
	return h.call("set body", func() error {
		h.pulls[number-1].Body = body
		return nil
	})
}

func (h *hub) Remark(_ context.Context, number int, label, comment string) error {
	return h.call("remark", func() error {
		p := h.pulls[number-1]
		p.Labels, p.comments = append(p.Labels, label), append(p.comments, comment)
		return nil
	})
}

func (h *hub) Review(_ context.Context, number int, label string, r writer.Review) error {
	return h.call("review", func() error {
		p := h.pulls[number-1]
		p.Labels, p.reviews = append(p.Labels, label), append(p.reviews, r)
		return nil
	})
}

// Unclose is the hub's part of Proposals: Reopened stands for the label of closing.
func (h *hub) Unclose(_ context.Context, number int, label string) error {
	return h.call("unclose", func() error {
		p := h.pulls[number-1]
		if !slices.Contains(p.Labels, label) {
			p.Labels = append(p.Labels, label)
		}
		p.Reopened = false
		return nil
	})
}

func (h *hub) AuthorOf(_ context.Context, sha string) (login string, err error) {
	err = h.call("author of", func() error {
		login = h.commits[sha].by
		return nil
	})
	return login, err
}

func (h *hub) LastWord(_ context.Context, number int, since time.Time) (at time.Time, err error) {
	err = h.call("last word", func() error {
		if said := h.pulls[number-1].said; said.After(since) {
			at = said
		}
		return nil
	})
	return at, err
}

func (h *hub) Ready(_ context.Context, number int, sha string) (missing string, err error) {
	err = h.call("ready", func() error {
		if p := h.pulls[number-1]; p.State != amend.EpisodeOpen || h.branches[p.branch] != sha || !p.green {
			missing = "not green"
		}
		return nil
	})
	return missing, err
}

func (h *hub) MergePull(_ context.Context, number int, sha, _ string) error {
	return h.call("merge pull", func() error {
		p := h.pulls[number-1]
		if p.State != amend.EpisodeOpen || h.branches[p.branch] != sha {
			return amend.Errorf(amend.Conflict, "merge", "the head is another one")
		}
		h.mergeLocked(p)
		return nil
	})
}

// changed lists the files in which a pull request differs from the commit that
// its branch and main have in common last, as its host shows it.
func (h *hub) changed(p *request) map[string]string {
	head := h.branches[p.branch]
	ancestors := map[string]bool{}
	for sha := range h.walk(h.branches["main"]) {
		ancestors[sha] = true
	}
	for sha, c := range h.walk(head) {
		if !ancestors[sha] {
			continue
		}
		diff := map[string]string{}
		for name, content := range h.commits[head].files {
			if c.files[name] != content {
				diff[name] = content
			}
		}
		return diff
	}
	return nil
}

// later lets the time pass after which pull requests are looked after again.
func (b *bench) later() {
	b.t.Helper()
	time.Sleep(2 * time.Minute)
	if err := b.writer.Sweep(context.Background()); err != nil {
		b.t.Error(err)
	}
}
