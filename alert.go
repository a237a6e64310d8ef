package amend

import (
	"regexp"
	"strings"
	"time"
)

// Status says whether an alert is active; the two words are Alertmanager's.
type Status string

// The statuses of the Alertmanager webhook, version 4.
const (
	Firing   Status = "firing"
	Resolved Status = "resolved"
)

// An Alert is one alert of one delivery, as its source sent it. All of its
// text is attacker text: whoever may create a pod or a metric label may write
// it. Nothing here may reach a template, a shell, a path, a query or raw
// Markdown.
type Alert struct {
	Status      Status            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// StartsAt moves and differs between Alertmanager replicas, so it is
	// evidence and never part of a key.
	StartsAt     time.Time `json:"startsAt"`
	EndsAt       time.Time `json:"endsAt,omitzero"`
	GeneratorURL string    `json:"generatorURL,omitempty"`
	Fingerprint  string    `json:"fingerprint,omitempty"`
	ExternalURL  string    `json:"externalURL,omitempty"`
	Receiver     string    `json:"receiver,omitempty"`
}

// Name returns the alertname label, the name that people know an alert by.
func (a Alert) Name() string { return a.Labels["alertname"] }

// An Event is one accepted alert with the identity it has on the bus.
type Event struct {
	// ID is built from the alert's identity without volatile labels and its
	// status; it is the same for every delivery of the same trouble.
	ID string `json:"id"`
	// Identity is the part of ID that firing and resolved share.
	Identity string `json:"identity"`
	// Time is when the gateway accepted the alert. It survives redelivery, so
	// an action may write it and still produce the same bytes twice.
	Time  time.Time `json:"time"`
	Alert Alert     `json:"alert"`
	// Trace is the W3C traceparent of the span that accepted the alert, "" where
	// nobody traces. It says nothing about the trouble and is part of no key.
	Trace string `json:"trace,omitempty"`
}

// traceparent is the form of version 00 of W3C Trace Context, section 3.2.
var traceparent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)

// TraceID returns the id of the trace that the event belongs to, 32 hexadecimal
// digits that are not all zero, or "".
func (e Event) TraceID() string {
	m := traceparent.FindStringSubmatch(e.Trace)
	if m == nil || strings.Trim(m[1], "0") == "" {
		return ""
	}
	return m[1]
}

// TenantLabel says for which tenant the credential of a sender is good. Only a
// gateway sets it; an alert that comes with it is rejected.
const TenantLabel = "amend_tenant"

// A RemediationRequest, which a person or another program creates in the
// cluster, travels as an alert with these labels beside namespace, kind, name
// and container, so that the policy decides about both in the same way. No
// other source may send an alert of this name.
const (
	// RequestAlert is the alertname.
	RequestAlert = "RemediationRequest"
	// RequestLabel names the RemediationRequest itself, so that each is its own
	// event.
	RequestLabel = "request"
	// ActionLabel names the action that is asked for.
	ActionLabel = "action"
	// ParameterLabel comes before the name of a parameter that is asked for; the
	// playbook says which ones it accepts. Hyphens of the name become
	// underscores, as label names have none.
	ParameterLabel = "parameter_"
)

// Requested reports whether the alert stands for a RemediationRequest.
func (a Alert) Requested() bool { return a.Name() == RequestAlert }
