package locate

import (
	"fmt"

	"github.com/amendhq/amend"
)

// scaler returns the autoscaler that sets the target's replicas, if the field
// is just that. What Git says about the replicas then has no effect. Plain
// manifests of one application are often spread over folders, so an autoscaler
// in another directory source of the same namespace counts too.
func (t *target) scaler() (amend.ObjectRef, bool) {
	if t.field.String() != "spec.replicas" {
		return amend.ObjectRef{}, false
	}
	if o := t.neighbour(t.scaledBy); o != nil {
		return o.ref, true
	}
	return amend.ObjectRef{}, false
}

// neighbour returns the first object of the target's namespace that something
// holds of, nil if there is none.
func (t *target) neighbour(holds func(*object) bool) *object {
	objects := t.match.render.objects
	if t.root.kind == Directory { // of which only the files that declare the target were read
		w := t.view.root.wanted(t.ref)
		w.kind = 0
		for _, r := range t.view.rootsDeclaring(w) {
			if r.kind == Directory {
				objects = append(objects[:len(objects):len(objects)], t.view.render(r).objects...)
			}
		}
	}
	for _, o := range objects {
		ns := o.ref.Namespace
		if (ns == t.obj.ref.Namespace || ns == t.ref.Namespace || ns == "" || t.ref.Namespace == "") && holds(o) {
			return o
		}
	}
	return nil
}

// ownedBy refuses to set what an autoscaler sets, and names its maximum as the
// lever to use instead.
func (t *target) ownedBy(scaler amend.ObjectRef) error {
	lever := amend.Field("spec", "maxReplicas")
	if scaler.Kind == "ScaledObject" {
		lever = amend.Field("spec", "maxReplicaCount")
	}
	if scaler.Namespace == "" {
		scaler.Namespace = t.ref.Namespace
	}
	return amend.Refusef(amend.ReasonOwnedByHPA, "%s sets the replicas of %s; raise its %s%s instead, as the action raise-hpa-max does",
		scaler, t.ref, lever, t.view.whereabouts(scaler, lever, t.owner))
}

// whereabouts says where in the repo a field is set and to what, "" where no
// line of its own does.
func (v *view) whereabouts(ref amend.ObjectRef, field amend.FieldPath, o *owner) string {
	t, err := v.target(ref, field, scope{owner: o})
	if err != nil || !t.set {
		return ""
	}
	renders := 0
	e, err := t.choose(t.sentinel(), true, &renders)
	if err != nil || e.site.add {
		return ""
	}
	at, err := e.target()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (%s, at %s:%d)", t.current(), at.Path, at.Line)
}

// scaledBy reports whether o is a HorizontalPodAutoscaler, or a KEDA
// ScaledObject which makes one, for the target.
func (t *target) scaledBy(o *object) bool {
	kind := textAt(o, "spec", "scaleTargetRef", "kind")
	if o.ref.Kind == "ScaledObject" && kind == "" {
		kind = "Deployment" // KEDA's default
	}
	return (o.ref.Kind == "HorizontalPodAutoscaler" || o.ref.Kind == "ScaledObject") &&
		kind == t.obj.ref.Kind && textAt(o, "spec", "scaleTargetRef", "name") == t.obj.ref.Name
}

// textAt returns a scalar of an object as text, "" if there is none.
func textAt(o *object, keys ...string) string {
	v, ok := get(o.body, amend.Field(keys...))
	if !ok || !isScalar(v) {
		return ""
	}
	return scalarText(v)
}
