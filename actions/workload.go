package actions

import (
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

var podTemplate = amend.Field("spec", "template")

// container returns the path of the container that the request is about: the
// one it names, or the only one there is.
func container(req amend.Request, view View) (amend.FieldPath, error) {
	containers := podTemplate.Then("spec", "containers")
	if req.Workload.Kind == "CronJob" {
		containers = append(amend.Field("spec", "jobTemplate"), containers...)
	}
	names, want := view.Names(containers), req.Workload.Container
	switch {
	case want != "" && slices.Contains(names, want):
		return containers.Item("name", want), nil
	case want != "":
		return nil, amend.Refusef(amend.ReasonNoWorkload, "%s has no container %.60q in the env repo, only: %s; correct the playbook's workload.container",
			req.Workload.ObjectRef, want, strings.Join(names, ", "))
	case len(names) == 1:
		return containers.Item("name", names[0]), nil
	case len(names) == 0:
		return nil, amend.Refusef(amend.ReasonNoWorkload, "%s has no containers in the env repo", req.Workload.ObjectRef)
	}
	return nil, amend.Refusef(amend.ReasonAmbiguous, "%s has several containers (%s) and the alert names none; set the playbook's workload.container",
		req.Workload.ObjectRef, strings.Join(names, ", "))
}

// unset refuses to compute from a field that the env repo does not set.
func unset(req amend.Request, field amend.FieldPath, why string) error {
	return amend.Refusef(amend.ReasonComputed, "the env repo sets no %s for %s: %s", field, req.Workload.ObjectRef, why)
}

// unreadable refuses to compute from a value that is not what the field is for.
func unreadable(req amend.Request, field amend.FieldPath, value, want string) error {
	return amend.Refusef(amend.ReasonComputed, "%s of %s is %.60q in the env repo, which is not %s; correct it there first",
		field, req.Workload.ObjectRef, value, want)
}

// setText sets a field that holds one line of text to a parameter of type
// amend.ParamText. A text of many lines is refused, because all of it but one
// line would be lost.
func setText(req amend.Request, view View, field amend.FieldPath, p amend.Param) ([]Set, error) {
	value, err := textParam(req, p)
	if err != nil {
		return nil, err
	}
	now, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "write it there first, or correct the playbook")
	}
	if strings.Contains(strings.TrimSuffix(now.Text, "\n"), "\n") {
		return nil, amend.Refusef(amend.ReasonUnsupported, "%s of %s is a text of many lines; change the line in it by hand", field, req.Workload.ObjectRef)
	}
	return []Set{{Field: field, Value: amend.Scalar{Text: value}}}, nil
}
