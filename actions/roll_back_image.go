package actions

import (
	"fmt"
	"strings"

	"github.com/amendhq/amend"
)

func init() {
	register(Action{
		Name:    "roll-back-image",
		Summary: "Return a container to the image it had before, from the history of the env repo.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet"},
		Fields:  []amend.FieldPattern{"spec.template.spec.containers[*].image"},
		Plan:    planRollBackImage,
	})
}

// planRollBackImage goes back one version of the same image. A different
// repository before would be a migration, not a version, so it is refused.
func planRollBackImage(req amend.Request, view View) ([]Set, error) {
	c, err := container(req, view)
	if err != nil {
		return nil, err
	}
	field := c.Then("image")
	present, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "write the image there first, or take the playbook out")
	}
	now := present.Text
	before, err := view.Previous(field)
	if err != nil {
		return nil, fmt.Errorf("reading the history of %s: %w", field, err)
	}
	if before == "" || before == now {
		return nil, amend.Refusef(amend.ReasonNoHistory, "the env repo holds no other value of %s than %.200q; change it by hand", field, now)
	}
	if imageName(before) != imageName(now) {
		return nil, amend.Refusef(amend.ReasonAmbiguous, "%s was %.200q before it was %.200q: another image, not an earlier version; change it by hand", field, before, now)
	}
	return []Set{{Field: field, Value: amend.Scalar{Text: before}}}, nil
}

// imageName returns an image reference without its tag and digest. A colon
// before the last slash belongs to the port of the registry.
func imageName(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name
}
