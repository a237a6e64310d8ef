package actions

import "github.com/amendhq/amend"

var (
	cpuFactor  = amend.Param{Name: "factor", Type: amend.ParamFactor, Default: "1.5", Help: "what to multiply the limit by"}
	cpuCeiling = amend.Param{Name: "ceiling", Type: amend.ParamQuantity, Help: "the highest limit that the container may get"}
)

func init() {
	register(Action{
		Name:    "raise-cpu-limit",
		Summary: "Raise the CPU limit of a container, up to a ceiling.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet"},
		Fields:  []amend.FieldPattern{"spec.template.spec.containers[*].resources.limits.cpu"},
		Params:  []amend.Param{cpuFactor, cpuCeiling},
		By:      cpuFactor.Name,
		UpTo:    cpuCeiling.Name,
		Plan: func(req amend.Request, view View) ([]Set, error) {
			return planRaiseLimit(req, view, limit{"cpu", tenMillicores, cpuFactor, cpuCeiling, "find out what the load is"})
		},
	})
}
