package writer

import (
	"context"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

// offered marks a pull request whose alternatives were shown, or were to be.
const offered = "amend/alternatives"

// maxOffers bounds for how many pull requests alternatives are looked for each
// time: each of them is planned, and one call shows them.
const maxOffers = 3

// A Review comments on a pull request at a commit, and neither approves nor
// objects.
type Review struct {
	Commit      string
	Body        string
	Suggestions []message.Suggestion
}

// offer shows once, in a review, what else a pull request could propose, as far as
// that is known: without the alert nothing can be planned.
func (w *Writer) offer(ctx context.Context, k *kept, left *effort) error {
	n := w.news[k.Branch]
	if w.cfg.Alternatives == nil || !k.rules.Offer || n.event.ID == "" || n.offered || left.offers == 0 || slices.Contains(k.Labels, offered) {
		return nil
	}
	left.offers--
	all, err := w.alternatives(ctx, k)
	if err = unless(err, amend.NotFound, amend.Invalid, amend.Refused); err != nil {
		return err
	}
	n.offered = true
	body, suggestions := message.Alternatives(all)
	if body == "" {
		return nil
	}
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		n.offered = false
		return err
	}
	return w.cfg.Host.Review(ctx, k.Number, offered, Review{Commit: k.Commit, Body: body, Suggestions: suggestions})
}

// alternatives are those to the change of a pull request on what it was planned on.
func (w *Writer) alternatives(ctx context.Context, k *kept) ([]amend.Alternative, error) {
	base, err := w.cfg.Repo.Tree(k.base)
	if err != nil {
		w.doubtful = true
		return nil, err
	}
	r := &round{w: w, start: Committed{SHA: k.base}, base: base}
	world := w.planWorld(ctx, r)
	return w.cfg.Alternatives(world, pipeline.Proposal{Record: k.record, Event: w.news[k.Branch].event, Tree: k.files})
}
