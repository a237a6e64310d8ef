package policy

import (
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/amendhq/amend"
)

// Request makes of an event what the playbook asks for. It refuses with
// amend.ReasonNoWorkload when the labels do not name a workload: each name has
// to follow the rules of Kubernetes for what it names, because it selects
// objects and ends up in messages.
func (b Playbook) Request(e amend.Event) (amend.Request, error) {
	kind, err := b.Workload.Kind.from(e.Alert)
	if err != nil {
		return amend.Request{}, err
	}
	namespace, err := b.Workload.Namespace.from(e.Alert, validation.IsDNS1123Label)
	if err != nil {
		return amend.Request{}, err
	}
	name, err := b.Workload.Name.from(e.Alert, validation.IsDNS1123Subdomain)
	if err != nil {
		return amend.Request{}, err
	}
	container := b.Workload.Container.Value
	if label := b.Workload.Container.Label; e.Alert.Labels[label] != "" {
		if container, err = b.Workload.Container.from(e.Alert, validation.IsDNS1123Label); err != nil {
			return amend.Request{}, err
		}
	}
	return amend.Request{
		Event:    e,
		Playbook: b.Name,
		Action:   b.Action,
		Params:   maps.Clone(b.With),
		Workload: amend.Workload{
			ObjectRef: amend.ObjectRef{Kind: kind, Namespace: namespace, Name: name},
			Container: container,
		},
		Mode: b.Mode,
	}, nil
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
