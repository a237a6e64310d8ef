package actions

import (
	"time"

	"github.com/amendhq/amend"
)

// restartedAt is the annotation that `kubectl rollout restart` writes: a new
// value makes a new pod template, and so new pods.
var restartedAt = podTemplate.Then("metadata", "annotations", "kubectl.kubernetes.io/restartedAt")

func init() {
	register(Action{
		Name:    "restart",
		Summary: "Replace the pods one by one, as `kubectl rollout restart` does.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet"},
		Fields:  []amend.FieldPattern{`spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]`},
		Plan:    planRestart,
	})
}

// planRestart writes the time at which the alert was accepted, never the
// clock's: a redelivered event has to plan the same bytes.
func planRestart(req amend.Request, _ View) ([]Set, error) {
	if req.Event.Time.IsZero() {
		return nil, amend.Errorf(amend.Invalid, "plan restart", "the event carries no time")
	}
	return []Set{{Field: restartedAt, Value: amend.Scalar{Text: req.Event.Time.UTC().Format(time.RFC3339)}}}, nil
}
