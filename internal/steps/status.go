package steps

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/message"
)

// maxMessage bounds the texts in a status.
const maxMessage = 1000

// maxStatusTries bounds how often a status is written again because somebody
// else wrote the request meanwhile.
const maxStatusTries = 5

// requestName is the value of --request: NAMESPACE/NAME.
type requestName struct{ namespace, name string }

// kubeName is what Kubernetes takes for the name of an object.
var kubeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`) })

func (r *requestName) String() string {
	if r.isZero() {
		return ""
	}
	return r.namespace + "/" + r.name
}

func (r *requestName) Type() string { return "namespace/name" }

// Set implements pflag.Value.
func (r *requestName) Set(s string) error {
	r.namespace, r.name, _ = strings.Cut(s, "/")
	return r.check()
}

func (r *requestName) check() error {
	if !kubeName().MatchString(r.namespace) || !kubeName().MatchString(r.name) {
		return amend.Errorf(amend.Invalid, "name of the request", "want NAMESPACE/NAME of a RemediationRequest")
	}
	return nil
}

func (r *requestName) isZero() bool { return *r == requestName{} }

func (s *step) requestFlags() {
	s.cmd.Flags().Var(&s.request, "request", "RemediationRequest whose status tells the outcome")
	s.kubeFlags()
}

func (s *step) kubeFlags() {
	s.cmd.Flags().StringVar(&s.kubeconfig, "kubeconfig", "", "file that says how to reach the cluster (default: as a pod of it)")
}

// An outcome is what a step has to say in the status of a request; the zero
// value is nothing.
type outcome struct {
	phase           kube.Phase
	reason, message string
	change          *amend.Change
	condition       string // its type, when one is known now
	holds           bool
	// onlyUnsettled leaves a request alone that waits for a person.
	onlyUnsettled bool
}

// expected is the outcome of a decision that is not carried out yet.
func expected(d amend.Decision) outcome {
	o := outcome{phase: kube.Running, reason: string(d.Reason), message: d.Detail, condition: kube.Decided, holds: true}
	if d.Refused() {
		o.phase = kube.Failed
	}
	return o
}

// done is the outcome of a decision that was carried out.
func done(d amend.Decision) outcome {
	o := outcome{phase: kube.Succeeded, reason: string(d.Reason), message: d.Detail, condition: kube.Changed, holds: d.Change != nil}
	switch {
	case d.Refused():
		o.phase, o.holds = kube.Failed, false
		return o
	case !landed(d):
		return o
	case d.Change.Kind == amend.KindPullRequest:
		o.phase = kube.Proposed
	default:
		o.phase = kube.Running // until it is verified
	}
	o.change = d.Change
	return o
}

// proved is the outcome of a verification.
func proved(v amend.Verdict) outcome {
	o := outcome{phase: kube.Failed, reason: string(v.State), message: v.Detail, condition: kube.Verified, holds: v.State == amend.Worked}
	if o.holds {
		o.phase = kube.Succeeded
	}
	return o
}

// tell runs the step, and says in the status of its request what came of it: its
// outcome, or the error when it is not worth another try.
func (s *step) tell(ctx context.Context, run func() (outcome, error)) error {
	o, err := run()
	if s.request.isZero() || amend.KindOf(err) == amend.Transient || err == nil && o.phase == "" {
		return err
	}
	if err != nil && o.phase != kube.Failed {
		o = outcome{phase: kube.Failed, reason: string(amend.ReasonFailed), message: err.Error()}
		if r := amend.ReasonOf(err); r != "" {
			o.reason = string(r)
		}
	}
	if told := s.report(ctx, o); told != nil {
		return told // the step is run again, and then says it
	}
	return err
}

// report writes the outcome into the status of the request. A request that is
// gone needs none. Anything else that is in the way is amend.Transient: what the
// step has done stays done, and is found by the next run.
func (s *step) report(ctx context.Context, o outcome) error {
	const op = "write the status of the request"
	cluster, err := kube.New(s.kubeconfig)
	if err != nil {
		return amend.Errorf(amend.Transient, op, "%w", err)
	}
	for try := 1; ; try++ {
		r, err := cluster.RemediationRequest(ctx, s.request.namespace, s.request.name)
		if err == nil {
			if !o.apply(&r, time.Now()) {
				return nil
			}
			_, err = cluster.UpdateStatus(ctx, r)
		}
		switch kind := amend.KindOf(err); {
		case err == nil || kind == amend.NotFound:
			return nil
		case kind != amend.Conflict || try == maxStatusTries:
			return amend.Errorf(amend.Transient, op, "%w", err)
		}
	}
}

// apply changes the status of the request and reports whether there is anything
// to write: not when the request is further on already, or has ended.
func (o outcome) apply(r *kube.RemediationRequest, now time.Time) bool {
	old := r.Status.Phase.Progress()
	if old == kube.Succeeded.Progress() || old > o.phase.Progress() || o.onlyUnsettled && old > kube.Running.Progress() {
		return false
	}
	text := message.Plain(o.message, maxMessage)
	r.Status.ObservedGeneration = r.Generation
	r.Status.Phase = o.phase
	r.Status.Reason = o.reason
	r.Status.Message = text
	if o.change != nil {
		r.Status.Change = &kube.RemediationChange{Kind: o.change.Kind, Commit: o.change.Commit, Number: o.change.Number, URL: o.change.URL}
	}
	if o.condition != "" {
		status := metav1.ConditionFalse
		if o.holds {
			status = metav1.ConditionTrue
		}
		meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{
			Type: o.condition, Status: status, ObservedGeneration: r.Generation,
			LastTransitionTime: metav1.NewTime(now), Reason: camel(o.reason), Message: text,
		})
	}
	return true
}

// camel writes a reason as conditions want it: changed-since is ChangedSince.
func camel(reason string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(reason, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
