package steps

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/verify"
	"github.com/amendhq/amend/internal/writerapi"
)

// A verification is step verify with its flags.
type verification struct {
	*step
	commit, repo, namespace string
	within, settle          time.Duration
	findRequest, revert     bool
	witnesses               WitnessFlags
	volatile                []string
}

func newVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Find out whether a change helped, and take it back if not",
		Long: `Have Argo CD look at Git now, wait until the Application that manages the changed
object has applied the commit and is healthy, and then ask the probe of the policy
and Alertmanager whether the trouble is over, as the playbook's verify says. The
verdict is shown beside the commit.

A change that did not land (yet), and a commit that is none of amend's, leave
nothing to verify: exit code 0. So does a change that has worked, that a newer one
took the place of, or of which nobody can say whether it helped. Exit code 3 when it
failed, when it was taken back because of that, or was not applied in time.

Of a commit that takes a change back, as the merge of a pull request that proposes to,
it is shown beside the change, once it is applied, that it was taken back.`,
		Example: `verify --in change.json --out verdict.json --alertmanager-url http://alertmanager:9093
verify --commit 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12 --find-request --revert`,
	}
	v := verification{step: &step{cmd: cmd}}
	v.writerFlags()
	v.inFlag("file with the decision of step propose")
	v.outFlag("file for the verdict")
	v.requestFlags()
	fs := cmd.Flags()
	fs.StringVar(&v.commit, "commit", "", "the change, the merge of its pull request, or what took it back, as a full commit id; instead of --in")
	fs.StringVar(&v.repo, "repo", "", "address of the env repo as Argo CD knows it (default: the writer's)")
	fs.StringVar(&v.namespace, "argocd-namespace", kube.ArgoCDNamespace, "namespace of the Applications; empty for all")
	fs.BoolVar(&v.findRequest, "find-request", false, "tell the RemediationRequest that the change answers, if there is one")
	fs.BoolVar(&v.revert, "revert", false, "when the change failed, take it back as the policy says")
	fs.StringSliceVar(&v.volatile, "volatile-label", alert.DefaultVolatile(), "labels that do not tell one trouble from another, as for the gateway")
	fs.DurationVar(&v.within, "within", 12*time.Minute, "how long to wait until the change is applied")
	fs.DurationVar(&v.settle, "settle", time.Minute, "how long an application has to be degraded to have failed")
	v.witnesses.Register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return v.tell(cmd.Context(), func() (outcome, error) { return v.run(cmd.Context()) })
	}
	return cmd
}

func (v verification) run(ctx context.Context) (outcome, error) {
	subject, nothing, err := v.subject()
	if err != nil {
		return outcome{}, err
	}
	if nothing != "" {
		return outcome{}, v.nothing(subject.Commit, nothing)
	}
	client, err := v.client()
	if err != nil {
		return outcome{}, err
	}
	change, err := client.Change(ctx, subject.Commit)
	if amend.KindOf(err) == amend.NotFound && subject.Kind != amend.KindCommit {
		return outcome{}, v.nothing(subject.Commit, "the branch holds no such change of amend: it waits for a person, or it is somebody else's")
	}
	if err != nil {
		return outcome{}, err
	}
	v.cmd.Annotations = map[string]string{traceAnnotation: change.Trace}
	commit := subject.Commit
	if change.Reverts {
		commit = change.Record.Commit
	}
	verdict, err := v.close(ctx, client, change, commit)
	if err != nil {
		return outcome{}, err
	}
	if err := v.write(verdict, "%s: %s", verdict.State, message.Plain(verdict.Detail, 1000)); err != nil {
		return outcome{}, err
	}
	fine := verdict.State == amend.Worked || verdict.State == amend.Superseded || verdict.State == amend.Unverified && verdict.Applied ||
		verdict.State == amend.Reverted && change.Reverts
	if !fine {
		return proved(verdict), amend.Errorf(amend.Refused, "verify", "%s: %s", verdict.State, message.Plain(verdict.Detail, 1000))
	}
	return proved(verdict), nil
}

// close waits for the verdict and does what follows from it.
func (v verification) close(ctx context.Context, client *writerapi.Client, change writerapi.Change, commit string) (amend.Verdict, error) {
	cluster, err := kube.New(v.kubeconfig)
	if err != nil {
		return amend.Verdict{}, err
	}
	object, err := amend.ParseObjectRef(change.Record.Target)
	if err != nil {
		return amend.Verdict{}, err
	}
	if v.findRequest {
		if err := v.find(ctx, cluster, object.Namespace, change.Record.Alert); err != nil {
			return amend.Verdict{}, err
		}
	}
	log := slog.New(slog.NewTextHandler(v.cmd.ErrOrStderr(), nil))
	l := verify.Loop{Scribe: client, Revert: v.revert, Config: verify.Config{
		Applications: cluster, History: client, Namespace: v.namespace, Repo: cmp.Or(v.repo, change.Repo),
		Within: v.within, Settle: v.settle, Now: time.Now, Log: log,
	}}
	if err := v.witnesses.Wire(&l.Config, v.volatile); err != nil {
		return amend.Verdict{}, err
	}
	return l.Conclude(ctx, verify.Change{
		Commit: commit, Object: object, Event: change.Record.Alert, At: change.Record.At, Check: change.Check, Requested: !v.request.isZero(),
	})
}

// subject returns what to verify, or why there is nothing. Of a commit that is
// named by --commit the kind is not known.
func (v verification) subject() (c amend.Change, nothing string, err error) {
	if (v.in == "") == (v.commit == "") {
		return c, "", amend.Errorf(amend.Invalid, "verify", "give either --in or --commit")
	}
	if v.commit != "" {
		return amend.Change{Commit: v.commit}, "", nil
	}
	var d amend.Decision
	if err := v.readIn(&d); err != nil {
		return c, "", err
	}
	if !landed(d) {
		return c, "nothing was changed: " + string(d.Reason), nil
	}
	return *d.Change, "", nil
}

// nothing ends the step when there is nothing to verify.
func (v verification) nothing(commit, why string) error {
	return v.write(amend.Verdict{State: amend.Unverified, Detail: why, Commit: commit, At: time.Now().UTC()}, "nothing to verify: %s", why)
}

// find looks for the request that made the event. A pull request is merged long
// after the request's own Workflow has ended, by a Workflow that knows the commit
// only.
func (v verification) find(ctx context.Context, cluster *kube.Client, namespace, event string) error {
	requests, err := cluster.RemediationRequests(ctx, namespace)
	for _, r := range requests {
		if requestEvent(r).ID == event {
			v.request = requestName{r.Namespace, r.Name}
		}
	}
	return err
}
