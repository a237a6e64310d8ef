package actions

import (
	"strings"

	"github.com/amendhq/amend"
)

var imageTag = amend.Param{Name: "tag", Type: amend.ParamTag, Help: "the tag that the image is to have"}

func init() {
	register(Action{
		Name:    "set-image-tag",
		Summary: "Give the image of a container the tag in the policy.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet", "CronJob"},
		Fields:  []amend.FieldPattern{"spec.template.spec.containers[*].image", "spec.jobTemplate.spec.template.spec.containers[*].image"},
		Params:  []amend.Param{imageTag},
		Plan:    planSetImageTag,
	})
}

// planSetImageTag keeps the registry and the name. An image with a digest is
// refused: the digest decides what runs, whatever the tag beside it says.
func planSetImageTag(req amend.Request, view View) ([]Set, error) {
	tag, err := textParam(req, imageTag)
	if err != nil {
		return nil, err
	}
	c, err := container(req, view)
	if err != nil {
		return nil, err
	}
	field := c.Then("image")
	now, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "write the image there first, or take the playbook out")
	}
	if strings.Contains(now.Text, "@") {
		return nil, amend.Refusef(amend.ReasonUnsupported, "%s of %s is %.200q, and its digest decides what runs; change it by hand", field, req.Workload.ObjectRef, now.Text)
	}
	return []Set{{Field: field, Value: amend.Scalar{Text: imageName(now.Text) + ":" + tag}}}, nil
}
