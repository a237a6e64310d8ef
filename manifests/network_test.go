package manifests_test

import (
	"slices"
	"testing"
)

// A policy has the parts of a NetworkPolicy that are used here; a part that is
// used and not in these types would go unnoticed, so add it here first.
type policy struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		PodSelector selector `json:"podSelector"`
		PolicyTypes []string `json:"policyTypes"`
		Ingress     []rule   `json:"ingress"`
		Egress      []rule   `json:"egress"`
	} `json:"spec"`
}

type rule struct {
	From  []peer `json:"from"`
	To    []peer `json:"to"`
	Ports []port `json:"ports"`
}

type port struct {
	Port int `json:"port"`
}

type peer struct {
	PodSelector       *selector `json:"podSelector"`
	NamespaceSelector *selector `json:"namespaceSelector"`
}

type selector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

func (s selector) selects(labels map[string]string) bool {
	for key, value := range s.MatchLabels {
		if labels[key] != value {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		if e.Operator != "In" || !slices.Contains(e.Values, labels[e.Key]) {
			return false
		}
	}
	return true
}

// outside stands for everything that is in no namespace of the cluster, and
// elsewhere for a pod of another namespace.
const outside, elsewhere = "outside", "elsewhere"

// meets reports whether the peer covers a role. A selector of namespaces alone
// covers the pods of all of them.
func (p peer) meets(role string) bool {
	switch {
	case role == outside:
		return false
	case p.NamespaceSelector != nil:
		return true
	case role == elsewhere:
		return false
	}
	return p.PodSelector != nil && p.PodSelector.selects(labels(role))
}

func labels(role string) map[string]string { return map[string]string{"amend.dev/role": role} }

// may reports whether the policies let a role talk to another one on a port.
func may(policies []policy, f flow) bool {
	return passes(policies, "Egress", f.from, f.to, f.port) && passes(policies, "Ingress", f.to, f.from, f.port)
}

// passes looks at one end. Who is not in the namespace is not our policies'
// business.
func passes(policies []policy, direction, role, other string, number int) bool {
	if role == outside || role == elsewhere {
		return true
	}
	for _, p := range policies {
		if !p.Spec.PodSelector.selects(labels(role)) || !slices.Contains(p.Spec.PolicyTypes, direction) {
			continue
		}
		rules := p.Spec.Ingress
		if direction == "Egress" {
			rules = p.Spec.Egress
		}
		for _, r := range rules {
			peers := slices.Concat(r.From, r.To)
			anybody := len(peers) == 0
			onPort := slices.Contains(r.Ports, port{number})
			if onPort && (anybody || slices.ContainsFunc(peers, func(p peer) bool { return p.meets(other) })) {
				return true
			}
		}
	}
	return false
}

type flow struct {
	from, to string
	port     int
}

// flows are all that talk to each other. DNS is open to everybody, and is not
// in the list.
var flows = map[flow]string{
	{elsewhere, "gateway", 8080}:             "Alertmanager posts, Prometheus scrapes",
	{"sensor", "gateway", 8080}:              "events that were given up",
	{"step", "gateway", 8080}:                "amend-reconcile posts what fires",
	{"gateway", "eventsource-alerts", 12000}: "events",
	{elsewhere, "eventsource-github", 12000}: "an Ingress with GitHub's posts",
	{outside, "eventsource-github", 12000}:   "a load balancer with GitHub's posts",
	{"eventsource-alerts", "bus", 4222}:      "events",
	{"eventsource-github", "bus", 4222}:      "events",
	{"eventsource-requests", "bus", 4222}:    "events",
	{"sensor", "bus", 4222}:                  "events",
	{"bus", "bus", 6222}:                     "members of the bus",
	{elsewhere, "bus", 7777}:                 "Prometheus scrapes",
	{"step", "writer", 8080}:                 "steps ask",
	{elsewhere, "writer", 8080}:              "Prometheus scrapes, tenants' steps ask",
	{"step", elsewhere, 9093}:                "amend-reconcile and verify ask Alertmanager",
	{"step", elsewhere, 9090}:                "verify asks Prometheus",
	{"writer", outside, 443}:                 "the Git host, the API server",
	{"writer", outside, 6443}:                "the API server",
	{"step", outside, 443}:                   "the API server",
	{"step", outside, 6443}:                  "the API server",
	{"sensor", outside, 443}:                 "the API server",
	{"sensor", outside, 6443}:                "the API server",
	{"eventsource-requests", outside, 443}:   "the API server",
	{"eventsource-requests", outside, 6443}:  "the API server",
}

// The policies let pass what is in the list, and nothing else.
func TestNetworkPoliciesLetPassWhatIsNeeded(t *testing.T) {
	policies := objects[policy](t, overlay, "NetworkPolicy")
	ends := []string{
		"gateway", "writer", "step", "sensor", "bus", "eventsource-alerts", "eventsource-github", "eventsource-requests",
		outside, elsewhere,
	}
	for _, from := range ends {
		for _, to := range ends {
			if (from == outside || from == elsewhere) && (to == outside || to == elsewhere) {
				continue
			}
			for _, number := range []int{22, 443, 4222, 6222, 6443, 7777, 8080, 9090, 9093, 12000} {
				f := flow{from, to, number}
				_, want := flows[f]
				if _, toAnybody := flows[flow{from, outside, number}]; toAnybody && to == elsewhere {
					want = true // where the API server is differs
				}
				if got := may(policies, f); got != want {
					t.Errorf("%s → %s:%d passes: %v, want %v", from, to, number, got, want)
				}
			}
		}
	}
}
