package actions

import "github.com/amendhq/amend"

var (
	memoryFactor  = amend.Param{Name: "factor", Type: amend.ParamFactor, Default: "1.5", Help: "what to multiply the limit by"}
	memoryCeiling = amend.Param{Name: "ceiling", Type: amend.ParamQuantity, Help: "the highest limit that the container may get"}
)

func init() {
	register(Action{
		Name:    "raise-memory-limit",
		Summary: "Raise the memory limit of a container, up to a ceiling.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet"},
		Fields:  []amend.FieldPattern{"spec.template.spec.containers[*].resources.limits.memory"},
		Params:  []amend.Param{memoryFactor, memoryCeiling},
		By:      memoryFactor.Name,
		UpTo:    memoryCeiling.Name,
		Plan: func(req amend.Request, view View) ([]Set, error) {
			return planRaiseLimit(req, view, limit{"memory", wholeMebibytes, memoryFactor, memoryCeiling, "look for the leak"})
		},
	})
}
