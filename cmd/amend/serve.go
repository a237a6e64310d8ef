package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/bus"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/intake"
	"github.com/amendhq/amend/internal/tracing"
)

// lanes is how many different troubles are handled at a time. They meet in one
// batch of the writer, so it is also the size of a full batch.
const lanes = 256

func newServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run everything in one process: alerts in, Git changes out",
		Long: `Run the gateway, the event bus and the writer in one process, with no cluster
and no database. Alerts are accepted when they are on disk; after a crash the
next start finishes what was begun, once.

Alertmanager posts to /v1/alertmanager, anything else to /v1/events (a
CloudEvent). Grafana, PagerDuty, CloudWatch alarms through SNS and Argo CD have
routes and credentials of their own: docs/sources.md. /v1/decisions lists what became
of each alert, and / shows it to people; /metrics, /healthz and /readyz are for the
machines.`,
		Example: `  amend serve --repo https://github.com/acme/env --github-token-file token
  amend serve --repo https://github.com/acme/env --github-app-id 12345 --github-app-key-file key.pem \
      --listen :8080 --webhook-token-file webhook-token`,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.Required(cmd, "repo"); err != nil {
			return err
		}
		log, err := f.Logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		s, err := newServer(cmd.Context(), f, log)
		if err != nil {
			return unlessEnded(cmd.Context(), err)
		}
		return errors.Join(s.run(cmd.Context()), s.close())
	}
	return cmd
}

// unlessEnded returns the error of a start, but for that of one which was asked to end.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// A server is the standalone product, wired.
type server struct {
	flags     serveFlags
	log       *slog.Logger
	bus       *bus.Bus
	writer    *envWriter
	handler   http.Handler
	page      http.Handler
	tracer    *tracing.Tracer
	decisions *decisionLog
	approvals *approvals
	closer    *closer
}

func newServer(ctx context.Context, f serveFlags, log *slog.Logger) (_ *server, err error) {
	if err := gateway.CheckListen(f.Listen, f.intake.Auth()); err != nil {
		return nil, err
	}
	cfg, err := f.intake.Config(alert.DefaultLimits())
	if err == nil {
		err = cfg.CheckSecrets() // before the host is asked anything
	}
	if err != nil {
		return nil, err
	}
	s := &server{flags: f, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.tracer, err = tracing.FromEnv(ctx, "amend-serve", os.Getenv, log); err != nil {
		return nil, err
	}
	reg := daemon.NewRegistry()
	s.decisions = newDecisionLog(log, reg)
	prover, err := f.prover(f.repo, f.branch, log)
	if err != nil {
		return nil, err
	}
	// Calls that fail for longer go back to the queue, so that one does not hold
	// up all others.
	s.writer, err = openEnvWriter(ctx, f.repoFlags, advisers{prover: prover, tracer: s.tracer}, min(10*time.Second, f.giveUp), log)
	if err != nil {
		return nil, err
	}
	s.bus, err = bus.Open(ctx, bus.Config{Dir: filepath.Join(f.dataDir, "bus"), Log: log, Metrics: reg})
	if err != nil {
		return nil, err
	}
	s.closer, err = f.newCloser(s.writer, reg, log)
	if err != nil {
		return nil, err
	}
	cfg.Publisher, cfg.Decisions, cfg.Ready = intake.TracedPublisher{Publisher: s.bus}, judged{s.bus, s.closer}, s.bus.Ready
	cfg.Log, cfg.Registry = log, reg
	handler, err := gateway.New(cfg)
	if err != nil {
		return nil, err
	}
	s.approvals, err = f.newApprovals(s.writer, log, reg)
	if err != nil {
		return nil, err
	}
	s.page = f.newPage(s.writer, cfg.Decisions.Decisions, log)
	s.handler = withPage(handler, s.page, s.tracer)
	return s, nil
}

// run serves until ctx ends or a part fails.
func (s *server) run(ctx context.Context) error {
	parts, err := s.flags.parts(ctx, s.page, s.log)
	if err != nil {
		return err
	}
	asking, err := s.approvals.parts(ctx)
	if err != nil {
		return err
	}
	listener, err := s.flags.Open(ctx) // the last, as it tells a waiting starter that all listen
	if err != nil {
		return err
	}
	s.log.Info("serving", "address", listener.Addr().String(), "repo", s.flags.repo, "branch", s.flags.branch)
	return s.writer.during(ctx, append(append(parts, asking...),
		daemon.Serve(gateway.NewServer(s.flags.Listen, s.handler, s.log), listener),
		daemon.Part{Name: "events", Run: func(ctx context.Context) error { return s.bus.Consume(ctx, lanes, s.handle) }},
		daemon.Part{Name: "verify", Run: s.closer.run},
	)...)
}

func (s *server) close() error {
	var err error
	if s.writer != nil {
		err = s.writer.close()
	}
	if s.bus != nil {
		s.bus.Close()
	}
	s.tracer.Flush(context.Background(), s.log)
	return err
}
