package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/evidence"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/mask"
	"github.com/amendhq/amend/internal/model"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/prometheus"
	"github.com/amendhq/amend/internal/report"
	"github.com/amendhq/amend/internal/tree"
)

// investigateFlags say where evidence comes from, for report and mcp alike.
type investigateFlags struct {
	repo                string
	cluster             bool
	kubeconfig, context string
	argocd              string
	prometheus          prometheus.Config
	timeout             time.Duration
	keepAddresses       bool
	model               model.Config
}

func (f *investigateFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.repo, "repo", ".", "folder of the clone of the env repo")
	fs.BoolVar(&f.cluster, "cluster", false, "read the namespace of the workload in the cluster, too")
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "how to reach the cluster (default: as kubectl does); implies --cluster")
	fs.StringVar(&f.context, "context", "", "context of the kubeconfig; implies --cluster")
	fs.StringVar(&f.argocd, "argocd-namespace", kube.ArgoCDNamespace, "namespace of the Applications; empty for all")
	fs.StringVar(&f.prometheus.URL, "prometheus-url", "", "address of the Prometheus whose rule made the alert")
	fs.StringVar(&f.prometheus.TokenFile, "prometheus-token-file", "", "file with a bearer token for it")
	fs.StringVar(&f.prometheus.CAFile, "prometheus-ca-file", "", "file with the certificates that its own must be signed by")
	fs.DurationVar(&f.timeout, "part-timeout", 10*time.Second, "how long each part of the evidence may take")
	fs.BoolVar(&f.keepAddresses, "keep-addresses", false, "do not mask public IP addresses")
	fs.StringVar(&f.model.API, "model-api", "", "have a model read the masked report, too: anthropic, openai or bedrock")
	fs.StringVar(&f.model.URL, "model-url", "", "root of its API (default: the vendor's; required for bedrock)")
	fs.StringVar(&f.model.Name, "model-name", "", "the model, as its API names it")
	fs.StringVar(&f.model.KeyFile, "model-key-file", "", "file with the key of its API")
	_ = cmd.RegisterFlagCompletionFunc("model-api", cobra.FixedCompletions([]string{"anthropic", "openai", "bedrock"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagDirname("repo")
}

// open makes an investigator. It asks nobody yet, but the folder has to be there.
func (f *investigateFlags) open(now func() time.Time) (*investigator, error) {
	if _, err := tree.Dir(f.repo); err != nil {
		return nil, err
	}
	from := evidence.Sources{Causes: suspects{f.repo}}
	if f.cluster || f.kubeconfig != "" || f.context != "" {
		client, err := kube.Open(f.kubeconfig, f.context)
		if err != nil {
			return nil, err
		}
		from.Workloads, from.Around = client, client
		from.Deploys = kube.NewOwners(client, f.argocd, time.Minute, time.Now)
	}
	if f.prometheus.URL != "" {
		client, err := prometheus.New(f.prometheus)
		if err != nil {
			return nil, err
		}
		from.Metrics = client
	}
	i := &investigator{
		repo: f.repo, now: now, collector: evidence.New(from, f.timeout, now),
		masker: mask.New(mask.Options{KeepAddresses: f.keepAddresses}),
	}
	if f.model != (model.Config{}) {
		reader, err := model.New(f.model)
		if err != nil {
			return nil, err
		}
		i.reader = reader
	}
	return i, nil
}

// An investigator makes reports of what a clone, and whatever else it may ask,
// knows about events.
type investigator struct {
	repo      string
	now       func() time.Time
	collector *evidence.Collector
	masker    mask.Masker
	reader    *model.Client // nil for none
}

// report collects the evidence about an event and concludes from it.
func (i *investigator) report(ctx context.Context, e amend.Event) (report.Report, error) {
	known, err := i.known(e)
	if err != nil {
		return report.Report{}, err
	}
	return i.conclude(ctx, i.collector.Collect(ctx, known)), nil
}

// conclude makes the report of evidence. A model that is configured reads it as it
// is printed, masked and inert; that it cannot be asked is a gap like any other.
func (i *investigator) conclude(ctx context.Context, e amend.Evidence) report.Report {
	r := report.New(e, i.masker)
	if i.reader == nil {
		return r
	}
	allowed := make([]string, 0, len(r.Suggestions))
	for _, s := range r.Suggestions {
		allowed = append(allowed, s.Action)
	}
	opinion, err := i.reader.Read(ctx, r.Markdown(), allowed)
	if err != nil {
		r.Evidence.Unread = append(r.Evidence.Unread, amend.Unread{Part: "opinion of the model", Reason: i.masker.Text(amend.Public(err))})
		return r
	}
	return r.Opinion(opinion.Text, opinion.Action)
}

// known is what the clone tells about an event: what the policy lets amend do, what
// it would decide now, and what it did before.
func (i *investigator) known(e amend.Event) (amend.Evidence, error) {
	known := amend.Evidence{At: i.now(), Event: e}
	files, err := tree.Dir(i.repo)
	if err != nil {
		return known, err
	}
	if err := allow(files, &known); err != nil {
		known.Unread = append(known.Unread, amend.Unread{Part: "policy", Reason: amend.Public(err)})
		return known, nil
	}
	past, err := readPast(i.repo)
	if err != nil {
		return known, err
	}
	d, err := pipeline.New(withJsonnet()).Decide(pipeline.World{Tree: files, Past: past, Now: known.At}, e)
	if err != nil {
		known.Unread = append(known.Unread, amend.Unread{Part: "decision", Reason: amend.Public(err)})
		return known, nil
	}
	known.Decision = &d
	if d.Incident != "" {
		known.Episodes, err = past.Episodes(d.Incident, d.Mode)
	}
	return known, err
}

// allow fills in the workload and the actions that the policy of the files has for
// the event: those of the playbook that it chooses, and none beside.
func allow(files fs.FS, known *amend.Evidence) error {
	data, err := fs.ReadFile(files, policy.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the env repo has no %s", policy.Path)
	}
	if err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	catalogue := pipeline.Catalogue()
	p, err := policy.Parse(policy.Path, data, catalogue)
	if err != nil {
		return err
	}
	playbook, req, ok, err := p.Choose(known.Event, known.At)
	if !ok || err != nil {
		return err
	}
	known.Workload = req.Workload
	names := []string{playbook.Action}
	for _, rung := range playbook.Then {
		names = append(names, rung.Action)
	}
	for _, name := range names {
		a := amend.AllowedAction{Name: name, Playbook: playbook.Name, Mode: playbook.Mode}
		for _, listed := range catalogue {
			if listed.Name == name {
				a.Summary = listed.Summary
			}
		}
		known.Allowed = append(known.Allowed, a)
	}
	return nil
}
