package actions

import (
	"strconv"

	"github.com/amendhq/amend"
)

var (
	replicasBy  = amend.Param{Name: "by", Type: amend.ParamInt, Min: 1, Default: "1", Help: "how many replicas to add"}
	replicasMax = amend.Param{Name: "max", Type: amend.ParamInt, Min: 1, Help: "the most replicas that the workload may get"}
)

func init() {
	register(Action{
		Name:    "scale-replicas",
		Summary: "Add replicas, up to a maximum.",
		Kinds:   []string{"Deployment", "StatefulSet"},
		Fields:  []amend.FieldPattern{"spec.replicas"},
		Params:  []amend.Param{replicasBy, replicasMax},
		By:      replicasBy.Name,
		UpTo:    replicasMax.Name,
		Plan:    planScaleReplicas,
	})
}

// planScaleReplicas adds to the number in the env repo. A workload without one
// is refused: leaving it out is how people hand the field to an autoscaler.
func planScaleReplicas(req amend.Request, view View) ([]Set, error) {
	by, err := wholeParam(req, replicasBy)
	if err != nil {
		return nil, err
	}
	most, err := wholeParam(req, replicasMax)
	if err != nil {
		return nil, err
	}
	field := amend.Field("spec", "replicas")
	v, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "an autoscaler may own it; write the number there first if none does")
	}
	now, err := strconv.ParseInt(v.Text, 10, 32)
	if err != nil || now < 0 {
		return nil, unreadable(req, field, v.Text, "a number of replicas")
	}
	if now == 0 {
		return nil, amend.Refusef(amend.ReasonBound, "%s is scaled to 0 in the env repo, which somebody meant; scale it up there", req.Workload.ObjectRef)
	}
	if now >= most {
		return nil, amend.Refusef(amend.ReasonBound, "%s has %d replicas in the env repo and the playbook allows %d; raise max, or find out what the load is",
			req.Workload.ObjectRef, now, most)
	}
	return []Set{{Field: field, Value: amend.Scalar{Text: strconv.FormatInt(min(now+by, most), 10), Number: true}}}, nil
}
