package writer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// Revert takes the change that r names back, by its commit as for Change: one
// commit on the branch after which every file of the change holds the exact bytes
// from before it.
//
// The decision is amend.ReasonReverted with the commit that took the change
// back, whoever made it and whenever: so a second call does nothing. When one of
// the files does not hold what the change wrote, it is amend.ReasonChangedSince
// and names the file. When a pull request is asked for, it is
// amend.ReasonRevertProposed, also where other lines of a file have changed since.
// No policy, budget or freeze is asked: only the kill switch stops it. A commit
// that is no change of ours, or is unknown, is amend.NotFound. Allow is asked as
// in Handle.
func (w *Writer) Revert(ctx context.Context, r amend.Reversal, allow Allow) (amend.Decision, error) {
	if r.Commit != "" || r.Incident == "" {
		if err := checkSHAs(r.Commit); err != nil {
			return amend.Decision{}, err
		}
	}
	return w.submit(ctx, &job{reversal: &r, allow: allow})
}

// takeBack decides about a revert.
func (r *round) takeBack(ctx context.Context, j *job) (staged, error) {
	s := staged{job: j}
	c, err := r.meant(ctx, *j.reversal)
	if err != nil {
		return s, err
	}
	s.decision = amend.Decision{
		EventID: c.record.Alert, Playbook: c.record.Playbook, Action: c.record.Action, Mode: amend.Commit,
		Workload: amend.Workload{ObjectRef: c.trailers.Workload}, Incident: c.record.Incident, Episode: c.record.Episode,
		Reason: amend.ReasonReverted, ReceivedAt: j.reversal.At, DecidedAt: r.w.cfg.Now(),
	}
	by, again, err := r.w.undone(c)
	switch {
	case err != nil:
		return s, err
	case again != "":
		return s.refused(amend.Refusef(amend.ReasonChangedSince, "the commit %s took the change back and %s brought it again; if it is to go after all, take that one back by hand", by, again)), nil
	case by != "":
		s.decision.Change = r.w.cfg.commitChange(by)
		s.decision.Detail = fmt.Sprintf("The commit %s took the change back; nothing is left to do.", by)
		return s, nil
	}
	exact := true
	s.files, err = r.restore(c)
	if j.reversal.Propose && amend.ReasonOf(err) == amend.ReasonChangedSince && c.alone {
		exact = false
		s.files, err = r.remainder(c, err)
	}
	if amend.KindOf(err) == amend.Refused {
		return s.refused(err), nil
	}
	if err != nil {
		return s, err
	}
	if exact {
		whole, err := r.w.makes(ctx, c.after, c.before, s.files)
		if err != nil {
			return s, err
		}
		if !whole {
			return s.refused(amend.Refusef(amend.ReasonChangedSince, "the commit %s changed more than the content of files; take it back by hand", c.after)), nil
		}
	}
	return s.reverts(c, exact)
}

// meant finds the change that a reversal names.
func (r *round) meant(ctx context.Context, reversal amend.Reversal) (change, error) {
	commit := reversal.Commit
	if commit == "" {
		for _, e := range slices.Backward(r.w.past.index.Episodes(reversal.Incident)) {
			c, err := r.w.find(ctx, r.start.SHA, e.Change.Commit)
			if err != nil {
				return change{}, err
			}
			if by, _, err := r.w.undone(c); by == "" || err != nil {
				return c, err
			}
		}
		return change{}, amend.Errorf(amend.NotFound, "find change", "no change of the incident %.80q is in the branch %s, or each was taken back", reversal.Incident, r.w.cfg.Branch)
	}
	return r.w.find(ctx, r.start.SHA, commit)
}

// reverts completes the decision to take a change back with its texts.
func (s staged) reverts(c change, exact bool) (staged, error) {
	s.decision.Detail = fmt.Sprintf("The change of episode %d is taken back: its files hold the bytes from before it.", c.record.Episode)
	if s.job.reversal.Propose {
		s.decision.Mode, s.decision.Reason = amend.PullRequest, amend.ReasonRevertProposed
		s.decision.Detail = fmt.Sprintf("A pull request proposes to take the change of episode %d back.", c.record.Episode)
		s.title, s.body = proposal(c, *s.job.reversal, exact)
	}
	text := message.RevertLines
	if exact {
		text = message.Revert
	}
	s.message = text(c.trailers, c.record.Commit, slices.Collect(maps.Keys(s.files)), s.job.reversal.At)
	if sha, ok := ledger.Reverts(s.message); !ok || sha != c.record.Commit {
		return s, amend.Errorf(amend.Internal, "draft", "the message of the revert of %s does not read back, so nothing is written", c.record.Commit)
	}
	return s, nil
}

// restore returns the files of a change as they were before it. It refuses
// unless each still holds what the change wrote, and nothing else came with it.
func (r *round) restore(c change) (map[amend.RepoPath][]byte, error) {
	if err := checkStop(r.base); err != nil {
		return nil, err
	}
	if !c.alone {
		return nil, amend.Refusef(amend.ReasonChangedSince, "other commits came to the branch together with the change, in %s; take it back by hand", c.landing)
	}
	before, err := r.w.cfg.Repo.Tree(c.before)
	if err != nil {
		return nil, err
	}
	after, err := r.w.cfg.Repo.Tree(c.after)
	if err != nil {
		return nil, err
	}
	names, err := differing(before, after, ".")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, amend.Refusef(amend.ReasonChangedSince, "the commit %s changed the content of no file; take it back by hand", c.after)
	}
	files := make(map[amend.RepoPath][]byte, len(names))
	for _, name := range names {
		p, err := amend.ParseRepoPath(name)
		if err != nil || p.Protected() {
			return nil, amend.Refusef(amend.ReasonProtected, "%q is a file that no fix may touch", name)
		}
		same, err := equal(after, r.tip, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if !same {
			return nil, amend.Refusef(amend.ReasonChangedSince, "%s does not hold what the change wrote; take it back by hand", p)
		}
		if files[p], err = fs.ReadFile(before, name); err != nil {
			return nil, err
		}
	}
	return files, nil
}
