package alert

import "github.com/amendhq/amend"

// Stamp sets the tenant of alerts that were decoded. It takes part in their
// identity, so that no tenant's alert folds or ends another's.
func Stamp(alerts []amend.Alert, tenant string) {
	for _, a := range alerts {
		a.Labels[amend.TenantLabel] = tenant
	}
}
