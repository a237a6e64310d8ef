package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/bus"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/writer"
)

// lanes is how many different troubles are handled at a time. They meet in one
// batch of the writer, so it is also the size of a full batch.
const lanes = 64

// foldSize bounds the alert identities that the gateway remembers.
const foldSize = 100_000

func newServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run everything in one process: alerts in, Git changes out",
		Long: `Run the gateway, the event bus and the writer in one process, with no cluster
and no database. Alerts are accepted when they are on disk; after a crash the
next start finishes what was begun, once.

Alertmanager posts to /v1/alertmanager, anything else to /v1/events (a
CloudEvent). /v1/decisions lists what became of each alert; /metrics, /healthz
and /readyz are for the machines.`,
		Example: `  amend serve --repo https://github.com/acme/env --github-token-file token
  amend serve --repo https://github.com/acme/env --github-app-id 12345 --github-app-key-file key.pem \
      --listen :8080 --webhook-token-file webhook-token`,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := required(cmd, "repo"); err != nil {
			return err
		}
		log, err := f.logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		s, err := newServer(cmd.Context(), f, log)
		if err != nil {
			return err
		}
		return errors.Join(s.run(cmd.Context()), s.close())
	}
	return cmd
}

// A server is the standalone product, wired.
type server struct {
	flags    serveFlags
	log      *slog.Logger
	bus      *bus.Bus
	mirror   *git.Mirror
	writer   *writer.Writer
	handler  http.Handler
	decided  *prometheus.CounterVec
	seconds  prometheus.Histogram
	deadline time.Duration // of all tries to handle one event
}

func newServer(ctx context.Context, f serveFlags, log *slog.Logger) (_ *server, err error) {
	auth := f.gatewayAuth()
	if err := gateway.CheckListen(f.listen, auth); err != nil {
		return nil, err
	}
	where, err := parseRepoURL(f.repo, f.api)
	if err != nil {
		return nil, err
	}
	s := &server{flags: f, log: log, deadline: f.giveUp}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.countDecisions(reg)
	client, err := github.New(github.Config{
		BaseURL: where.api, Owner: where.owner, Repo: where.name, Auth: f.githubAuth(), Log: log,
		Limiter: github.NewLimiter(f.writeSpacing),
		// Calls that fail for longer go back to the queue, so that one does
		// not hold up all others.
		RetryFor: min(10*time.Second, f.giveUp),
	})
	if err != nil {
		return nil, err
	}
	if err := checkAccess(ctx, client, f, log); err != nil {
		return nil, err
	}
	s.mirror, err = git.OpenMirror(ctx, git.Config{
		Dir: filepath.Join(f.dataDir, "mirror"), URL: where.clone, Log: log,
		Auth: func(ctx context.Context) (string, string, error) {
			token, err := client.Token(ctx)
			return "x-access-token", token, err
		},
	})
	if err != nil {
		return nil, err
	}
	s.bus, err = bus.Open(ctx, bus.Config{Dir: filepath.Join(f.dataDir, "bus"), Log: log, Metrics: reg})
	if err != nil {
		return nil, err
	}
	who := author{f.authorName, f.authorEmail}
	s.writer = writer.New(writer.Config{
		Host:   host{Client: client, author: who, labels: f.labels},
		Repo:   mirror{Mirror: s.mirror, author: who, log: log},
		Branch: f.branch, Decide: pipeline.New().Decide, Now: time.Now, Log: log,
	})
	s.handler, err = gateway.New(gateway.Config{
		Publisher: s.bus, Decisions: s.bus, Ready: s.bus.Ready, Auth: auth,
		Identity: alert.NewIdentity(f.volatile), Folder: alert.NewFolder(f.foldWindow, foldSize),
		Log: log, Registry: reg,
	})
	return s, err
}

// checkAccess asks for the branch once, so that a wrong name or credential ends
// the start and not every alert. A host that is away does not: it may come back.
func checkAccess(ctx context.Context, client *github.Client, f serveFlags, log *slog.Logger) error {
	if f.githubToken != "" {
		if _, err := client.Token(ctx); err != nil {
			return amend.Errorf(amend.Invalid, "--github-token-file", "%w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := client.Head(ctx, f.branch)
	switch amend.KindOf(err) {
	case "":
		return nil
	case amend.Transient:
		log.Warn("the host does not answer yet; alerts are accepted and wait for it", "repo", f.repo, "error", err)
		return nil
	}
	return fmt.Errorf("%s has no branch %q, or the credential may not read it: %w", f.repo, f.branch, err)
}

// countDecisions registers what the metrics say of decisions. Reasons and
// actions are closed lists, so no alert can add a series.
func (s *server) countDecisions(reg prometheus.Registerer) {
	s.decided = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "amend_decisions_total", Help: "Decisions by reason and action.",
	}, []string{"reason", "action"})
	s.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "amend_change_seconds", Help: "Time from the accepted alert to the change in Git.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 14),
	})
	reg.MustRegister(s.decided, s.seconds)
}

// run serves until ctx ends or a part fails.
func (s *server) run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.flags.listen)
	if err != nil {
		return amend.Errorf(amend.Invalid, "listen", "%w", err)
	}
	if err := s.flags.writeAddr(listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close())
	}
	s.log.Info("serving", "address", listener.Addr().String(), "repo", s.flags.repo, "branch", s.flags.branch)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	web := gateway.NewServer(s.flags.listen, s.handler, s.log)
	var parts sync.WaitGroup
	part := func(name string, work func() error) {
		parts.Go(func() {
			if err := work(); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	// The writer outlives the consumer, which waits for its answers.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	var pen sync.WaitGroup
	pen.Go(func() { s.writer.Run(writing) })
	part("gateway", func() error { return web.Serve(listener) })
	part("events", func() error { return s.bus.Consume(ctx, lanes, s.handle) })
	part("sweep", func() error { return s.sweep(ctx) })
	<-ctx.Done()
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	if err = web.Shutdown(grace); err != nil {
		err = web.Close() // somebody holds a connection open
	}
	stop()
	parts.Wait()
	stopWriting()
	pen.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (s *server) close() error {
	var err error
	if s.mirror != nil {
		err = s.mirror.Close()
	}
	if s.bus != nil {
		s.bus.Close()
	}
	return err
}

// sweep asks for missing log entries at the start and every now and then.
func (s *server) sweep(ctx context.Context) error {
	tick := time.NewTicker(s.flags.sweepEvery)
	defer tick.Stop()
	for {
		if err := s.writer.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("sweep failed, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// writeAddr tells a waiting starter where the gateway listens.
func (f serveFlags) writeAddr(addr string) error {
	if f.addrFile == "" {
		return nil
	}
	tmp := f.addrFile + ".tmp"
	if err := os.WriteFile(tmp, []byte(addr+"\n"), 0o644); err != nil {
		return amend.Errorf(amend.Invalid, "write address file", "%w", err)
	}
	if err := os.Rename(tmp, f.addrFile); err != nil {
		return amend.Errorf(amend.Invalid, "write address file", "%w", err)
	}
	return nil
}
