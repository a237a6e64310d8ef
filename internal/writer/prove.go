package writer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// A Prover says whether a commit that has not landed does what was planned, by
// other means than those of this process.
type Prover interface {
	// Prove refuses with amend.ReasonUnproven when it does not. After any other
	// error that is not known.
	Prove(ctx context.Context, p Proof) error
}

// A Proof is what is asked about: the difference that Commit, which is on a
// branch of the host, makes to Base.
type Proof struct {
	Base, Commit string
	Changes      []amend.FieldChange
}

// The bounds of the wait for proofs, because other jobs wait too: for one, and
// how long a prover that gave no answer is not asked again.
const (
	maxProof = 3 * time.Minute
	proofGap = 5 * time.Second
)

// A rest is the time for which a prover is taken to be away still.
type rest struct {
	until time.Time
	err   error
}

// prove asks the prover, if there is one.
func (w *Writer) prove(ctx context.Context, base, commit string, plan *amend.Plan) error {
	if w.cfg.Prover == nil || plan == nil {
		return nil
	}
	if w.cfg.Now().Before(w.rest.until) {
		return untried(w.rest.err)
	}
	ctx, cancel := context.WithTimeout(ctx, maxProof)
	defer cancel()
	err := w.cfg.Prover.Prove(ctx, Proof{Base: base, Commit: commit, Changes: plan.RenderDiff})
	if err != nil && amend.ReasonOf(err) != amend.ReasonUnproven {
		w.rest = rest{until: w.cfg.Now().Add(proofGap), err: err}
	}
	return err
}

// proofBranch is where commits are shown before they land. The name holds the
// commit, so one that a crash left behind is right, and harms nothing.
func proofBranch(sha string) string { return "amend-proof/at-" + sha }

// proved has the staged commits proved, on a branch that is there for so long. It
// answers the jobs that cannot land, takes them off, and reports whether all can.
// What takes a change back restores bytes that were live, and is not held up.
func (r *round) proved(ctx context.Context) bool {
	if !r.w.cfg.proves(r.staged) {
		return true
	}
	last := r.staged[len(r.staged)-1].made.SHA
	branch := proofBranch(last)
	err := r.w.cfg.Host.CreateBranch(ctx, branch, last)
	if amend.KindOf(err) == amend.Conflict {
		err = nil
	}
	defer r.w.discard(ctx, branch)
	base := r.start.SHA
	for i, s := range r.staged {
		if err == nil {
			err = r.w.prove(ctx, base, s.made.SHA, s.decision.Plan)
		}
		switch {
		case amend.ReasonOf(err) == amend.ReasonUnproven:
			refused := s.refused(err)
			r.staged = slices.Delete(r.staged, i, i+1)
			refused.job.answer(refused.decision, nil)
			return false
		case err != nil:
			r.fail(i, err)
			return false
		}
		base = s.made.SHA
	}
	return true
}

// proves reports whether there is anything to prove.
func (c Config) proves(all []staged) bool {
	for _, s := range all {
		if c.Prover != nil && s.decision.Plan != nil {
			return true
		}
	}
	return false
}

// fail answers the staged jobs that need a proof, of which one could not be had,
// and keeps the others.
func (r *round) fail(at int, err error) {
	var left []staged
	for i, s := range r.staged {
		switch {
		case s.decision.Plan == nil:
			left = append(left, s)
		case i == at:
			s.job.answer(s.decision, err)
		default:
			s.job.answer(s.decision, untried(err))
		}
	}
	r.staged = left
}

// untried tells a change apart from the one that an error is about.
func untried(err error) error {
	return fmt.Errorf("another change could not be proved, so this one was not tried: %w", err)
}

// discard removes a branch that nothing refers to, even while the writer stops.
func (w *Writer) discard(ctx context.Context, branch string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxAllow)
	defer cancel()
	if err := w.cfg.Host.DeleteBranch(ctx, branch); err != nil {
		w.cfg.Log.Warn("a branch that is not needed any more stays", "branch", branch, "error", err)
	}
}
