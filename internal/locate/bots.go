package locate

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// A Bot is a program besides amend that sets a field or writes its line, so that
// it would undo a fix, or fight with it.
type Bot struct {
	Name string // one of BotNames
	// Claim says, for people, by what it is known.
	Claim string
}

// BotNames returns the bots that are known, sorted.
func BotNames() []string {
	return []string{"argo-rollouts", "flux", "image-updater", "kargo", "keel", "release-please", "renovate", "vpa"}
}

// markers are comments by which a bot knows the lines that it writes: beside the
// value, or for some also on the line above.
var markers = []struct {
	bot   string
	form  *regexp.Regexp
	above bool
}{
	{"flux", regexp.MustCompile(`#.*"\$imagepolicy"\s*:`), false},
	{"renovate", regexp.MustCompile(`#\s*renovate:`), true},
	{"release-please", regexp.MustCompile(`#.*x-release-please-(version|major|minor|patch)`), false},
}

// bots returns what else is in control of the field that an effect changes.
func (t *target) bots(e effect) []Bot {
	found := e.marked()
	for _, bot := range []func(effect) (Bot, bool){t.imageUpdater, t.kargo, t.keel, t.verticalAutoscaler, t.rollout} {
		if b, ok := bot(e); ok {
			found = append(found, b)
		}
	}
	return found
}

// marked finds the markers at the lines of the site, as they were.
func (e effect) marked() []Bot {
	at, err := e.target()
	if err != nil || e.site.add {
		return nil
	}
	lines := bytes.Split(e.old, []byte("\n"))
	var found []Bot
	for _, m := range markers {
		for n := at.Line - 1; n <= at.EndLine && n <= len(lines); n++ {
			above := n < at.Line
			if n < 1 || above && (!m.above || !bytes.HasPrefix(bytes.TrimSpace(lines[n-1]), []byte("#"))) || !m.form.Match(lines[n-1]) {
				continue
			}
			found = append(found, Bot{m.bot, fmt.Sprintf("by its marker at %s:%d", at.Path, n)})
			break
		}
	}
	return found
}

// The annotations by which bots take control.
const (
	imageList  = "argocd-image-updater.argoproj.io/image-list"
	kargoStage = "kargo.akuity.io/authorized-stage"
	keelPolicy = "keel.sh/policy"
)

// imageUpdater finds the Argo CD Image Updater: it sets the images that an
// annotation of the Application lists, in the Application or in a file beside
// the source.
func (t *target) imageUpdater(e effect) (Bot, bool) {
	if !isImage(t.field) {
		return Bot{}, false
	}
	name := parseImage(t.current()).name
	for _, a := range t.root.apps {
		for entry := range strings.SplitSeq(a.notes[imageList], ",") {
			_, listed, named := strings.Cut(entry, "=")
			if !named {
				listed = entry
			}
			if sameImage(name, parseImage(strings.TrimSpace(listed)).name) {
				return Bot{"image-updater", "by the annotation " + imageList + " of the application " + a.name}, true
			}
		}
	}
	overrides := strings.HasPrefix(path.Base(e.site.path), argocdSource+"-")
	return Bot{"image-updater", "by its file " + e.site.path}, overrides
}

// sameImage reports whether two names may be of one image: one may lack the
// registry, which is then the usual one.
func sameImage(a, b string) bool {
	return a != "" && b != "" && (strings.HasSuffix("/"+a, "/"+b) || strings.HasSuffix("/"+b, "/"+a))
}

// kargo finds Kargo, which promotes versions to the Applications that say so.
func (t *target) kargo(effect) (Bot, bool) {
	if last := t.field[len(t.field)-1].Key; !isImage(t.field) && !slices.Contains([]string{"targetRevision", "newTag", "digest", "tag"}, last) {
		return Bot{}, false
	}
	apps := t.root.apps
	if own := t.obj.applications(); own != nil {
		apps = own
	}
	for _, a := range apps {
		if stage := a.notes[kargoStage]; stage != "" {
			return Bot{"kargo", "by the annotation " + kargoStage + " of the application " + a.name}, true
		}
	}
	return Bot{}, false
}

// keel finds Keel, which sets the images of the workloads that say so.
func (t *target) keel(effect) (Bot, bool) {
	for _, kind := range []string{"annotations", "labels"} {
		if policy := textAt(t.obj, "metadata", kind, keelPolicy); isImage(t.field) && policy != "" && policy != "never" {
			return Bot{"keel", "by " + keelPolicy + " in the " + kind + " of the workload"}, true
		}
	}
	return Bot{}, false
}

// rollout finds Argo Rollouts, where a Rollout runs the pods of a Deployment and
// scales the Deployment itself down.
func (t *target) rollout(effect) (Bot, bool) {
	if t.field.String() != "spec.replicas" {
		return Bot{}, false
	}
	o := t.neighbour(func(o *object) bool {
		down := textAt(o, "spec", "workloadRef", "scaleDown")
		return o.ref.Kind == "Rollout" && o.ref.Group == argoGroup && t.isRef(o, "workloadRef") && (down == "onsuccess" || down == "progressively")
	})
	if o == nil {
		return Bot{}, false
	}
	return Bot{"argo-rollouts", "by the workloadRef of " + o.ref.String()}, true
}

// isRef reports whether a field of an object's spec names the target.
func (t *target) isRef(o *object, field string) bool {
	return textAt(o, "spec", field, "kind") == t.obj.ref.Kind && textAt(o, "spec", field, "name") == t.obj.ref.Name
}

// verticalAutoscaler finds a VerticalPodAutoscaler that sets the requests of a
// container, and its limits in proportion.
func (t *target) verticalAutoscaler(effect) (Bot, bool) {
	n := len(t.field)
	if n < 4 || t.field[n-3].Key != "resources" {
		return Bot{}, false
	}
	o := t.neighbour(func(o *object) bool {
		return o.ref.Kind == "VerticalPodAutoscaler" && t.isRef(o, "targetRef") && textAt(o, "spec", "updatePolicy", "updateMode") != "Off" && t.governs(o)
	})
	if o == nil {
		return Bot{}, false
	}
	return Bot{"vpa", "by the targetRef of " + o.ref.String()}, true
}

// governs reports whether the policy of an autoscaler for the container has it set
// the target's field. The policy for the container comes before that for all.
func (t *target) governs(autoscaler *object) bool {
	n := len(t.field)
	container, amounts, resource := t.field[n-4].Key, t.field[n-2].Key, t.field[n-1].Key
	v, _ := get(autoscaler.body, amend.Field("spec", "resourcePolicy", "containerPolicies"))
	policies, _ := v.([]any)
	for _, name := range []string{container, "*"} {
		i := itemIndex(policies, amend.FieldStep{Select: "containerName", Key: name})
		if i < 0 {
			continue
		}
		p := &object{body: map[string]any{"policy": policies[i]}}
		set, chosen := get(policies[i], amend.Field("controlledResources"))
		resources, _ := set.([]any)
		return textAt(p, "policy", "mode") != "Off" &&
			(amounts != "limits" || textAt(p, "policy", "controlledValues") != "RequestsOnly") &&
			(!chosen || slices.Contains(resources, any(resource)))
	}
	return true
}
