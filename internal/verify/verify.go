package verify

import (
	"context"
	"log/slog"
	"time"

	"github.com/amendhq/amend"
)

// Applications is how Argo CD is asked; an empty namespace means all of them.
type Applications interface {
	Applications(ctx context.Context, namespace string) ([]amend.Application, error)
	Application(ctx context.Context, namespace, name string) (amend.Application, error)
	Refresh(ctx context.Context, namespace, name string) error
}

// History knows the commits of the env repo.
type History interface {
	// Contains reports whether commit is revision or one of its ancestors.
	Contains(ctx context.Context, revision, commit string) (bool, error)
}

// Config says whom to ask and how patiently.
type Config struct {
	Applications Applications
	History      History
	// Namespace is where the Applications are; empty means all namespaces.
	Namespace string
	// Repo is the URL of the env repo. Spellings of the same address that
	// Applications may use instead (ssh, scp form, .git) count as equal.
	Repo string
	// Within is how long to wait for the change; zero means 15 minutes. Kubernetes
	// needs 10 to give up on the rollout of a Deployment that does not set
	// progressDeadlineSeconds, so less turns most failures into unverified.
	Within time.Duration
	// Settle is how long an Application has to be degraded before the change has
	// failed; zero means one minute.
	Settle time.Duration
	// Prober is asked the probe of the policy, Alerts whether the alert still
	// fires; nil when there is nobody to ask, and then nobody is believed.
	Prober Prober
	Alerts Alerts
	// Newer tells of changes that take the place of the one at hand; nil when
	// nobody does.
	Newer Newer
	// Steady is how long the trouble has to stay away to be over; zero means one
	// minute.
	Steady time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told why somebody could not be asked, as far as that is not for everybody
	// who reads the verdict; nil discards.
	Log *slog.Logger
}

// A Change is what has to be verified: a commit, as a full SHA, and the object
// that it is about. The other fields matter to Verify only.
type Change struct {
	Commit string
	Object amend.ObjectRef
	// Event is the id of the event that the change answers, and At when the
	// change was made: the probe has to have found the trouble then.
	Event string
	At    time.Time
	Check amend.Check // without a deadline it means 2 and 15 minutes
	// Requested says that a person asked for the change itself, so that no alert
	// fires for it.
	Requested bool
}

// Applied waits until the Application that manages the object has applied the
// commit and is healthy (Worked, which says no more than that here), has applied
// it and stays degraded (Failed), or the time is over (Unverified, saying what
// was missing). A change whose Application cannot be told, because none or more
// than one manages the object, is Unverified at once: of several only the one
// that renders the edited file is ever going to sync.
//
// Errors that may pass are waited out. The error is Transient when the context
// ends, and otherwise what a permanent answer of the interfaces was.
func Applied(ctx context.Context, cfg Config, change Change) (amend.Verdict, error) {
	w := newWatch(cfg, change)
	return w.sealed(w.run(ctx))
}

// What holds for a change whose policy cannot be read any more.
const defaultAfter, defaultDeadline = 2 * time.Minute, 15 * time.Minute

// withDefaults fills in what the configuration leaves out.
func (c Config) withDefaults() Config {
	if c.Within == 0 {
		c.Within = 15 * time.Minute
	}
	if c.Settle == 0 {
		c.Settle = time.Minute
	}
	if c.Steady == 0 {
		c.Steady = time.Minute
	}
	if c.Prober == nil {
		c.Prober = noProber{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func newWatch(cfg Config, change Change) *watch {
	cfg = cfg.withDefaults()
	if change.Check.Deadline == 0 {
		change.Check.After, change.Check.Deadline = defaultAfter, defaultDeadline
	}
	w := &watch{cfg: cfg, change: change, deadline: cfg.Now().Add(cfg.Within), contains: map[string]bool{}}
	w.hearing = hearing{probe: witness{asked: change.Check.Probe != ""}, alert: witness{asked: cfg.Alerts != nil && !change.Requested}, steady: cfg.Steady}
	return w
}

// sealed says which change a verdict is about and when it was reached.
func (w *watch) sealed(v amend.Verdict, err error) (amend.Verdict, error) {
	if err != nil {
		return amend.Verdict{}, err
	}
	v.Commit, v.At, v.OnFailure = w.change.Commit, w.cfg.Now().UTC(), w.change.Check.OnFailure
	return v, nil
}
