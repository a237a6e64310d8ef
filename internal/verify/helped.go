package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// A Prober says whether an expression of the policy yields anything at a time.
type Prober interface {
	Holds(ctx context.Context, query string, at time.Time) (bool, error)
}

// Alerts says whether the alert of an event fires now, silenced or not.
type Alerts interface {
	Fires(ctx context.Context, event string) (bool, error)
}

// Newer says which commit took a commit's change back or took its place, zero while
// there is none.
type Newer interface {
	Superseded(ctx context.Context, commit string) (amend.Successor, error)
}

// The pauses between two questions about the trouble, and about newer changes.
const (
	shortAsk, longAsk = 50 * time.Millisecond, 15 * time.Second
	newerEvery        = 10 * time.Second
)

// Verify says whether a change helped: Applied, and then the witnesses are asked
// until they agree or the deadline of the change's Check is over. Failed means
// that the Application stays degraded, that the probe still finds the trouble at
// the deadline, or that the alert still fires then and there is no probe to say
// otherwise. What nobody can say is Unverified. As soon as Newer names another
// commit, the change is Superseded.
//
// Errors are those of Applied. Those of the witnesses are part of the verdict.
func Verify(ctx context.Context, cfg Config, change Change) (amend.Verdict, error) {
	w := newWatch(cfg, change)
	watching, stop := context.WithCancelCause(ctx)
	var lookout sync.WaitGroup
	if w.cfg.Newer != nil {
		lookout.Go(func() { w.lookOut(watching, stop) })
	}
	defer lookout.Wait()
	defer stop(nil)
	// The alert as it is before the change can have had an effect.
	w.ask(watching, change.At)
	verdict, err := w.run(watching)
	if err == nil && verdict.State == amend.Worked {
		verdict, err = w.helped(watching, verdict)
	}
	var newer superseded
	if errors.As(context.Cause(watching), &newer) {
		verdict, err = amend.Verdict{State: amend.Superseded, Detail: newer.Error()}, nil
	}
	return w.sealed(verdict, err)
}

// superseded ends a verification.
type superseded struct{ by amend.Successor }

func (s superseded) Error() string {
	if s.by.Reverts {
		return fmt.Sprintf("the commit %s took it back", s.by.Commit)
	}
	return fmt.Sprintf("the newer change %s took its place", s.by.Commit)
}

// lookOut stops the verification as soon as there is a successor. That it
// cannot be found out now stops nothing.
func (w *watch) lookOut(ctx context.Context, stop context.CancelCauseFunc) {
	for {
		if by, err := w.cfg.Newer.Superseded(ctx, w.change.Commit); err == nil && by.Commit != "" {
			stop(superseded{by})
			return
		}
		if sleep(ctx, newerEvery) != nil {
			return
		}
	}
}

// helped asks about a change that is applied until there is a verdict.
func (w *watch) helped(ctx context.Context, applied amend.Verdict) (amend.Verdict, error) {
	says := func(state amend.VerdictState, detail string) amend.Verdict {
		applied.State, applied.Detail = state, fmt.Sprintf("%s, and %s", applied.Detail, detail)
		return applied
	}
	switch {
	case w.change.Requested && !w.hearing.probe.asked:
		return says(amend.Worked, "a person asked for it, so there is no alert to end"), nil
	case !w.hearing.probe.asked && !w.hearing.alert.asked:
		return says(amend.Unverified, w.hearing.why()), nil
	}
	began, check := w.cfg.Now(), w.change.Check
	var bad decline
	for {
		if err := sleep(ctx, min(max(w.cfg.Steady/4, shortAsk), longAsk)); err != nil {
			return amend.Verdict{}, err
		}
		found, err := w.look(ctx, w.app)
		if err != nil {
			return amend.Verdict{}, err
		}
		now := w.cfg.Now()
		if settled := bad.lasts(found, now, w.cfg.Settle); settled || found.gone {
			return w.verdict(w.app, found, settled), nil
		}
		if now.Sub(began) < check.After {
			continue
		}
		w.ask(ctx, now)
		late := now.Sub(began) >= check.Deadline
		state, detail := w.hearing.concludes(now, late)
		switch {
		case state == "" || ctx.Err() != nil:
		case state != amend.Worked || found.state == amend.Worked:
			return says(state, detail), nil
		// What is down or was changed again is silent too. Degraded, it soon has failed
		// or is well again.
		case late && found.state != amend.Failed:
			applied.Applied, applied.Health = false, found.app.Health
			return says(amend.Unverified, detail+", but by then "+found.missing), nil
		}
	}
}

// ask hears both witnesses, the probe about a given time.
func (w *watch) ask(ctx context.Context, at time.Time) {
	h := &w.hearing
	if h.probe.asked {
		holds, err := w.finds(ctx, at)
		h.probe = h.probe.hears(holds, w.failure(ctx, err), w.cfg.Now())
	}
	if h.alert.asked {
		fires, err := w.cfg.Alerts.Fires(ctx, w.change.Event)
		h.alert = h.alert.hears(fires, w.failure(ctx, err), w.cfg.Now())
	}
}

// failure is why a witness could not be asked, "" when it could.
func (w *watch) failure(ctx context.Context, err error) string {
	if err == nil {
		return ""
	}
	return w.public(ctx, err)
}

// finds reports whether the probe finds the trouble at a time. That it finds nothing
// counts only as long as it finds what it found before: a Prometheus that was started
// without its data, and one of several that has others, find nothing either.
func (w *watch) finds(ctx context.Context, at time.Time) (bool, error) {
	holds, err := w.cfg.Prober.Holds(ctx, w.change.Check.Probe, at)
	if holds {
		w.found = at
	}
	if holds || err != nil || w.found.IsZero() {
		return holds, err
	}
	again, err := w.cfg.Prober.Holds(ctx, w.change.Check.Probe, w.found)
	if err == nil && !again {
		err = errors.New("it does not know any more what it found before")
	}
	return false, err
}

// noProber stands where no Prometheus was named.
type noProber struct{}

// Holds implements Prober.
func (noProber) Holds(context.Context, string, time.Time) (bool, error) {
	return false, errors.New("no Prometheus was named")
}
