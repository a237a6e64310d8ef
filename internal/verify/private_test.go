package verify_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

// A hidden service cannot be asked, and why names a host of the inside.
type hidden struct{ name string }

func (h hidden) err() error {
	return amend.Errorf(amend.Transient, "ask "+h.name, "%w", amend.Private(errors.New("dial tcp: lookup "+h.name+".internal")))
}

func (h hidden) Holds(context.Context, string, time.Time) (bool, error) { return false, h.err() }
func (h hidden) Fires(context.Context, string) (bool, error)            { return false, h.err() }
func (h hidden) Contains(context.Context, string, string) (bool, error) { return false, h.err() }
func (h hidden) Refresh(context.Context, string, string) error          { return h.err() }
func (h hidden) Applications(context.Context, string) ([]amend.Application, error) {
	return nil, h.err()
}
func (h hidden) Application(context.Context, string, string) (amend.Application, error) {
	return amend.Application{}, h.err()
}

// A verdict stands beside a commit and on a pull request, where hosts of the inside
// are nobody's business. The log names them, once.
func TestVerdictsNameNoHosts(t *testing.T) {
	applied := &argo{stages: []stage{{app: app(commit, commit)}}}
	for name, c := range map[string]struct {
		edit func(*verify.Config)
		says string
	}{
		"the witnesses": {func(cfg *verify.Config) { cfg.Prober, cfg.Alerts = hidden{"prometheus"}, hidden{"alertmanager"} }, "Alertmanager could not be asked"},
		"the list":      {func(cfg *verify.Config) { cfg.Applications = hidden{"kubernetes"} }, "Applications could not be read"},
		"one of it": {func(cfg *verify.Config) {
			cfg.Applications = listed{hidden{"kubernetes"}, applied}
		}, "the Application could not be read"},
		"the writer": {func(cfg *verify.Config) { cfg.History = hidden{"writer"} }, "could not be found out"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			cfg := verify.Config{Applications: applied, History: &history{}, Repo: repo, Within: 5 * time.Minute, Log: slog.New(slog.NewTextHandler(&log, nil))}
			c.edit(&cfg)
			v, err := verify.Verify(t.Context(), cfg, verify.Change{Commit: commit, Object: object, Event: "abc.firing", At: time.Now(),
				Check: amend.Check{After: time.Minute, Deadline: 5 * time.Minute, Probe: "up"}})
			if err != nil || v.State != amend.Unverified || !strings.Contains(v.Detail, c.says) || strings.Contains(v.Detail, ".internal") {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
			if said := log.String(); !strings.Contains(said, ".internal") || strings.Count(said, "\n") > 60 {
				t.Errorf("%s: the log says\n%s", name, said)
			}
		})
	}
}

// listed can be listed only.
type listed struct {
	hidden
	argo *argo
}

func (l listed) Applications(ctx context.Context, namespace string) ([]amend.Application, error) {
	return l.argo.Applications(ctx, namespace)
}
