package escalation

import (
	"context"
	"fmt"
	"time"

	"github.com/amendhq/amend/internal/approval"
)

// When so many troubles of one kind are open that were raised within foldTime, the
// next ones are folded into one. It waits for foldWait before anybody is told of
// it, so that it can say how many they are, and takes in more for foldTime: what
// comes later may be something else.
const (
	foldAfter = 5
	foldTime  = 10 * time.Minute
	foldWait  = time.Minute
)

// foldTitles is how many of the folded troubles are named.
const foldTitles = 5

// fold puts trouble that is not known by itself into the one that stands for many,
// or takes it out there. It is false when the trouble is to be told of by itself.
func (d *Desk) fold(ctx context.Context, t Trouble) bool {
	for key, m := range d.troubles {
		if !m.folded[t.Key] {
			continue
		}
		if t.Over {
			d.unfold(ctx, key, t.Key)
		}
		return true
	}
	if t.Over {
		return false
	}
	many, single := d.lately(t.Kind)
	if many == nil {
		if single < foldAfter || len(d.troubles) >= maxTroubles {
			return false
		}
		many = d.openFold(t.Kind)
	}
	if len(many.folded) >= maxTroubles {
		d.drop("trouble", "trouble", t.Key)
		return true
	}
	if many.folded[t.Key] = true; len(many.folded) <= foldTitles {
		many.trouble.Text += "\n" + t.Title
	}
	many.count()
	return true
}

// lately returns the open trouble that stands for many of a kind, nil if there is
// none that takes in more, and how many single ones have been raised.
func (d *Desk) lately(kind string) (many *memory, single int) {
	for _, m := range d.troubles {
		switch {
		case m.trouble.Kind != kind || m.state != approval.Open || d.cfg.Now().Sub(m.opened) >= foldTime:
		case m.folded != nil:
			many = m
		default:
			single++
		}
	}
	return many, single
}

func (d *Desk) openFold(kind string) *memory {
	now := d.cfg.Now()
	m := &memory{
		told: map[string]approval.Outcome{}, state: approval.Open, opened: now, wake: now.Add(foldWait), folded: map[string]bool{},
		trouble: &Trouble{Kind: kind, Text: "These came at once with others of the same kind, which were told of one by one. The first of them:"},
	}
	d.troubles[fmt.Sprintf("%sstorm-%s-%d", troublePrefix, kind, now.UnixMilli())] = m
	return m
}

// unfold takes one out, and ends the trouble with the last.
func (d *Desk) unfold(ctx context.Context, key, one string) {
	m := d.troubles[key]
	delete(m.folded, one)
	if len(m.folded) == 0 {
		m.state = approval.Closed
		d.lookAtTrouble(ctx, key)
		return
	}
	m.count()
}

// count says how many there are now.
func (m *memory) count() {
	m.trouble.Title = fmt.Sprintf("amend needs a person: %d more (%s)", len(m.folded), m.trouble.Kind)
}
