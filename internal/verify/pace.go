package verify

import "time"

// How often Argo CD is read, and how long an Application that does not move is
// left alone before Argo CD is asked to look at Git again.
const (
	firstPoll, lastPoll       = 200 * time.Millisecond, 3 * time.Second
	firstRefresh, lastRefresh = 5 * time.Second, time.Minute
)

// A pace spaces the requests about one Application. Its pauses grow while
// nothing happens, by a fifth so that a stage is noticed within a fifth of the
// time that it took, and start over when something happens.
type pace struct {
	poll, patience time.Duration
	refreshed      time.Time // zero: not yet
	seen           string
}

func newPace() *pace { return &pace{poll: firstPoll, patience: firstRefresh} }

// refreshDue reports whether it is time to ask for a refresh, and assumes that
// it is done then.
func (p *pace) refreshDue(now time.Time) bool {
	first := p.refreshed.IsZero()
	if !first && now.Sub(p.refreshed) < p.patience {
		return false
	}
	if !first {
		p.patience = min(p.patience*2, lastRefresh)
	}
	p.refreshed = now
	return true
}

// next returns how long to wait after a reading, described by what would differ
// had something moved.
func (p *pace) next(reading string) time.Duration {
	if reading != p.seen {
		p.seen, p.poll, p.patience = reading, firstPoll, firstRefresh
	}
	pause := p.poll
	p.poll = min(p.poll*6/5, lastPoll)
	return pause
}
