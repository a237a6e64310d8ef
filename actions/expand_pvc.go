package actions

import "github.com/amendhq/amend"

var (
	pvcFactor  = amend.Param{Name: "factor", Type: amend.ParamFactor, Default: "1.5", Help: "what to multiply the size by"}
	pvcCeiling = amend.Param{Name: "ceiling", Type: amend.ParamQuantity, Help: "the largest size that the claim may get"}
)

func init() {
	register(Action{
		Name:    "expand-pvc",
		Summary: "Ask for more storage in a PersistentVolumeClaim, up to a ceiling.",
		Kinds:   []string{"PersistentVolumeClaim"},
		Fields:  []amend.FieldPattern{"spec.resources.requests.storage"},
		Params:  []amend.Param{pvcFactor, pvcCeiling},
		By:      pvcFactor.Name,
		UpTo:    pvcCeiling.Name,
		Plan:    planExpandPVC,
		Absent: "if a StatefulSet made it, its volumeClaimTemplates cannot be changed: expand the claim in the cluster, " +
			"delete the StatefulSet with --cascade=orphan and write the new size into its template",
	})
}

// planExpandPVC never shrinks a claim, which Kubernetes does not allow.
func planExpandPVC(req amend.Request, view View) ([]Set, error) {
	by, err := growthParams(req, pvcFactor, pvcCeiling, wholeGibibytes)
	if err != nil {
		return nil, err
	}
	return by.plan(req, view, amend.Field("spec", "resources", "requests", "storage"), "free some space")
}
