package actions

import "github.com/amendhq/amend"

var (
	configKey   = amend.Param{Name: "key", Type: amend.ParamKey, Help: "the key under data"}
	configValue = amend.Param{Name: "value", Type: amend.ParamText, Help: "what it is to be"}
)

func init() {
	register(Action{
		Name:    "set-config-value",
		Summary: "Set one key of a ConfigMap to the value in the policy.",
		Kinds:   []string{"ConfigMap"},
		Fields:  []amend.FieldPattern{"data.**", "data[*]"},
		Params:  []amend.Param{configKey, configValue},
		Plan:    planSetConfigValue,
	})
}

// planSetConfigValue takes a ConfigMap whose name ends in a hash of its content
// for a new one with each change, so there it may be immutable.
func planSetConfigValue(req amend.Request, view View) ([]Set, error) {
	key, err := textParam(req, configKey)
	if err != nil {
		return nil, err
	}
	immutable, _ := view.Value(amend.Field("immutable"))
	if name, _ := view.Value(amend.Field("metadata", "name")); immutable.Text == "true" && name.Text == req.Workload.Name {
		return nil, amend.Refusef(amend.ReasonProtected, "%s is immutable; make a new one by hand, and let its readers use that", req.Workload.ObjectRef)
	}
	return setText(req, view, amend.Field("data", key), configValue)
}
