package escalation

import (
	"context"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
)

// A Trouble is something that needs a person and has no pull request: a refusal,
// an open breaker, a change that did not help.
type Trouble struct {
	// Key is the same for the same trouble, in the alphabet of
	// approval.Question.Matter and at most 150 long.
	Key, Title, Text, URL string
	// Kind is the same for troubles of the same reason, in the alphabet of Key and
	// at most 50 long. Of many at once that share it most are told of as one.
	Kind string
	// Over says that it has ended.
	Over bool
}

// troublePrefix comes before the key of trouble in approval.Question.Matter.
const troublePrefix = "trouble/"

// Raise tells of trouble, or that it is over. The same trouble is told of once
// until its question expires. It never blocks.
func (d *Desk) Raise(t Trouble) {
	select {
	case d.raised <- t:
	default:
		d.drop("trouble", "trouble", t.Key)
	}
}

func (d *Desk) raise(ctx context.Context, t Trouble) {
	key := troublePrefix + t.Key
	m := d.troubles[key]
	if m == nil && d.fold(ctx, t) {
		return
	}
	switch {
	case m == nil && t.Over:
		return
	case m == nil && len(d.troubles) >= maxTroubles:
		d.drop("trouble", "trouble", t.Key)
		return
	case m == nil:
		m = &memory{told: map[string]approval.Outcome{}, trouble: &t, opened: d.cfg.Now(), state: approval.Open}
		d.troubles[key] = m
	case t.Over:
		m.state = approval.Closed
	default:
		return // it is known
	}
	d.lookAtTrouble(ctx, key)
}

// lookAtTrouble goes on with the chain of trouble.
func (d *Desk) lookAtTrouble(ctx context.Context, key string) {
	f, err := d.openTrouble(ctx, key)
	if err != nil {
		d.cfg.Log.Warn("nobody can be told of trouble now", "trouble", key, "error", amend.Public(err))
		d.troubles[key].wake = d.cfg.Now() // the next sweep tries again
		return
	}
	d.proceed(ctx, f)
}

func (d *Desk) openTrouble(ctx context.Context, key string) (*file, error) {
	m := d.troubles[key]
	if m == nil {
		return nil, amend.Errorf(amend.NotFound, "find trouble", "%.100q is not known", key)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	rules, err := d.cfg.Rules(ctx)
	return &file{
		memory: m, matter: approval.Matter{State: m.state}, entries: slices.Clone(m.unsaved), rules: rules,
		question: approval.Question{Matter: key, Title: m.trouble.Title, Text: m.trouble.Text, URL: m.trouble.URL},
	}, err
}
