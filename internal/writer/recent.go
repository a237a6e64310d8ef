package writer

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// Records implements pipeline.Past: what landed and what is staged, what summaries
// propose and, for a playbook that opens pull requests, those too.
func (v view) Records(since time.Time, mode amend.Mode) ([]amend.Record, error) {
	records := v.w.past.index.Since(since)
	for _, s := range v.staged {
		if s.decision.Acts() {
			records = append(records, s.decision.Record())
		}
	}
	if mode == amend.Suggest {
		return records, nil
	}
	if v.storm != nil {
		for _, s := range v.storm.staged {
			records = append(records, s.decision.Record())
		}
	}
	together, err := v.together(since)
	if err != nil || !v.pulls && mode != amend.PullRequest {
		return append(records, together...), err
	}
	waiting, err := v.waiting(since)
	return slices.Concat(records, together, waiting), err
}

// Reviews implements pipeline.Past: how long the pull requests took that people, or
// the host for them, have merged.
func (v view) Reviews(since time.Time) ([]time.Duration, error) { return v.reviews(since) }

// reviews asks the host, once in a round. Of more pull requests than it lists
// nothing is known.
func (r *round) reviews(ctx context.Context, since time.Time) ([]time.Duration, error) {
	if r.reviewed {
		return r.took, nil
	}
	pulls, err := r.w.cfg.Host.PullsSince(ctx, r.w.cfg.Branch, since)
	if err != nil && amend.KindOf(err) != amend.Refused {
		return nil, err
	}
	for _, p := range pulls {
		if p.State == amend.EpisodeLanded && branchForm.MatchString(p.Branch) {
			r.took = append(r.took, p.At.Sub(p.OpenedAt))
		}
	}
	r.reviewed = true
	return r.took, nil
}

// proposals returns the changes that pull requests propose: those opened after a
// time, whatever became of them, and all that are open, except for those that are
// in the branch. The host is asked once in a round; what the round opens itself is
// added.
func (r *round) proposals(ctx context.Context, since time.Time) ([]amend.Record, error) {
	if r.listed {
		return r.proposed, nil
	}
	pulls, err := r.w.pullsSince(ctx, since)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(pulls, func(p Pull) bool {
		return p.State == amend.EpisodeOpen && branchForm.MatchString(p.Branch) && !r.w.cfg.Repo.Has(p.Commit)
	}) {
		if err := r.w.cfg.Repo.Fetch(ctx); err != nil { // their branches tell the workloads
			return nil, err
		}
	}
	for _, p := range pulls {
		record, ok := r.w.proposal(p)
		if _, landed := r.w.past.index.Record(record.Incident, record.Episode); ok && !landed {
			r.proposed = append(r.proposed, record)
		}
	}
	r.listed = true
	return r.proposed, nil
}

// branchForm is the form of amend.Branch, with the playbook in the incident.
var branchForm = regexp.MustCompile(`^amend/(([a-z0-9-]+)-[0-9a-f]{10})-([1-9][0-9]{0,6})$`)

// proposal is the change that a pull request of ours proposes. The workload is
// in its commit only; where that is not at hand any more, Target is empty.
func (w *Writer) proposal(p Pull) (amend.Record, bool) {
	m := branchForm.FindStringSubmatch(p.Branch)
	if m == nil {
		return amend.Record{}, false
	}
	episode, err := strconv.Atoi(m[3])
	if err != nil {
		return amend.Record{}, false
	}
	r := amend.Record{Incident: m[1], Playbook: m[2], Episode: episode, Commit: p.Commit, At: p.OpenedAt, Open: p.State == amend.EpisodeOpen}
	if !w.cfg.Repo.Has(p.Commit) {
		return r, true
	}
	if c, err := w.commit(p.Commit); err == nil {
		if known, ok := ledger.FromCommit(c.SHA, c.At, c.Message); ok && known.Incident == r.Incident {
			r.Target = known.Target
		}
	}
	return r, true
}
