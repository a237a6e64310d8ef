package writer

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/codeowners"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/report"
)

// news is what was learnt about an open pull request and is not in its body yet.
// Losing it loses some lines of a timeline and, until the alert is delivered
// again, the means to plan anew.
type news struct {
	event  amend.Event // the last delivery of its alert
	commit string      // that this writer itself put at its head, "" when not known
	// unproven is the head of the branch on which its new plan was not proved.
	unproven string
	// closing says that it may have the label of a stale one without being closed.
	closing bool
	offered bool      // its alternatives were shown, or it has none
	said    time.Time // when a person last spoke on it, as far as is known
	message.Update
	served time.Time // when the host was last asked or told something about it
}

// maxDelivered bounds the deliveries that wait for the next update of a body.
const maxDelivered = 50

// remember keeps the event that a pull request was opened for, and its commit.
func (w *Writer) remember(branch string, e amend.Event, commit string) {
	if w.cfg.Keeper != nil {
		w.news[branch] = &news{event: e, commit: commit}
	}
}

// deliver notes that the alert of a pull request was delivered once more. Nobody
// waits for its body to say so.
func (w *Writer) deliver(branch string, e amend.Event) {
	if w.cfg.Keeper == nil || !branchForm.MatchString(branch) {
		return
	}
	n := w.news[branch]
	if n == nil {
		n = &news{}
		w.news[branch] = n
	}
	n.event = e
	if len(n.Deliveries) < maxDelivered {
		n.Deliveries = append(n.Deliveries, e)
	}
}

// happened notes a sentence for the timeline of a pull request.
func (w *Writer) happened(branch, sentence string) {
	if w.news[branch] == nil {
		w.news[branch] = &news{}
	}
	w.news[branch].Happened, w.news[branch].At = sentence, w.cfg.Now()
}

// newPull is the pull request for a decision. The owners of what it edits are
// asked for a review, whom the policy names, and who wrote the commit that it
// takes back. Not to know them is no reason to have no pull request.
func (w *Writer) newPull(ctx context.Context, files fs.FS, branch string, d amend.Decision) NewPull {
	p := NewPull{Branch: branch, Base: w.cfg.Branch, Labels: []string{"amend/" + d.Action, "amend/" + string(d.Mode)}}
	p.Title, p.Body = message.PullRequest(*d.Plan)
	p.Body = message.Beside(p.Body, report.PullRequest(d))
	paths := slices.SortedFunc(maps.Keys(d.Plan.Files), func(a, b amend.RepoPath) int { return strings.Compare(a.String(), b.String()) })
	owners, err := codeowners.Owners(files, paths)
	if err != nil {
		w.cfg.Log.Warn("the code owners of a change are not known", "branch", branch, "error", err)
	}
	p.Reviewers = owners
	if w.cfg.Keeper != nil {
		rules, err := w.cfg.Keeper.PullRules(files, d.Playbook)
		if err != nil {
			w.cfg.Log.Warn("what the policy says of a pull request is not known", "branch", branch, "error", err)
		}
		p.Labels, p.Reviewers = append(p.Labels, rules.Labels...), append(p.Reviewers, rules.Reviewers...)
	}
	if d.Plan.Cause != "" {
		author, err := w.cfg.Host.AuthorOf(ctx, d.Plan.Cause)
		if err != nil {
			w.cfg.Log.Warn("the author of a commit that is taken back is not known", "commit", d.Plan.Cause, "error", err)
		} else if author != "" {
			p.Reviewers = append(p.Reviewers, author)
		}
	}
	slices.Sort(p.Reviewers)
	p.Reviewers = slices.Compact(p.Reviewers)
	return p
}
