package policy

import (
	"slices"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/amendhq/amend"
)

// What a policy may say about tenants.
const (
	tenantsApart = "apart"
	tenantsAny   = "any"
)

// checkTenants reports the playbooks by which an alert of one tenant could change
// another's workloads, where the policy wants none. What a RemediationRequest may
// ask for is checked where it is created.
func (r *reader) checkTenants(p *Policy) {
	r.checkOneOf(&p.Tenants, "tenants", p.Tenants, []string{tenantsApart, tenantsAny})
	if p.Tenants != tenantsApart {
		return
	}
	for i := range p.Playbooks {
		b := &p.Playbooks[i]
		n := r.at[&b.Workload]
		if n == nil || !r.matchersRead(b) || slices.ContainsFunc(b.Match, Matcher.isRequest) || b.keepsApart() {
			continue
		}
		r.problem(n, "any tenant reaches this workload; expected namespace: {label: %s}, or matchers that say which %s and which namespaces",
			amend.TenantLabel, amend.TenantLabel)
	}
}

// keepsApart reports whether the tenant of an alert decides which namespaces it
// reaches: because the namespace is the tenant's name, or because both are named.
func (b *Playbook) keepsApart() bool {
	from := b.Workload.Namespace
	return from.Label == amend.TenantLabel || b.names(amend.TenantLabel) && (from.Value != "" || b.names(from.Label))
}

// names reports whether the playbook matches alerts with some values of a label
// only, and none without it.
func (b *Playbook) names(label string) bool {
	return slices.ContainsFunc(b.Match, func(m Matcher) bool {
		return m.m.Name == label && (m.m.Type == labels.MatchEqual || m.m.Type == labels.MatchRegexp) && !m.m.Matches("")
	})
}
