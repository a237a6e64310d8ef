package actions

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

var (
	helmKey   = amend.Param{Name: "key", Type: amend.ParamKey, Help: "the key, with dots between its parts"}
	helmValue = amend.Param{Name: "value", Type: amend.ParamText, Help: "what it is to be"}
)

func init() {
	register(Action{
		Name:    "set-helm-value",
		Summary: "Set a Helm value that an Argo CD Application gives to its chart to the value in the policy.",
		Kinds:   []string{"Application"},
		Fields:  []amend.FieldPattern{"spec.source.helm.**", "spec.sources[*].helm.**"},
		Group:   argoGroup,
		Params:  []amend.Param{helmKey, helmValue},
		Plan:    planSetHelmValue,
	})
}

// planSetHelmValue changes a value that stands in the Application itself, as a
// parameter or in valuesObject. Those win over values files and over the text
// under values, so what is written there is what the chart gets, wherever the
// chart is. As nothing says what the chart does with it, the key has to tell.
func planSetHelmValue(req amend.Request, view View) ([]Set, error) {
	key, err := textParam(req, helmKey)
	if err != nil {
		return nil, err
	}
	value, err := textParam(req, helmValue)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(strings.Split(key, "."), amend.PrivilegedKey) {
		return nil, amend.Refusef(amend.ReasonProtected, "%s is named like what decides about commands, rights or secrets; change it by hand", key)
	}
	source, err := onlySource(req, view, "sets "+key+" under helm.parameters or helm.valuesObject", func(s amend.FieldPath) bool {
		_, _, ok := helmField(view, s, key)
		return ok
	})
	if err != nil {
		return nil, err
	}
	field, now, _ := helmField(view, source, key)
	want, ok := retyped(value, now)
	if !ok {
		return nil, amend.Refusef(amend.ReasonComputed, "%s of %s is %.60q, which is no text, and the playbook's value is not of that type; correct the playbook",
			field, req.Workload.ObjectRef, now.Text)
	}
	return []Set{{Field: field, Value: want}}, nil
}

// helmField returns the field of a source that decides about a key. Argo CD
// gives parameters to Helm after all values, and files after those.
func helmField(view View, source amend.FieldPath, key string) (amend.FieldPath, amend.Scalar, bool) {
	helm := source.Then("helm")
	if slices.Contains(view.Names(helm.Then("fileParameters")), key) {
		return nil, amend.Scalar{}, false
	}
	field := helm.Then("valuesObject").Then(strings.Split(key, ".")...)
	if parameters := helm.Then("parameters"); slices.Contains(view.Names(parameters), key) {
		field = parameters.Item("name", key).Then("value")
	}
	now, ok := view.Value(field)
	return field, now, ok
}

// retyped gives a text the type that a value has now, false when it cannot have
// that. The policy writes all values as text.
func retyped(text string, now amend.Scalar) (amend.Scalar, bool) {
	switch {
	case now.Boolean:
		return amend.Scalar{Text: text, Boolean: true}, text == "true" || text == "false"
	case now.Number:
		return amend.Scalar{Text: text, Number: true}, json.Valid([]byte(text)) && text != "" && strings.IndexByte("-0123456789", text[0]) >= 0
	}
	return amend.Scalar{Text: text}, true
}
