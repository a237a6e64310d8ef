package verify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

// A witness says that the trouble is there until a time, counted from the start,
// and nothing while it is down.
type witness struct {
	start       time.Time
	until       time.Duration
	blind, down bool
	queries     []string
}

func (w *witness) holds(at time.Time) (bool, error) {
	if w.down {
		return false, errors.New("down")
	}
	return !w.blind && at.Sub(w.start) < w.until, nil
}

func (w *witness) Holds(_ context.Context, query string, at time.Time) (bool, error) {
	w.queries = append(w.queries, query)
	return w.holds(at)
}

func (w *witness) Fires(_ context.Context, event string) (bool, error) {
	if event != "abc.firing" {
		return false, errors.New("another alert was asked for")
	}
	return w.holds(time.Now())
}

// newer names a newer change from a time on.
type newer struct {
	start   time.Time
	from    time.Duration
	err     error
	reverts bool
}

func (n newer) Superseded(_ context.Context, c string) (amend.Successor, error) {
	if c != commit || time.Since(n.start) < n.from {
		return amend.Successor{}, n.err
	}
	return amend.Successor{Commit: later, Reverts: n.reverts}, nil
}

// The Application has applied the commit a minute after the start; the playbook
// asks from 2 minutes after that on until 10 after it.
func TestVerify(t *testing.T) {
	const ever = 24 * time.Hour
	applied := []stage{{app: app(before, before)}, {after: time.Minute, app: app(commit, commit)}}
	crash := health("Degraded", "Deployment", "exceeded its progress deadline")
	for _, c := range []struct {
		name      string
		stages    []stage
		probe     *witness // nil: the policy has none
		alert     *witness // nil: nobody to ask
		noProber  bool
		requested bool
		newer     time.Duration // when a newer change lands; zero is never
		want      amend.VerdictState
		at        time.Duration // when, to the half minute
		says      string
	}{
		{name: "the alert lags, the probe does not", stages: applied, probe: &witness{until: 90 * time.Second}, alert: &witness{until: ever},
			want: amend.Worked, at: 4 * time.Minute, says: "although the alert still fires"},
		{name: "the alert ends", stages: applied, alert: &witness{until: 5 * time.Minute}, want: amend.Worked, at: 6 * time.Minute, says: "the alert has ended"},
		{name: "the alert ends at once, and the change is given its time", stages: applied, alert: &witness{until: time.Second}, want: amend.Worked, at: 4 * time.Minute},
		{name: "a bad fix, by its probe", stages: applied, probe: &witness{until: ever}, alert: &witness{until: 2 * time.Minute}, want: amend.Failed, at: 11 * time.Minute, says: "the probe still finds"},
		{name: "a bad fix, by its alert", stages: applied, alert: &witness{until: ever}, want: amend.Failed, at: 11 * time.Minute, says: "the alert still fires"},
		{name: "it ends just before the deadline", stages: applied, alert: &witness{until: 10*time.Minute + 45*time.Second}, want: amend.Worked, at: 690 * time.Second},
		{name: "it does harm", stages: append(applied[:2:2], stage{after: 90 * time.Second, app: app(commit, commit, crash)}),
			alert: &witness{until: ever}, want: amend.Failed, at: 150 * time.Second, says: "Degraded"},
		{name: "it does harm while it is waited for", stages: append(applied[:2:2], stage{after: 6 * time.Minute, app: app(later, later, crash)}),
			alert: &witness{until: ever}, want: amend.Failed, at: 7 * time.Minute, says: "Degraded"},
		{name: "a wrong probe proves nothing", stages: applied, probe: &witness{blind: true}, want: amend.Unverified, at: 3 * time.Minute, says: "did not find the trouble"},
		{name: "nobody can be asked the probe", stages: applied, probe: &witness{}, noProber: true, alert: &witness{until: ever}, want: amend.Unverified, at: 11 * time.Minute, says: "no Prometheus was named"},
		{name: "both are down", stages: applied, probe: &witness{down: true}, alert: &witness{down: true}, want: amend.Unverified, at: 11 * time.Minute, says: "could not be asked"},
		{name: "nobody was named", stages: applied, want: amend.Unverified, at: time.Minute, says: "nobody was named"},
		{name: "a request", stages: applied, requested: true, alert: &witness{}, want: amend.Worked, at: time.Minute, says: "a person asked"},
		{name: "a request with a probe", stages: applied, requested: true, probe: &witness{until: ever}, want: amend.Failed, at: 11 * time.Minute},
		{name: "never applied", stages: applied[:1], alert: &witness{until: time.Second}, want: amend.Unverified, at: 5 * time.Minute, says: "has not seen the commit"},
		{name: "a newer change, while it is not applied", stages: applied[:1], alert: &witness{until: ever}, newer: 30 * time.Second, want: amend.Superseded, at: 30 * time.Second, says: later},
		{name: "a newer change, while it is waited for", stages: applied, alert: &witness{until: ever}, newer: 5 * time.Minute, want: amend.Superseded, at: 5 * time.Minute, says: later},
		{name: "the Application is deleted", stages: append(applied[:2:2], stage{after: 3 * time.Minute, err: amend.Errorf(amend.NotFound, "read", "404")}),
			alert: &witness{until: ever}, want: amend.Unverified, at: 3 * time.Minute, says: "was deleted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				a := &argo{stages: c.stages, start: start}
				change := verify.Change{Commit: commit, Object: object, Event: "abc.firing", At: start, Requested: c.requested,
					Check: amend.Check{After: 2 * time.Minute, Deadline: 10 * time.Minute, OnFailure: amend.TakeBack}}
				cfg := verify.Config{Applications: a, History: &history{}, Repo: repo, Within: 5 * time.Minute}
				if c.probe != nil {
					c.probe.start, change.Check.Probe = start, `errors{pod="web"} > 0`
					if !c.noProber {
						cfg.Prober = c.probe
					}
				}
				if c.alert != nil {
					c.alert.start, cfg.Alerts = start, c.alert
				}
				cfg.Newer = newer{start: start, from: ever, err: errors.New("down")}
				if c.newer > 0 {
					cfg.Newer = newer{start: start, from: c.newer}
				}
				v, err := verify.Verify(t.Context(), cfg, change)
				took := time.Since(start)
				if err != nil || v.State != c.want || !strings.Contains(v.Detail, c.says) || v.Commit != commit || v.OnFailure != amend.TakeBack || !v.At.Equal(time.Now()) {
					t.Errorf("%+v, %v; want %s because %q", v, err, c.want, c.says)
				}
				if took < c.at || took > c.at+45*time.Second {
					t.Errorf("it took %s, want about %s", took, c.at)
				}
				if c.probe != nil {
					for _, q := range c.probe.queries {
						if q != change.Check.Probe {
							t.Errorf("Prometheus was asked %q", q)
						}
					}
				}
			})
		})
	}
}

// A verification that is given up says so, whatever it was waiting for.
func TestVerifyEndsWithItsContext(t *testing.T) {
	for _, after := range []time.Duration{10 * time.Second, 4 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			start := time.Now()
			a := &argo{stages: []stage{{app: app(before, before)}, {after: time.Minute, app: app(commit, commit)}}, start: start}
			_, err := verify.Verify(ctx, verify.Config{Applications: a, History: &history{}, Repo: repo, Alerts: &witness{start: start, until: time.Hour}, Newer: newer{start: start, from: time.Hour}},
				verify.Change{Commit: commit, Object: object, Event: "abc.firing", Check: amend.Check{After: time.Minute, Deadline: 30 * time.Minute}})
			if amend.KindOf(err) != amend.Transient || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

// TestVerifyWithoutAPolicy: whose policy cannot be read is given the usual time, and
// is not found to have failed at once.
func TestVerifyWithoutAPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		a := &argo{stages: []stage{{app: app(commit, commit)}}, start: start}
		v, err := verify.Verify(t.Context(), verify.Config{Applications: a, History: &history{}, Repo: repo, Alerts: &witness{start: start, until: 10 * time.Minute}},
			verify.Change{Commit: commit, Object: object, Event: "abc.firing", Check: amend.Check{OnFailure: amend.Keep}})
		if took := time.Since(start); err != nil || v.State != amend.Worked || v.OnFailure != amend.Keep || took < 11*time.Minute {
			t.Errorf("%+v, %v after %s", v, err, took)
		}
	})
}
