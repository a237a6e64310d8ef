package verify

import (
	"context"
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
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Change is what has to be verified: a commit, as a full SHA, and the object
// that it is about.
type Change struct {
	Commit string
	Object amend.ObjectRef
}

// Verify waits until the Application that manages the object has applied the
// commit and is healthy (Worked), has applied it and stays degraded (Failed), or
// the time is over (Unverified, saying what was missing). A change whose
// Application cannot be told, because none or more than one manages the object,
// is Unverified at once: of several only the one that renders the edited file is
// ever going to sync.
//
// Errors that may pass are waited out. The error is Transient when the context
// ends, and otherwise what a permanent answer of the interfaces was.
func Verify(ctx context.Context, cfg Config, change Change) (amend.Verdict, error) {
	if cfg.Within == 0 {
		cfg.Within = 15 * time.Minute
	}
	if cfg.Settle == 0 {
		cfg.Settle = time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &watch{cfg: cfg, change: change, deadline: cfg.Now().Add(cfg.Within), contains: map[string]bool{}}
	verdict, err := w.run(ctx)
	if err != nil {
		return amend.Verdict{}, err
	}
	verdict.Commit, verdict.At = change.Commit, cfg.Now().UTC()
	return verdict, nil
}
