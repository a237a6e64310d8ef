package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/amendhq/amend"
)

// A watch is one verification under way.
type watch struct {
	cfg      Config
	change   Change
	deadline time.Time
	// contains remembers the answers of History: they never change, and asking is
	// a request over the network.
	contains map[string]bool
	app      amend.Application // the one that applies the change, once it is known
	hearing  hearing
	private  string    // what the log was told last
	found    time.Time // when the probe last found the trouble; zero for never
}

func (w *watch) run(ctx context.Context) (amend.Verdict, error) {
	var apps []amend.Application
	late, err := w.patiently(ctx, func() error {
		var err error
		apps, err = w.cfg.Applications.Applications(ctx, w.cfg.Namespace)
		return err
	})
	if err != nil || late != "" {
		return amend.Verdict{State: amend.Unverified, Detail: late}, err
	}
	app, unclear := owner(apps, w.change.Object, w.cfg.Repo)
	if unclear != "" {
		return amend.Verdict{State: amend.Unverified, Detail: unclear}, nil
	}
	w.app = app
	return w.follow(ctx, app)
}

// patiently repeats try while its error may pass. When the time is over first
// it says so in a sentence.
func (w *watch) patiently(ctx context.Context, try func() error) (late string, err error) {
	for pause := firstPoll; ; pause = min(pause*2, lastPoll) {
		err := try()
		if amend.KindOf(err) != amend.Transient {
			return "", err
		}
		if w.late() {
			return fmt.Sprintf("Argo CD's Applications could not be read: %.300q", w.public(ctx, err)), nil
		}
		if err := sleep(ctx, pause); err != nil {
			return "", err
		}
	}
}

// follow reads one Application until there is a verdict.
func (w *watch) follow(ctx context.Context, app amend.Application) (amend.Verdict, error) {
	pace := newPace()
	var bad decline
	for {
		if pace.refreshDue(w.cfg.Now()) {
			if err := passing(w.cfg.Applications.Refresh(ctx, app.Namespace, app.Name)); err != nil {
				return amend.Verdict{}, err
			}
		}
		found, err := w.look(ctx, app)
		if err != nil {
			return amend.Verdict{}, err
		}
		settled := bad.lasts(found, w.cfg.Now(), w.cfg.Settle)
		if found.state == amend.Worked || settled || found.gone || w.late() {
			return w.verdict(app, found, settled), nil
		}
		if err := sleep(ctx, pace.next(found.progress())); err != nil {
			return amend.Verdict{}, err
		}
	}
}

// A decline is a time during which an Application is degraded by a change.
type decline struct{ since time.Time } // zero while it is not

// lasts reports whether the Application has been degraded for so long.
func (d *decline) lasts(f finding, now time.Time, settle time.Duration) bool {
	switch {
	case f.state != amend.Failed:
		d.since = time.Time{}
		return false
	case d.since.IsZero():
		d.since = now
	}
	return now.Sub(d.since) >= settle
}

// look reads the Application and judges what it says. What may pass is a
// finding, not an error.
func (w *watch) look(ctx context.Context, app amend.Application) (finding, error) {
	current, err := w.cfg.Applications.Application(ctx, app.Namespace, app.Name)
	switch amend.KindOf(err) {
	case "":
	case amend.NotFound:
		return finding{gone: true, missing: "the Application was deleted"}, nil
	case amend.Transient:
		return finding{missing: fmt.Sprintf("the Application could not be read: %.300q", w.public(ctx, err))}, nil
	default:
		return finding{}, err
	}
	for _, revision := range revisions(current, w.cfg.Repo) {
		if _, known := w.contains[revision]; known {
			continue
		}
		contains, err := w.cfg.History.Contains(ctx, revision, w.change.Commit)
		// A revision that History does not know may be one that it has not fetched.
		if kind := amend.KindOf(err); kind == amend.Transient || kind == amend.NotFound {
			return finding{app: current, missing: fmt.Sprintf("whether revision %.12q contains the commit could not be found out: %.300q", revision, w.public(ctx, err))}, nil
		}
		if err != nil {
			return finding{}, err
		}
		w.contains[revision] = contains
	}
	return judge(current, w.change.Object, w.cfg.Repo, w.contains), nil
}

func (w *watch) verdict(app amend.Application, found finding, settled bool) amend.Verdict {
	verdict := amend.Verdict{
		State: amend.Unverified, Application: app.String(), Health: found.app.Health,
		Detail: fmt.Sprintf("%s: %s", app, found.missing),
	}
	if rs := compared(found.app, w.cfg.Repo); len(rs) > 0 {
		verdict.Revision = rs[0]
	}
	switch {
	case found.state == amend.Worked:
		verdict.State, verdict.Applied = amend.Worked, true
		verdict.Detail = fmt.Sprintf("%s has applied the commit and is Healthy", app)
	case settled:
		verdict.State = amend.Failed
	case !found.gone:
		verdict.Detail = fmt.Sprintf("%s, after %s: %s", app, w.cfg.Within, found.missing)
	}
	return verdict
}

func (w *watch) late() bool { return !w.cfg.Now().Before(w.deadline) }

// public is what an error says to everybody, as the readers of a verdict are. What is
// left out goes to the log, once.
func (w *watch) public(ctx context.Context, err error) string {
	text := amend.Public(err)
	if whole := err.Error(); whole != text && whole != w.private {
		w.private = whole
		w.cfg.Log.WarnContext(ctx, "a verification has to wait", "commit", w.change.Commit, "error", whole)
	}
	return text
}

// passing hides an error that may be gone at the next try.
func passing(err error) error {
	if kind := amend.KindOf(err); kind == amend.Transient || kind == amend.Conflict || kind == amend.NotFound {
		return nil
	}
	return err
}

// sleep returns early, with an error, when the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return amend.Errorf(amend.Transient, "verify", "%w", context.Cause(ctx))
	}
}
