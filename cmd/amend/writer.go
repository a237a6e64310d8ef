package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/tracing"
	"github.com/amendhq/amend/internal/writer"
	"github.com/amendhq/amend/internal/writerapi"
)

// writerFlags is the configuration of the writer of a cluster.
type writerFlags struct {
	repoFlags
	daemon.ListenFlags
	cli.LogFlags
	argocdFlags
	pageFlags
	approvalFlags
	audience, kubeconfig string
	tlsCert, tlsKey      string
	owners               bool
	namespace            string
}

func (f *writerFlags) register(cmd *cobra.Command) {
	f.repoFlags.register(cmd)
	f.ListenFlags.Register(cmd, ":8080", "address of the API for the steps")
	f.LogFlags.Register(cmd)
	f.argocdFlags.register(cmd)
	f.approvalFlags.register(cmd)
	f.pageFlags.register(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.audience, "audience", "amend-writer", "audience that the tokens of the steps have to be for")
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "file that says how to reach the cluster (default: as a pod of it)")
	fs.StringVar(&f.tlsCert, "tls-cert-file", "", "file with the certificate to serve HTTPS with; read again when it is replaced")
	fs.StringVar(&f.tlsKey, "tls-key-file", "", "file with the key of --tls-cert-file")
	fs.BoolVar(&f.owners, "owner-from-cluster", false, "ask the cluster for the Application of a workload, as it is live, before each change")
	fs.StringVar(&f.namespace, "argocd-namespace", kube.ArgoCDNamespace, "with --owner-from-cluster: namespace of the Applications; empty for all")
}

func newWriter() *cobra.Command {
	var f writerFlags
	cmd := &cobra.Command{
		Use:   "writer",
		Short: "Hold the Git credential of a cluster, and write what its steps ask for",
		Long: `Run the one process of a cluster that holds the Git credential. The steps of
Workflows ask it over HTTP for decisions and changes; docs/steps.md has them.

Who asks proves it with a token of its service account for --audience, which the
cluster is asked about (TokenReview). Changes are made for those who may create
changes.amend.dev in the namespace of the workload (SubjectAccessReview).

There is one writer for each env repo and branch. Losing it costs time and no
data: all that it knows is in Git.`,
		Example: `  amend writer --repo https://github.com/acme/env --github-app-id 12345 --github-app-key-file key.pem
  amend writer --repo https://github.com/acme/env --github-token-file token --kubeconfig ~/.kube/config --listen 127.0.0.1:8080`,
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
		return runWriter(cmd.Context(), f, log)
	}
	return cmd
}

// runWriter serves until ctx ends.
func runWriter(ctx context.Context, f writerFlags, log *slog.Logger) (err error) {
	secure, err := f.tlsConfig()
	if err != nil {
		return err
	}
	cluster, err := kube.New(f.kubeconfig)
	if err != nil {
		return err
	}
	asked, err := f.advisers(cluster, log)
	if err != nil {
		return err
	}
	if asked.tracer, err = tracing.FromEnv(ctx, "amend-writer", os.Getenv, log); err != nil {
		return err
	}
	defer asked.tracer.Flush(ctx, log)
	env, err := openEnvWriter(ctx, f.repoFlags, asked, 10*time.Second, log)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() { err = errors.Join(err, env.close()) }()
	reg := daemon.NewRegistry()
	approvals, err := f.newApprovals(env, log, reg)
	if err != nil {
		return err
	}
	var latest memory
	handler, err := f.handler(env, realm{cluster, f.audience}, reg, log, latest.observe, approvals.observe)
	if err != nil {
		return err
	}
	parts, err := f.parts(ctx, f.newPage(env, latest.decisions, log), log)
	if err != nil {
		return err
	}
	asking, err := approvals.parts(ctx)
	if err != nil {
		return err
	}
	listener, err := f.Open(ctx)
	if err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr().String(), "repo", f.repo, "branch", f.branch, "tls", secure != nil)
	web := writerapi.NewHTTPServer(f.Listen, handler, log)
	web.TLSConfig = secure
	return env.during(ctx, append(append(parts, asking...), daemon.Serve(web, listener))...)
}

func (f writerFlags) advisers(cluster *kube.Client, log *slog.Logger) (advisers, error) {
	prover, err := f.prover(f.repo, f.branch, log)
	asked := advisers{prover: prover}
	if f.owners {
		asked.owners = newRegistrar(cluster, f.namespace)
	}
	return asked, err
}

// handler is the API for the steps; others are told of every decision too.
func (f writerFlags) handler(env *envWriter, who realm, reg *prometheus.Registry, log *slog.Logger, others ...func(amend.Decision)) (http.Handler, error) {
	seen := newDecisionLog(log, reg)
	return writerapi.New(writerapi.Config{
		Repo: f.repo, Decider: tracedPen{pen{env.Writer}, env.tracer}, Ledger: pen{env.Writer}, Verifier: env, History: env, Authenticator: who, Authorizer: who,
		Unpack: alert.Unpack, RetryAt: github.RetryAt,
		Observe: func(d amend.Decision) {
			seen.observe(d)
			for _, tell := range others {
				tell(d)
			}
		},
		Ready: func(context.Context) error {
			_, err := env.mirror.Head(f.branch)
			return err
		},
		Now: time.Now, Log: log, Registry: reg,
	})
}

// tlsConfig is nil without a certificate. The files are read for each
// connection, so that a renewed certificate counts at once.
func (f writerFlags) tlsConfig() (*tls.Config, error) {
	if f.tlsCert == "" && f.tlsKey == "" {
		return nil, nil
	}
	load := func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
		return &pair, err
	}
	if _, err := load(nil); err != nil {
		return nil, amend.Errorf(amend.Invalid, "--tls-cert-file, --tls-key-file", "%w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: load}, nil
}

// A realm is the cluster as the judge of who calls and what they may do.
type realm struct {
	cluster  *kube.Client
	audience string
}

// Authenticate implements writerapi.Authenticator.
func (r realm) Authenticate(ctx context.Context, token string) (writerapi.Caller, error) {
	user, err := r.cluster.ReviewToken(ctx, token, r.audience)
	return writerapi.Caller(user), notTheCallers(err)
}

// Authorize implements writerapi.Authorizer.
func (r realm) Authorize(ctx context.Context, c writerapi.Caller, namespace string) (bool, error) {
	ok, err := r.cluster.Allowed(ctx, kube.User(c), kube.Access{Verb: "create", Group: kube.Group, Resource: "changes", Namespace: namespace})
	return ok, notTheCallers(err)
}

// notTheCallers keeps apart that the cluster refuses the caller's token from that
// it refuses to answer us, which is a mistake of the installation.
func notTheCallers(err error) error {
	if amend.KindOf(err) == amend.Refused && amend.ReasonOf(err) == "" {
		return amend.Errorf(amend.Internal, "ask the cluster", "%w", err)
	}
	return err
}

// A pen is the writer as the API wants it.
type pen struct{ *writer.Writer }

// Handle implements writerapi.Decider. As with serve, an event whose change
// cannot be made ends in the decision that it failed.
func (p pen) Handle(ctx context.Context, e amend.Event, allow writerapi.Allow) (amend.Decision, error) {
	d, err := p.Writer.Handle(ctx, e, allow)
	switch amend.KindOf(err) {
	case "":
		return d, nil
	case amend.Transient, amend.Conflict:
		return d, again(err)
	}
	return failed(d, e, err), nil
}

// Revert implements writerapi.Decider.
func (p pen) Revert(ctx context.Context, r amend.Reversal, allow writerapi.Allow) (amend.Decision, error) {
	d, err := p.Writer.Revert(ctx, r, allow)
	return d, again(err)
}

// Record implements writerapi.Ledger.
func (p pen) Record(ctx context.Context, commit string) (amend.Record, writerapi.RecordState, error) {
	r, state, err := p.Writer.Record(ctx, commit)
	return r, writerapi.RecordState(state), err
}

// again makes a lost race what it is for a caller: something to try once more,
// on what is there then.
func again(err error) error {
	if amend.KindOf(err) == amend.Conflict {
		return amend.Errorf(amend.Transient, "write", "%w", err)
	}
	return err
}
