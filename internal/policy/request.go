package policy

import (
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/amendhq/amend"
)

// Request makes of an event what the playbook asks for. It refuses with
// amend.ReasonNoWorkload when the labels do not name a workload: each name has
// to follow the rules of Kubernetes for what it names, because it selects
// objects and ends up in messages. It refuses with amend.ReasonParameter when
// the alert sets a parameter that the playbook does not accept, or to a value
// that the parameter cannot have.
func (b Playbook) Request(e amend.Event) (amend.Request, error) {
	workload, err := b.Workload.from(e.Alert)
	if err != nil {
		return amend.Request{}, err
	}
	if err := asked(e.Alert, workload); err != nil {
		return amend.Request{}, err
	}
	params, err := b.params(e.Alert)
	if err != nil {
		return amend.Request{}, err
	}
	return amend.Request{Event: e, Playbook: b.Name, Action: b.Action, Params: params, Workload: workload, Mode: b.Mode}, nil
}

func (w Workload) from(a amend.Alert) (amend.Workload, error) {
	kind, err := w.Kind.from(a)
	if err != nil {
		return amend.Workload{}, err
	}
	namespace, err := w.Namespace.from(a, validation.IsDNS1123Label)
	if err != nil {
		return amend.Workload{}, err
	}
	name, err := w.Name.from(a, validation.IsDNS1123Subdomain)
	if err != nil {
		return amend.Workload{}, err
	}
	container := w.Container.Value
	if label := w.Container.Label; a.Labels[label] != "" {
		if container, err = w.Container.from(a, validation.IsDNS1123Label); err != nil {
			return amend.Workload{}, err
		}
	}
	return amend.Workload{
		ObjectRef: amend.ObjectRef{Kind: kind, Namespace: namespace, Name: name},
		Container: container,
	}, nil
}

// asked refuses a workload that is not the one a RemediationRequest names: the
// API server has checked its creator's rights on that one alone.
func asked(a amend.Alert, w amend.Workload) error {
	if !a.Requested() {
		return nil
	}
	for _, part := range []struct{ label, ours string }{
		{"kind", w.Kind}, {"namespace", w.Namespace}, {"name", w.Name}, {"container", w.Container},
	} {
		theirs := a.Labels[part.label]
		if part.label == "container" && theirs == "" {
			continue // the request leaves the choice to the playbook
		}
		if theirs != part.ours {
			return amend.Refusef(amend.ReasonNoWorkload, "the request is for the %s %s, and the playbook would change %s; let the playbook read its workload from the labels kind, namespace, name and container", part.label, quote(theirs), quote(part.ours))
		}
	}
	return nil
}

func (s Source) from(a amend.Alert, check func(string) []string) (string, error) {
	if s.Label == "" {
		return s.Value, nil
	}
	value, ok := a.Labels[s.Label]
	if !ok || value == "" {
		return "", noLabel(s.Label)
	}
	if len(check(value)) > 0 {
		return "", amend.Refusef(amend.ReasonNoWorkload, "the label %q of the alert is %s, which is not a Kubernetes name; correct the alert's labels or the playbook's workload", s.Label, quote(value))
	}
	return value, nil
}

func (k KindSource) from(a amend.Alert) (string, error) {
	if k.Label == "" {
		return k.Value, nil
	}
	value, ok := a.Labels[k.Label]
	if !ok || value == "" {
		return "", noLabel(k.Label)
	}
	if !slices.Contains(k.Allowed, value) {
		return "", amend.Refusef(amend.ReasonNoWorkload, "the label %q of the alert is %s; the playbook allows %s", k.Label, quote(value), list(k.Allowed))
	}
	return value, nil
}

func noLabel(label string) error {
	return amend.Refusef(amend.ReasonNoWorkload, "the alert has no label %q to find the workload by; add it to the alert's rule or correct the playbook's workload", label)
}

// quote shows alert text as short, plain ASCII.
func quote(s string) string {
	if len(s) > 63 {
		return strconv.QuoteToASCII(s[:63]) + " and more"
	}
	return strconv.QuoteToASCII(s)
}
