package actions

import (
	"strconv"

	"github.com/amendhq/amend"
)

var (
	hpaBy  = amend.Param{Name: "by", Type: amend.ParamInt, Min: 1, Default: "1", Help: "how many replicas to add to the maximum"}
	hpaMax = amend.Param{Name: "max", Type: amend.ParamInt, Min: 1, Help: "the highest maximum that the autoscaler may get"}
)

func init() {
	register(Action{
		Name:    "raise-hpa-max",
		Summary: "Let an autoscaler go higher, up to a maximum.",
		Kinds:   []string{"HorizontalPodAutoscaler", "ScaledObject"},
		Fields:  []amend.FieldPattern{"spec.maxReplicas", "spec.maxReplicaCount"},
		Params:  []amend.Param{hpaBy, hpaMax},
		By:      hpaBy.Name,
		UpTo:    hpaMax.Name,
		Plan:    planRaiseHPAMax,
		Absent:  "if KEDA makes the autoscaler, let the playbook name its ScaledObject",
	})
}

// planRaiseHPAMax leaves the minimum as it is: the autoscaler uses the new room
// only when it needs to.
func planRaiseHPAMax(req amend.Request, view View) ([]Set, error) {
	by, err := wholeParam(req, hpaBy)
	if err != nil {
		return nil, err
	}
	most, err := wholeParam(req, hpaMax)
	if err != nil {
		return nil, err
	}
	field := amend.Field("spec", "maxReplicas")
	if req.Workload.Kind == "ScaledObject" {
		field = amend.Field("spec", "maxReplicaCount")
	}
	v, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "write the maximum there first, or take the playbook out")
	}
	now, err := strconv.ParseInt(v.Text, 10, 32)
	if err != nil || now < 1 {
		return nil, unreadable(req, field, v.Text, "a number of replicas")
	}
	if now >= most {
		return nil, amend.Refusef(amend.ReasonBound, "%s may go up to %d replicas in the env repo and the playbook allows %d; raise max, or find out what the load is",
			req.Workload.ObjectRef, now, most)
	}
	return []Set{{Field: field, Value: amend.Scalar{Text: strconv.FormatInt(min(now+by, most), 10), Number: true}}}, nil
}
