package kube

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend"
)

// The API group and version of amend's own objects, and the resource that they
// are served under.
const (
	Group    = "amend.dev"
	Version  = "v1alpha1"
	Requests = "remediationrequests"
)

// A RemediationRequest asks for one remediation without an alert: a person or
// another program creates it in the namespace of its target, the policy of the
// env repo decides about it, and its status tells what became of it. The
// CustomResourceDefinition in manifests/crd is the authority on what its fields
// may hold.
type RemediationRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              RemediationRequestSpec   `json:"spec"`
	Status            RemediationRequestStatus `json:"status,omitzero"`
}

// A RemediationRequestSpec says what is asked for; it never changes.
type RemediationRequestSpec struct {
	Target RemediationTarget `json:"target"`
	// Action is one of the catalogue, e.g. restart.
	Action string `json:"action"`
	// Reason is free text for people: why it is asked for.
	Reason string `json:"reason,omitempty"`
	// Parameters are those of the action; the playbook says which it accepts.
	Parameters map[string]string `json:"parameters,omitempty"`
}

// A RemediationTarget is a workload of the request's own namespace.
type RemediationTarget struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Container string `json:"container,omitempty"`
}

// A Phase says how far a request has got. It only moves forward, and the API
// server refuses a status in which it does not.
type Phase string

// The phases.
const (
	Pending   Phase = "Pending"   // nobody has looked at it yet
	Running   Phase = "Running"   // its workflow is at work
	Proposed  Phase = "Proposed"  // its pull request waits for a person
	Succeeded Phase = "Succeeded" // its change is applied and healthy, or none was needed
	Failed    Phase = "Failed"    // refused, or its change is not healthy; see reason and message
)

// Progress orders the phases: how far a request has got, 0 while no workflow has taken
// it. Succeeded and Failed are as far as it gets.
func (p Phase) Progress() int {
	switch p {
	case Running:
		return 1
	case Proposed:
		return 2
	case Succeeded, Failed:
		return 3
	}
	return 0
}

// The types of the conditions.
const (
	Decided  = "Decided"  // the policy has decided
	Changed  = "Changed"  // the change is in Git
	Verified = "Verified" // the change is applied and healthy
)

// A RemediationRequestStatus says what became of a request.
type RemediationRequestStatus struct {
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	Phase              Phase `json:"phase,omitempty"`
	// Reason is an amend.Reason or an amend.VerdictState.
	Reason string `json:"reason,omitempty"`
	// Message is one sentence for people.
	Message    string             `json:"message,omitempty"`
	Change     *RemediationChange `json:"change,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// A RemediationChange is what a request put into Git; see amend.Change.
type RemediationChange struct {
	Kind   amend.ChangeKind `json:"kind"`
	Commit string           `json:"commit,omitempty"`
	Number int              `json:"number,omitempty"`
	URL    string           `json:"url,omitempty"`
}

// Alert returns the alert that the request travels as; see amend.RequestAlert.
// Its labels hold nothing but what the CustomResourceDefinition has bounded; the
// reason is an annotation.
func (r RemediationRequest) Alert() amend.Alert {
	labels := map[string]string{
		"alertname":        amend.RequestAlert,
		amend.RequestLabel: r.Name,
		"namespace":        r.Namespace,
		"kind":             r.Spec.Target.Kind,
		"name":             r.Spec.Target.Name,
		amend.ActionLabel:  r.Spec.Action,
	}
	if r.Spec.Target.Container != "" {
		labels["container"] = r.Spec.Target.Container
	}
	for _, name := range slices.Sorted(maps.Keys(r.Spec.Parameters)) {
		labels[amend.ParameterLabel+strings.ReplaceAll(name, "-", "_")] = r.Spec.Parameters[name]
	}
	alert := amend.Alert{Status: amend.Firing, Labels: labels, StartsAt: r.CreationTimestamp.UTC()}
	if r.Spec.Reason != "" {
		alert.Annotations = map[string]string{"summary": r.Spec.Reason}
	}
	return alert
}
