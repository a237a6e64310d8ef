package alert

import "github.com/amendhq/amend"

// TenantLabel says for which tenant the credential of a sender is good. Only a
// gateway sets it; an alert that comes with it is rejected.
const TenantLabel = "amend_tenant"

// Stamp sets the tenant of alerts that were decoded. It takes part in their
// identity, so that no tenant's alert folds or ends another's.
func Stamp(alerts []amend.Alert, tenant string) {
	for _, a := range alerts {
		a.Labels[TenantLabel] = tenant
	}
}
