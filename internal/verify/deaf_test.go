package verify_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

// A forgetful Prometheus saw the trouble until it was started anew, without its data.
type forgetful struct {
	start   time.Time
	restart time.Duration
}

func (f forgetful) Holds(_ context.Context, _ string, at time.Time) (bool, error) {
	return time.Since(f.start) < f.restart && !at.After(time.Now()), nil
}

// TestSilenceWithoutAProofIsNoSuccess: neither a Prometheus that has forgotten what
// it saw nor an application that is down shows that the trouble is over.
func TestSilenceWithoutAProofIsNoSuccess(t *testing.T) {
	const ever = 24 * time.Hour
	applied := []stage{{app: app(commit, commit)}}
	crash := health("Degraded", "Deployment", "exceeded its progress deadline")
	for _, c := range []struct {
		name   string
		stages []stage
		probe  func(time.Time) verify.Prober
		alert  time.Duration
		want   amend.VerdictState
	}{
		{"Prometheus has forgotten", applied, func(start time.Time) verify.Prober { return forgetful{start, 4 * time.Minute} }, ever, amend.Unverified},
		{"it goes down, and so does what is measured", append(applied[:1:1], stage{after: 4 * time.Minute, app: app(commit, commit, crash)}),
			func(start time.Time) verify.Prober { return &witness{start: start, until: 210 * time.Second} }, ever, amend.Failed},
		{"it is out of step at the end", append(applied[:1:1], stage{after: 4 * time.Minute, app: app(commit, commit, sync("OutOfSync"))}),
			func(start time.Time) verify.Prober { return &witness{start: start, until: 210 * time.Second} }, ever, amend.Unverified},
		{"it is down for a moment", append(applied[:1:1], stage{after: 4 * time.Minute, app: app(commit, commit, crash)}, stage{after: 5 * time.Minute, app: app(commit, commit)}),
			func(start time.Time) verify.Prober { return &witness{start: start, until: 210 * time.Second} }, ever, amend.Worked},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				v, err := verify.Verify(t.Context(), verify.Config{
					Applications: &argo{stages: c.stages, start: start}, History: &history{}, Repo: repo, Settle: 2 * time.Minute,
					Prober: c.probe(start), Alerts: &witness{start: start, until: c.alert},
				}, verify.Change{Commit: commit, Object: object, Event: "abc.firing", At: start,
					Check: amend.Check{After: 2 * time.Minute, Deadline: 10 * time.Minute, Probe: "errors > 0"}})
				if err != nil || v.State != c.want {
					t.Errorf("%+v, %v; want %s", v, err, c.want)
				}
			})
		})
	}
}
