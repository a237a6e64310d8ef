package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/elastic"
	"github.com/amendhq/amend/internal/gateway"
)

func newExporter() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "exporter",
		Short:   "Serve what other systems know as metrics of Prometheus",
		Example: `  amend exporter elastic --elasticsearch https://es.example.com:9200 --job webapp`,
	}
	cmd.AddCommand(newExporterElastic())
	return cmd
}

// elasticFlags is the configuration of exporter elastic.
type elasticFlags struct {
	daemon.ListenFlags
	cli.LogFlags
	address string
	auth    elastic.Auth
	caFile  string
	jobs    []string
	poll    time.Duration
	maxAge  time.Duration
}

func (f *elasticFlags) register(cmd *cobra.Command) {
	f.ListenFlags.Register(cmd, ":9111", "address that serves /metrics")
	f.LogFlags.Register(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.address, "elasticsearch", "", "address of Elasticsearch (required)")
	fs.StringVar(&f.auth.APIKeyFile, "api-key-file", "", "file with an API key, in the encoded form")
	fs.StringVar(&f.auth.User, "user", "", "user of basic authentication, instead of an API key")
	fs.StringVar(&f.auth.PasswordFile, "password-file", "", "file with the password of --user")
	fs.StringVar(&f.caFile, "ca-file", "", "file with the certificates that sign the server's, where they are not the system's")
	fs.StringArrayVar(&f.jobs, "job", nil, "anomaly detection job: ID, or LABEL=ID for another name in the metric; repeat it (required)")
	fs.DurationVar(&f.poll, "poll-interval", 30*time.Second, "how often the jobs are read")
	fs.DurationVar(&f.maxAge, "max-age", 30*time.Minute, "how long a score is served after the end of its bucket")
}

func newExporterElastic() *cobra.Command {
	var f elasticFlags
	cmd := &cobra.Command{
		Use:   "elastic",
		Short: "Serve the scores of Elastic's anomaly detection",
		Long: `Read the newest bucket of some anomaly detection jobs at intervals, and serve its
score on /metrics as elastic_anomaly_score{job="…"}, 0 to 100. Scrape it with
honorLabels, or Prometheus renames the label to exported_job.

A scrape never waits for Elasticsearch. When a job stops, or cannot be read, its
score disappears --max-age after the end of its last bucket; this has to be longer
than a bucket of the job. elastic_last_success_timestamp_seconds and
elastic_errors_total say how the reading goes. The API key needs the cluster
privilege monitor_ml.`,
		Example: `  amend exporter elastic --elasticsearch https://es.example.com:9200 \
      --api-key-file api-key --job webapp=webapp-request-rate`,
	}
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, flag := range []string{"elasticsearch", "job"} {
			if err := cli.Required(cmd, flag); err != nil {
				return err
			}
		}
		log, err := f.Logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return f.run(cmd.Context(), log)
	}
	return cmd
}

// run serves until ctx ends.
func (f elasticFlags) run(ctx context.Context, log *slog.Logger) error {
	if f.poll <= 0 || f.maxAge <= 0 {
		return amend.Errorf(amend.Invalid, "", "--poll-interval and --max-age have to be more than nothing")
	}
	transport, err := transportTrusting(f.caFile)
	if err != nil {
		return err
	}
	client, err := elastic.NewClient(f.address, f.auth, transport)
	if err != nil {
		return err
	}
	reg := daemon.NewRegistry()
	exporter, err := elastic.New(elastic.Config{Client: client, Jobs: parseJobs(f.jobs), MaxAge: f.maxAge, Log: log, Registry: reg})
	if err != nil {
		return err
	}
	listener, err := f.Open(ctx)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	log.Info("serving", "address", listener.Addr().String(), "elasticsearch", f.address)
	return daemon.Run(ctx, daemon.Serve(gateway.NewServer(f.Listen, mux, log), listener),
		daemon.Part{Name: "elasticsearch", Run: func(ctx context.Context) error { return exporter.Run(ctx, f.poll) }})
}

// parseJobs reads LABEL=ID, or an ID that is its own label.
func parseJobs(texts []string) []elastic.Job {
	jobs := make([]elastic.Job, len(texts))
	for i, text := range texts {
		label, id, named := strings.Cut(text, "=")
		if !named {
			id = label
		}
		jobs[i] = elastic.Job{Label: label, ID: id}
	}
	return jobs
}

// transportTrusting returns a transport that trusts the certificates of a file, or
// the system's for "".
func transportTrusting(caFile string) (http.RoundTripper, error) {
	transport := &http.Transport{TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true}
	if caFile == "" {
		return transport, nil
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read certificates", "%w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, amend.Errorf(amend.Invalid, "read certificates", "%s holds none in PEM", caFile)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return transport, nil
}
