package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/amendhq/amend"
)

// What holds when the file does not say otherwise. The look-back window of most
// alerts is below ten minutes, so an alert that still fires at the deadline is
// no echo.
const (
	defaultAfter    = Duration(2 * time.Minute)
	defaultDeadline = Duration(15 * time.Minute)
)

// maxDeadline bounds how long a pod waits for an alert to end.
const maxDeadline = Duration(40 * time.Minute)

// maxProbe bounds a probe in bytes: Prometheus takes it in a form, and people
// have to read it.
const maxProbe = 2000

var failures = []string{string(amend.TakeBack), string(amend.ProposeTakeBack), string(amend.Keep)}

// A Verify says how to find out whether a change helped, and what to do when it
// did not.
type Verify struct {
	After     Duration        `json:"after,omitempty" jsonschema_description:"How long an applied change has to take effect before anybody asks; 2m when left out."`
	Deadline  Duration        `json:"deadline,omitempty" jsonschema_description:"How long after it was applied the trouble may take to end; 15m when left out, at most 40m."`
	Probe     Probe           `json:"probe,omitempty" jsonschema_description:"A PromQL expression that returns something while the trouble is there, and sees its end sooner than the alert; $kind, $namespace and $name stand for the workload."`
	OnFailure amend.OnFailure `json:"onFailure,omitempty" jsonschema:"enum=revert,enum=pull-request,enum=keep" jsonschema_description:"What becomes of a change that failed; revert in mode commit and pull-request in the other modes when left out."`
}

// A Probe is a PromQL expression with placeholders for the workload.
type Probe string

// placeholder is what a probe may hold for a name. A dollar that no letter
// follows is the end of a regular expression.
var placeholder = regexp.MustCompile(`\$\{?[A-Za-z_][A-Za-z0-9_]*\}?`)

var placeholders = []string{"$kind", "$namespace", "$name"}

// UnmarshalText takes an expression whose placeholders are known. Whether it is
// PromQL, Prometheus says.
func (p *Probe) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "" || len(s) > maxProbe {
		return fmt.Errorf("the probe has %d bytes; expected a PromQL expression of 1 to %d", len(s), maxProbe)
	}
	for _, found := range placeholder.FindAllString(s, -1) {
		if !slices.Contains(placeholders, found) {
			return fmt.Errorf("unknown placeholder %.60q in the probe%s", found, expectedOneOf(found, placeholders))
		}
	}
	*p = Probe(s)
	return nil
}

// JSONSchema describes a probe as text; its syntax is no regular language.
func (Probe) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: &[]uint64{1}[0], Examples: []any{`histogram_quantile(0.99, rate(latency_bucket{deployment="$name"}[1m])) > 1`}}
}

// kindForm is what a kind of Kubernetes looks like.
var kindForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)

// of fills the names of the workload in. They come from labels of an alert at
// last, so anything but a name of Kubernetes is refused: none of those can end a
// string of PromQL.
func (p Probe) of(w amend.ObjectRef) (string, error) {
	if len(validation.IsDNS1123Label(w.Namespace)) > 0 || len(validation.IsDNS1123Subdomain(w.Name)) > 0 || !kindForm.MatchString(w.Kind) {
		return "", amend.Refusef(amend.ReasonNoWorkload, "%s is not the name of a workload, so no probe is made for it", quote(w.String()))
	}
	return placeholder.ReplaceAllStringFunc(string(p), func(found string) string {
		switch found {
		case "$kind":
			return w.Kind
		case "$namespace":
			return w.Namespace
		default:
			return w.Name
		}
	}), nil
}

// or completes what is left out from the defaults of the file and, for the
// answer to a failure, from how far the playbook may go by itself.
func (v Verify) or(defaults Verify, mode amend.Mode) Verify {
	byMode := amend.ProposeTakeBack
	if mode == amend.Commit {
		byMode = amend.TakeBack
	}
	return Verify{
		After:     cmp.Or(v.After, defaults.After, defaultAfter),
		Deadline:  cmp.Or(v.Deadline, defaults.Deadline, defaultDeadline),
		Probe:     cmp.Or(v.Probe, defaults.Probe),
		OnFailure: cmp.Or(v.OnFailure, defaults.OnFailure, byMode),
	}
}

// checkVerify reports times that leave no time to ask.
func (r *reader) checkVerify(v *Verify, defaults Verify) {
	r.checkOneOf(&v.OnFailure, "onFailure", string(v.OnFailure), failures)
	if n := r.at[&v.Deadline]; n != nil && v.Deadline > maxDeadline {
		r.problem(n, "the deadline %s is too long; expected at most %s", v.Deadline, maxDeadline)
	}
	whole := v.or(defaults, amend.Commit)
	if n := cmp.Or(r.at[&v.Deadline], r.at[&v.After]); n != nil && whole.Deadline <= whole.After {
		r.problem(n, "nobody is asked before %s and not after %s; expected a deadline later than after", whole.After, whole.Deadline)
	}
}

// Check says how to find out whether a change to the workload by the playbook of
// that name helped. A playbook that is not in the file any more wants nothing
// undone. It refuses, with amend.ReasonNoWorkload, names that Kubernetes would
// not take.
func (p *Policy) Check(playbook string, w amend.ObjectRef) (amend.Check, error) {
	v := Verify{OnFailure: amend.Keep}.or(p.Defaults.Verify, "")
	if i := slices.IndexFunc(p.Playbooks, func(b Playbook) bool { return b.Name == playbook }); i >= 0 {
		v = p.Playbooks[i].Verify
	}
	probe, err := v.Probe.of(w)
	return amend.Check{After: time.Duration(v.After), Deadline: time.Duration(v.Deadline), Probe: probe, OnFailure: v.OnFailure}, err
}
