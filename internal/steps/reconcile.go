package steps

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alertmanager"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/kube"
)

// reconcileFlags say where to ask and where to post.
type reconcileFlags struct {
	alertmanagers    []string
	alertmanagerAuth alertmanager.Auth
	receiver         string
	gateway          string
	gatewayToken     string
	requests         bool
}

// untaken is how old a RemediationRequest is that no Workflow took in time.
const untaken = 2 * time.Minute

func (f *reconcileFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.alertmanagers, "alertmanager", nil, "address of an Alertmanager with its route prefix; repeat it for a cluster (required)")
	fs.StringVar(&f.alertmanagerAuth.TokenFile, "alertmanager-token-file", "", "file with a bearer token for the Alertmanagers")
	fs.StringVar(&f.alertmanagerAuth.User, "alertmanager-user", "", "user of basic authentication for the Alertmanagers")
	fs.StringVar(&f.alertmanagerAuth.PasswordFile, "alertmanager-password-file", "", "file with the password of --alertmanager-user")
	fs.StringVar(&f.receiver, "receiver", "amend", "regular expression of the receivers whose alerts are meant for amend; '' for all alerts")
	fs.StringVar(&f.gateway, "gateway", "http://amend-gateway.amend.svc:8080", "address of amend-gateway")
	fs.StringVar(&f.gatewayToken, "gateway-token-file", "", "file with the bearer token that the gateway asks for")
	fs.BoolVar(&f.requests, "requests", false, "bring RemediationRequests back that no Workflow took, because the bus was away")
}

func newReconcile() *cobra.Command {
	var f reconcileFlags
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Post what fires now again, and see to missing log entries",
		Long: `Ask every Alertmanager what fires now, neither silenced nor inhibited, and post
it to the gateway; then ask the writer to see to missing entries of the log. What
is known already changes nothing. An Alertmanager that does not answer keeps
nothing else from being done, and is exit code 75 at the end.

With --requests, the status of each RemediationRequest that nothing has become of
in two minutes is touched, so that the EventSource sees it once more.`,
		Example: "reconcile --alertmanager http://alertmanager:9093 --gateway-token-file webhook-token",
	}
	s := &step{cmd: cmd}
	f.register(cmd)
	s.writerFlags()
	s.kubeFlags()
	s.outFlag("file for what was found and done")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.Required(cmd, "alertmanager"); err != nil {
			return err
		}
		done, err := s.reconcile(cmd.Context(), f)
		if done == nil {
			return err
		}
		return errors.Join(err, s.write(done, "%d firing: %d accepted, %d folded, %d rejected", done.Firing, done.Accepted, done.Folded, done.Rejected))
	}
	return cmd
}

// A Reconciliation is what one run found and did. Alerts that several
// Alertmanagers know count for each of them.
type Reconciliation struct {
	// Firing counts what the Alertmanagers said that fires, and Outcome what became of
	// that at the gateway.
	Firing int `json:"firing"`
	alertmanager.Outcome
	// Requests counts the RemediationRequests that were brought back.
	Requests int `json:"requests"`
	// Swept says that the writer has seen to missing log entries.
	Swept bool `json:"swept"`
}

// reconcile does as much as it can. It returns nil when it could not begin.
func (s *step) reconcile(ctx context.Context, f reconcileFlags) (*Reconciliation, error) {
	writer, err := s.client()
	if err != nil {
		return nil, err
	}
	gateway, err := alertmanager.NewWebhook(f.gateway, alertmanager.Auth{TokenFile: f.gatewayToken})
	if err != nil {
		return nil, err
	}
	sources := make([]*alertmanager.Client, len(f.alertmanagers))
	for i, address := range f.alertmanagers {
		if sources[i], err = alertmanager.NewClient(address, f.alertmanagerAuth); err != nil {
			return nil, err
		}
	}
	var (
		done   Reconciliation
		failed error
	)
	for _, source := range sources {
		firing, err := source.Firing(ctx, f.receiver)
		if err == nil {
			var o alertmanager.Outcome
			o, err = gateway.Send(ctx, firing)
			done.add(len(firing), o)
		}
		failed = errors.Join(failed, err)
	}
	if f.requests {
		done.Requests, err = s.bringBack(ctx, time.Now())
		failed = errors.Join(failed, err)
	}
	err = writer.Sweep(ctx)
	done.Swept = err == nil
	return &done, errors.Join(failed, err)
}

// bringBack touches the requests that no Workflow took in time. Argo Events sees
// an object once and drops the event when its bus is away; a change of the status
// is another event.
func (s *step) bringBack(ctx context.Context, now time.Time) (int, error) {
	cluster, err := kube.New(s.kubeconfig)
	if err != nil {
		return 0, err
	}
	all, err := cluster.RemediationRequests(ctx, "")
	if err != nil {
		return 0, err
	}
	touched := 0
	var failed error
	for _, r := range all {
		if r.Status.Phase.Progress() > 0 || now.Sub(r.CreationTimestamp.Time) < untaken {
			continue
		}
		r.Status.Phase = kube.Pending
		r.Status.Message = "No Workflow had taken the request by " + now.UTC().Format(time.RFC3339) + ", so its event was repeated."
		switch _, err := cluster.UpdateStatus(ctx, r); amend.KindOf(err) {
		case "":
			touched++
		case amend.Conflict, amend.NotFound: // somebody is at it, or it is gone
		default:
			failed = errors.Join(failed, err)
		}
	}
	return touched, failed
}

func (r *Reconciliation) add(firing int, o alertmanager.Outcome) {
	r.Firing += firing
	r.Accepted += o.Accepted
	r.Folded += o.Folded
	r.Rejected += o.Rejected
}
