package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/message"
)

func newCause() *cobra.Command {
	f := causeFlags{since: momentFlag{now: time.Now}}
	cmd := &cobra.Command{
		Use:   "cause",
		Short: "Find the commit that changed a workload before its alert",
		Long: `Find, in a clone of the env repo, the commit that changed how a workload is
rendered shortly before an alert started: what it changed, when that took effect,
and how sure that is. Nothing is written. docs/cause.md says how candidates are
weighed, and what is not seen.

--history takes the Argo CD Application of the workload as a file, whose status
says what was deployed when:

  kubectl get application web -n argocd -o json > web.json

With --cluster the cluster is asked for that instead. With neither, the times of the
commits have to do. Exit code 3 when no commit is named: none changed the workload,
none is likely, or several are as likely.`,
		Example: `  amend cause --repo . --resource Deployment/shop/web --since 20m
  amend cause --repo . --resource Deployment/shop/web --since 2026-03-01T10:00:00Z --for 10m \
    --history web.json --alertname WebErrorRate
  amend cause --repo . --cluster --resource Pod/shop/web-5d9c-x2x4b --since 5m -o json`,
	}
	out := cli.OutputFlag(cmd)
	f.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, flag := range []string{"resource", "since"} {
			if err := cli.Required(cmd, flag); err != nil {
				return err
			}
		}
		defer quiet()()
		found, err := f.find(cmd.Context())
		if err != nil {
			return err
		}
		w := cmd.OutOrStdout()
		if *out == cli.JSON {
			err = cli.PrintJSON(w, found)
		} else {
			err = printCause(w, found)
		}
		if _, ok := found.Cause(); !ok {
			err = errors.Join(err, cli.Printed(amend.Errorf(amend.Refused, "cause", "no commit is named: %s", found.Outcome)))
		}
		return err
	}
	return cmd
}

// causeFlags ask for the cause of one alert.
type causeFlags struct {
	repo, branch      string
	application, path string
	resource          string
	since             momentFlag
	held, window      time.Duration
	alert, history    string
	renders           int
	cluster           clusterFlags
}

func (f *causeFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.repo, "repo", ".", "folder of the clone of the env repo")
	fs.StringVar(&f.branch, "branch", checkedOut, "branch that Argo CD follows")
	fs.StringVar(&f.application, "application", "", "name of the Application that owns the object, or a file with it and its parents")
	fs.StringVar(&f.path, "path", "", "folder to treat as the one source, when there is no Application")
	fs.StringVar(&f.resource, "resource", "", "the live object: [GROUP/]KIND/NAMESPACE/NAME (required)")
	fs.Var(&f.since, "since", "when the alert started: a time in RFC 3339, or how long ago, e.g. 20m (required)")
	fs.DurationVar(&f.held, "for", 0, "the for of the alert's rule: so long the trouble was there before the alert")
	fs.StringVar(&f.alert, "alertname", "", "name of the alert, which says weakly what kind of change fits")
	fs.DurationVar(&f.window, "window", cause.DefaultWindow, "how long before the trouble a change may have taken effect")
	fs.IntVar(&f.renders, "max-renders", cause.DefaultRenders, "for how many states of the repo the workload is rendered at most")
	fs.StringVar(&f.history, "history", "", "file with the Application as it is live, for its history of deploys")
	f.cluster.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("since", cobra.FixedCompletions([]string{"5m", "20m", "1h"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagFilename("history", "json", "yaml", "yml")
	_ = cmd.MarkFlagDirname("repo")
}

// momentFlag is a time, given as such or as how long ago it was.
type momentFlag struct {
	time.Time
	now func() time.Time
}

func (m *momentFlag) String() string { return "" }
func (m *momentFlag) Type() string   { return "time" }

// Set implements pflag.Value.
func (m *momentFlag) Set(s string) (err error) {
	if ago, notDuration := time.ParseDuration(s); notDuration == nil && ago >= 0 {
		m.Time = m.now().Add(-ago)
		return nil
	}
	if m.Time, err = time.Parse(time.RFC3339, s); err != nil {
		return fmt.Errorf("%q is neither a time such as 2026-03-01T10:00:00Z nor a duration such as 20m", s)
	}
	return nil
}

// find asks the clone and, if that is wanted, the cluster.
func (f *causeFlags) find(ctx context.Context) (cause.Result, error) {
	q := cause.Question{Began: f.since.Time, For: f.held, Alert: f.alert, Window: f.window, Renders: f.renders}
	q.Workload.Root = f.path
	var err error
	if q.Workload.Object, err = parseResource(f.resource); err != nil {
		return cause.Result{}, err
	}
	if err := (&fieldFlags{application: f.application}).owner(&q.Workload); err != nil {
		return cause.Result{}, err
	}
	past, err := openPast(f.repo)
	if err != nil {
		return cause.Result{}, err
	}
	if q.Head, err = headOf(past.clone, f.branch); err != nil {
		return cause.Result{}, err
	}
	if f.branch != checkedOut {
		q.Branch = f.branch
	}
	if q.Deploys, err = f.deploys(ctx, &q.Workload); err != nil {
		return cause.Result{}, err
	}
	return cause.Find(q, past, locate.New(withJsonnet()))
}

// deploys reads what was deployed when, and completes the query with what the
// cluster knows, if one of these is to be asked.
func (f *causeFlags) deploys(ctx context.Context, q *locate.Query) ([]amend.Deploy, error) {
	if f.history != "" {
		if f.cluster.ask {
			return nil, amend.Errorf(amend.Invalid, "--history", "the cluster tells the history, too; give one of --history and --cluster")
		}
		data, err := os.ReadFile(f.history)
		if err != nil {
			return nil, amend.Errorf(amend.Invalid, "read --history", "%w", err)
		}
		return parseDeploys(data)
	}
	if _, err := f.cluster.owner(ctx, q); err != nil || !f.cluster.ask {
		return nil, err
	}
	client, err := kube.Open(f.cluster.kubeconfig, f.cluster.context)
	if err != nil {
		return nil, err
	}
	return kube.NewOwners(client, f.cluster.namespace, 0, time.Now).Deploys(ctx, q.Object)
}

// parseDeploys reads status.history of an Application in JSON or YAML.
func parseDeploys(data []byte) ([]amend.Deploy, error) {
	var app struct {
		Kind   string `json:"kind"`
		Status struct {
			History []struct {
				At        time.Time `json:"deployedAt"`
				Revision  string    `json:"revision"`
				Revisions []string  `json:"revisions"`
				By        struct {
					User string `json:"username"`
				} `json:"initiatedBy"`
			} `json:"history"`
		} `json:"status"`
	}
	if err := yaml.Unmarshal(data, &app); err != nil {
		return nil, amend.Errorf(amend.Invalid, "read --history", "%w", err)
	}
	if app.Kind != "Application" || len(app.Status.History) == 0 {
		return nil, amend.Errorf(amend.Invalid, "read --history", "the file holds no Application with a status.history; get it with kubectl get application NAME -n argocd -o json")
	}
	var deploys []amend.Deploy
	for _, h := range app.Status.History {
		revisions := h.Revisions
		if len(revisions) == 0 {
			revisions = []string{h.Revision}
		}
		deploys = append(deploys, amend.Deploy{At: h.At, Revisions: revisions, By: h.By.User})
	}
	return deploys, nil
}

// printCause tells a result to a person at a terminal.
func printCause(w io.Writer, r cause.Result) error {
	var b strings.Builder
	for _, line := range r.Lines() {
		text, under := strings.CutPrefix(line, "  ")
		if under {
			b.WriteString("  ")
		}
		b.WriteString(message.Plain(text, 2000) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
