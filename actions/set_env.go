package actions

import (
	"strings"

	"github.com/amendhq/amend"
)

var (
	envName  = amend.Param{Name: "name", Type: amend.ParamKey, Help: "the environment variable"}
	envValue = amend.Param{Name: "value", Type: amend.ParamText, Help: "what it is to be"}
)

func init() {
	register(Action{
		Name:    "set-env",
		Summary: "Set an environment variable of a container to the value in the policy.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet", "CronJob"},
		Fields:  []amend.FieldPattern{"spec.template.spec.containers[*].env[*].value", "spec.jobTemplate.spec.template.spec.containers[*].env[*].value"},
		Params:  []amend.Param{envName, envValue},
		Plan:    planSetEnv,
	})
}

// planSetEnv changes a variable that the env repo sets. One that it does not
// set is refused: whether the program knows it, nobody can tell.
func planSetEnv(req amend.Request, view View) ([]Set, error) {
	name, err := textParam(req, envName)
	if err != nil {
		return nil, err
	}
	c, err := container(req, view)
	if err != nil {
		return nil, err
	}
	variable := c.Then("env").Item("name", name)
	if sources := view.Names(variable.Then("valueFrom")); len(sources) > 0 {
		return nil, amend.Refusef(amend.ReasonComputed, "%s of %s comes from a %s; change it there",
			variable, req.Workload.ObjectRef, strings.Join(sources, ", "))
	}
	return setText(req, view, variable.Then("value"), envValue)
}
