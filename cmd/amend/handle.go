package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

// The wait between two tries grows from retryMin to retryMax.
const (
	retryMin = 250 * time.Millisecond
	retryMax = 30 * time.Second
)

// handle takes one event of the bus to its one recorded decision, which ends the
// event. A crash before that handles it again, and the writer then finds in Git what
// was done already.
func (s *server) handle(ctx context.Context, e amend.Event, _ int) error {
	if s.flags.recordEvents != "" {
		if err := recordEvent(s.flags.recordEvents, e); err != nil {
			s.log.Warn("the event is not kept for a replay", "request", e.ID, "error", err)
		}
	}
	d, err := s.decide(ctx, e)
	if err != nil {
		return err
	}
	if err := s.bus.RecordDecision(ctx, d); err != nil {
		return err
	}
	s.decisions.observe(d)
	s.closer.observe(d)
	traceDecision(s.tracer, e, d)
	s.approvals.observe(d)
	return nil
}

// decide repeats what may work later until the deadline, and then decides that
// the change failed: the alert's next delivery starts again.
func (s *server) decide(ctx context.Context, e amend.Event) (amend.Decision, error) {
	started := time.Now()
	for wait := retryMin; ; wait = min(2*wait, retryMax) {
		d, err := s.writer.Handle(ctx, e, nil)
		if err == nil || ctx.Err() != nil {
			return d, err
		}
		pause := wait/2 + rand.N(wait/2) // jitter, so that lanes do not come in step
		if at, ok := github.RetryAt(err); ok {
			pause = max(pause, time.Until(at))
		}
		late := time.Since(started)+pause > s.flags.giveUp
		if amend.KindOf(err) != amend.Transient && amend.KindOf(err) != amend.Conflict || late {
			return failed(d, e, err), nil
		}
		s.log.Warn("trying again", "request", e.ID, "wait", pause.String(), "error", amend.Public(err))
		select {
		case <-ctx.Done():
			return amend.Decision{}, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// failed is the decision about an event that could not be carried out; d says
// what is known of it.
func failed(d amend.Decision, e amend.Event, err error) amend.Decision {
	d.EventID, d.Alert, d.ReceivedAt, d.DecidedAt = e.ID, e.Alert.Name(), e.Time, time.Now()
	d.Reason, d.Detail = amend.ReasonFailed, amend.Public(err)
	if r := amend.ReasonOf(err); r != "" {
		d.Reason = r
	}
	return d
}
