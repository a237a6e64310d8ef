package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/alertmanager"
	"github.com/amendhq/amend/internal/prometheus"
	"github.com/amendhq/amend/internal/verify"
)

// witnessFlags say whom to ask whether a change helped.
type witnessFlags struct {
	alertmanagers    []string
	alertmanagerAuth alertmanager.Auth
	prometheus       prometheus.Config
	steady           time.Duration
}

func (f *witnessFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.alertmanagers, "alertmanager-url", nil, "address of an Alertmanager to ask whether the alert still fires, with its route prefix; repeat it for a cluster")
	fs.StringVar(&f.alertmanagerAuth.TokenFile, "alertmanager-token-file", "", "file with a bearer token for the Alertmanagers")
	fs.StringVar(&f.alertmanagerAuth.User, "alertmanager-user", "", "user of basic authentication for the Alertmanagers")
	fs.StringVar(&f.alertmanagerAuth.PasswordFile, "alertmanager-password-file", "", "file with the password of --alertmanager-user")
	fs.StringVar(&f.prometheus.URL, "prometheus-url", "", "address of a Prometheus to ask the probes of the policy, with its route prefix")
	fs.StringVar(&f.prometheus.TokenFile, "prometheus-token-file", "", "file with a bearer token for Prometheus")
	fs.StringVar(&f.prometheus.CAFile, "prometheus-ca-file", "", "file with the certificates that Prometheus' is signed by (default: the system's)")
	fs.DurationVar(&f.steady, "steady", time.Minute, "how long the trouble has to stay away to be over")
}

// wire adds the witnesses to the configuration of a verification. An alert is
// known by its labels but for the volatile ones, which have to be the gateway's.
func (f witnessFlags) wire(cfg *verify.Config, volatile []string) error {
	cfg.Steady = f.steady
	var clients []*alertmanager.Client
	for _, address := range f.alertmanagers {
		if address == "" {
			continue // a setting that was left empty
		}
		c, err := alertmanager.NewClient(address, f.alertmanagerAuth)
		if err != nil {
			return amend.Errorf(amend.Invalid, "--alertmanager-url", "%w", err)
		}
		clients = append(clients, c)
	}
	if len(clients) > 0 {
		cfg.Alerts = alerts{clients, alert.NewIdentity(volatile)}
	}
	if f.prometheus.URL == "" {
		return nil
	}
	p, err := prometheus.New(f.prometheus)
	if err != nil {
		return amend.Errorf(amend.Invalid, "--prometheus-url", "%w", err)
	}
	cfg.Prober = p
	return nil
}

// alerts are Alertmanagers as a verification wants them.
type alerts struct {
	clients []*alertmanager.Client
	ids     alert.Identity
}

// Fires implements verify.Alerts: an event and an alert are the same trouble when
// their identities are equal.
func (a alerts) Fires(ctx context.Context, event string) (bool, error) {
	identity, ok := alert.IdentityOf(event)
	if !ok {
		return false, amend.Errorf(amend.Invalid, "find the alert", "%.80q is the id of no event", event)
	}
	return alertmanager.Fires(ctx, a.clients, func(one amend.Alert) bool { return a.ids.Of(one.Labels) == identity })
}

// A scribe is the writer as a verification wants it.
type scribe interface {
	verify.Newer
	Judge(ctx context.Context, v amend.Verdict) (amend.Record, error)
	Revert(ctx context.Context, r amend.Reversal) (amend.Decision, error)
}

// A loop takes changes to their verdicts, and back when they failed.
type loop struct {
	cfg    verify.Config
	scribe scribe
	// revert lets a change that failed be taken back, as the policy says.
	revert bool
	log    *slog.Logger
}

// The writer is asked again for so long while it may answer later: what was found
// out in half an hour must not be lost because it is away for a moment.
const (
	scribeFor   = 5 * time.Minute
	scribePause = 2 * time.Second
)

// close finds out what became of a change, shows it beside the change and, when it
// failed, does what the policy says. Its error says that there is no verdict.
func (l loop) close(ctx context.Context, change verify.Change) (amend.Verdict, error) {
	// Whoever looks sees that it is being found out; if not, nothing is lost.
	stood, err := l.scribe.Judge(ctx, amend.Verdict{State: amend.Pending, Commit: change.Commit, Detail: "waiting until it is applied and the trouble is over"})
	if err != nil {
		l.log.Warn("the host does not show that a change is verified", "commit", change.Commit, "error", amend.Public(err))
	}
	if by := l.takenBack(ctx, stood); by != "" {
		return l.tookBack(ctx, amend.Verdict{State: amend.Failed, Commit: change.Commit, Detail: "it had failed", At: time.Now().UTC(), OnFailure: change.Check.OnFailure}, change, by), nil
	}
	cfg := l.cfg
	cfg.Newer = l.scribe
	verdict, err := verify.Verify(ctx, cfg, change)
	if err != nil {
		return verdict, err
	}
	stands, err := l.show(ctx, verdict)
	switch takeBack := verdict.State == amend.Failed && l.revert; {
	case err == nil && stands != verdict.State:
		// It was verified before, and a verdict is never taken back; an event that came
		// again, about a change that worked, must not undo it.
		verdict.State, verdict.Detail = stands, fmt.Sprintf("the verdict was %s before, and stands; now %s", stands, verdict.Detail)
	case err != nil && takeBack:
		// Nobody knows then whether it had worked before.
		verdict.Detail += "; it is not taken back, because the host keeps no verdicts, and it may have worked before: take it back by hand"
	case takeBack:
		return l.takeBack(ctx, verdict, change), nil
	}
	return verdict, nil
}

// takenBack returns the commit that took a change back which had failed, "" for none:
// one of a process that ended before it could say so, or of a person, who merges a
// pull request that proposes it long after.
func (l loop) takenBack(ctx context.Context, r amend.Record) string {
	if r.Verdict != amend.Failed {
		return ""
	}
	var by amend.Successor
	if err := patiently(ctx, func() (err error) {
		by, err = l.scribe.Superseded(ctx, r.Commit)
		return err
	}); err != nil || !by.Reverts {
		return ""
	}
	return by.Commit
}

// show puts a verdict beside its change, and returns the one that stands there then.
// That it fails is told to the log.
func (l loop) show(ctx context.Context, v amend.Verdict) (stands amend.VerdictState, err error) {
	var r amend.Record
	err = patiently(ctx, func() (err error) {
		r, err = l.scribe.Judge(ctx, v)
		return err
	})
	if err != nil {
		l.log.Warn("the host does not show the verdict; it may be that the credential must not read or write commit statuses", "commit", v.Commit, "verdict", string(v.State), "error", amend.Public(err))
	}
	return r.Verdict, err
}

// takeBack has a change that failed taken back, and says in the verdict what came
// of it. It is reverted once the cluster runs what was there before.
func (l loop) takeBack(ctx context.Context, v amend.Verdict, change verify.Change) amend.Verdict {
	if v.OnFailure != amend.TakeBack && v.OnFailure != amend.ProposeTakeBack {
		return v
	}
	d, err := l.reversal(ctx, v)
	if err != nil {
		v.Detail += "; it could not be taken back: " + amend.Public(err)
		return v
	}
	if d.Reason != amend.ReasonReverted {
		v.Detail += "; " + d.Detail
		if d.Change != nil {
			v.Detail += " " + d.Change.URL
		}
		return v
	}
	return l.tookBack(ctx, v, change, d.Change.Commit)
}

// tookBack waits until the cluster runs what was there before a change that failed,
// and says so.
func (l loop) tookBack(ctx context.Context, v amend.Verdict, change verify.Change, by string) amend.Verdict {
	back := change
	back.Commit = by
	applied, err := verify.Applied(ctx, l.cfg, back)
	if err != nil || applied.State != amend.Worked {
		v.Detail += "; the commit " + by + " takes it back, and is not known to be applied: " + applied.Detail
		return v
	}
	v.State, v.Revision, v.Health, v.At = amend.Reverted, applied.Revision, applied.Health, applied.At
	v.Detail = "taken back by " + by + ", because " + v.Detail
	_, _ = l.show(ctx, v) // what is done is done, whoever is told
	return v
}

// reversal takes the change back in the way that the policy wants, or by a pull
// request when that way is closed: because the files were edited since, or because
// the host lets nobody push.
func (l loop) reversal(ctx context.Context, v amend.Verdict) (d amend.Decision, err error) {
	ask := func(propose bool) error {
		return patiently(ctx, func() error {
			d, err = l.scribe.Revert(ctx, amend.Reversal{Commit: v.Commit, Propose: propose, Why: v.Detail})
			return err
		})
	}
	if v.OnFailure == amend.TakeBack {
		if err = ask(false); err == nil && d.Reason != amend.ReasonChangedSince {
			return d, nil
		}
		if err != nil && amend.KindOf(err) != amend.Refused {
			return d, err
		}
	}
	return d, ask(true)
}

// patiently repeats what may work later.
func patiently(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(scribeFor); ; {
		err := do()
		if amend.KindOf(err) != amend.Transient || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(scribePause):
		}
	}
}
