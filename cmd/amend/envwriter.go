package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/tracing"
	"github.com/amendhq/amend/internal/writer"
)

// An envWriter is the writer of one env repo, and what it stands on: what serve
// and the writer of a cluster have in common.
type envWriter struct {
	*writer.Writer
	flags  repoFlags
	log    *slog.Logger
	mirror *git.Mirror
	host   host
	// approvals are nil when nobody is asked.
	approvals *approvals
	tracer    *tracing.Tracer
}

// advisers are those that the writer asks besides the host, and the tracer that it
// tells; each may be nil.
type advisers struct {
	owners writer.Owners
	prover writer.Prover
	tracer *tracing.Tracer
}

// openEnvWriter prepares the writer, which works while run does. Calls to the
// host are repeated for at most retryFor. Asked are the others that have a say.
func openEnvWriter(ctx context.Context, f repoFlags, asked advisers, retryFor time.Duration, log *slog.Logger) (*envWriter, error) {
	where, err := parseRepoURL(f.repo, f.api)
	if err != nil {
		return nil, err
	}
	auth, err := f.auth()
	if err != nil {
		return nil, err
	}
	warnInClear(log, where.clone, where.api)
	client, err := github.New(github.Config{
		BaseURL: where.api, Owner: where.owner, Repo: where.name, Auth: auth, Login: f.githubLogin, Log: log,
		Limiter: github.NewLimiter(where.api, f.writeSpacing), RetryFor: retryFor,
	})
	if err != nil {
		return nil, err
	}
	if err := checkAccess(ctx, client, f, log); err != nil {
		return nil, err
	}
	copied, err := git.OpenMirror(ctx, git.Config{
		Dir: filepath.Join(f.dataDir, "mirror"), URL: where.clone, Transport: client.Git(), Log: log,
		Auth: func(ctx context.Context) (string, string, error) {
			token, err := client.Token(ctx)
			return "x-access-token", token, err
		},
	})
	if err != nil {
		return nil, err
	}
	on := host{Client: client, mirror: copied, author: author{f.authorName, f.authorEmail}, labels: f.labels, log: log}
	decider := pipeline.New(withJsonnet())
	e := &envWriter{flags: f, log: log, mirror: copied, host: on, tracer: asked.tracer}
	e.Writer = writer.New(writer.Config{
		Host:      on.onTrace(asked.tracer, copied),
		Repo:      mirror{copied},
		CommitURL: func(sha string) string { return strings.TrimSuffix(where.clone, ".git") + "/commit/" + sha },
		Branch:    f.branch, Decide: thrifty(decider.Decide), Keeper: decider, KeepEvery: f.pullEvery, Committer: f.authorEmail, Check: decider.Check, Now: client.Now, Log: log,
		Alternatives: decider.Alternatives, Owners: asked.owners, Prover: asked.prover, Proposed: e.proposed, Urgent: github.Urgent,
	})
	return e, nil
}

// checkAccess asks for the branch once, so that a wrong name or credential ends
// the start and not every alert. A host that is away does not: it may come back.
func checkAccess(ctx context.Context, client *github.Client, f repoFlags, log *slog.Logger) error {
	if f.githubToken != "" {
		if _, err := client.Token(ctx); err != nil {
			return amend.Errorf(amend.Invalid, "--github-token-file", "%w", err)
		}
	}
	asking, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := client.Head(asking, f.branch)
	switch kind := amend.KindOf(err); {
	case kind == "":
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case kind == amend.Transient:
		log.Warn("the host does not answer yet; alerts are accepted and wait for it", "repo", f.repo, "error", err)
		return nil
	case kind == amend.Refused:
		return fmt.Errorf("the host of %s refuses the credential: %w", f.repo, err)
	}
	return fmt.Errorf("%s has no branch %q, or the credential may not read it: %w", f.repo, f.branch, err)
}

// during lets the writer work while the parts run, and until the last of them
// has its answers.
func (e *envWriter) during(ctx context.Context, parts ...daemon.Part) error {
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var pen sync.WaitGroup
	pen.Go(func() { e.Run(writing) })
	err := daemon.Run(ctx, append(parts, daemon.Part{Name: "sweep", Run: e.sweep})...)
	stop()
	pen.Wait()
	return err
}

// sweepRetry is how soon a sweep that failed is tried again: it is also what
// fetches the env repo at the start, and until then nobody can be served.
const sweepRetry = 5 * time.Second

// sweep asks for missing log entries at the start and every now and then.
func (e *envWriter) sweep(ctx context.Context) error {
	for {
		pause := e.flags.sweepEvery
		if err := e.Sweep(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("sweep failed, trying again", "error", err)
			pause = min(pause, sweepRetry)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (e *envWriter) close() error { return e.mirror.Close() }
