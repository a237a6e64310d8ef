package kube

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// A search is one question about one state of the Applications.
type search struct {
	client *Client
	apps   []live
	name   string // of the only Application that counts; "" for all
}

// maxClimb bounds the steps from an object to what it was made from, and
// maxChain those from an Application to its parents.
const (
	maxClimb = 4
	maxChain = 8
)

// climb goes from the object to what it was made from until Applications
// declare it.
func (s search) climb(ctx context.Context, ref amend.ObjectRef) (Owned, live, error) {
	owned := Owned{Object: ref}
	for range maxClimb {
		found := s.declaring(owned.Object, s.name)
		if len(found) > 1 {
			found = s.tracked(ctx, owned.Object, found)
		}
		switch {
		case len(found) == 1:
			return owned, found[0], nil
		case len(found) > 1:
			return Owned{}, live{}, ambiguous(owned.Object, found)
		case !madeByController(owned.Object):
			return Owned{}, live{}, s.unknown(ctx, owned.Object)
		}
		meta, err := s.client.metadata(ctx, owned.Object)
		if amend.KindOf(err) == amend.NotFound {
			return Owned{}, live{}, amend.Refusef(amend.ReasonNotInRepo, "the cluster has no %s, and no Application declares it", owned.Object)
		}
		if err != nil {
			return Owned{}, live{}, err
		}
		up, ok := meta.controller()
		if !ok {
			return Owned{}, live{}, s.unknown(ctx, owned.Object)
		}
		within, known := template(owned.Object, up)
		if !known {
			return Owned{}, live{}, amend.Refusef(amend.ReasonComputed, "the controller of %s makes %s, and it alone knows how", up, owned.Object)
		}
		owned.Object, owned.Within = up, slices.Concat(within, owned.Within)
	}
	return Owned{}, live{}, s.unknown(ctx, owned.Object)
}

// madeByController reports whether objects of the kind are made by the
// controllers of Kubernetes rather than by manifests.
func madeByController(ref amend.ObjectRef) bool {
	switch groupOf(ref) + "/" + ref.Kind {
	case "/Pod", "apps/ReplicaSet", "batch/Job":
		return true
	}
	return false
}

// template returns where the fields of an object stand in the one that it was
// made from, false if that is not known.
func template(made, from amend.ObjectRef) (amend.FieldPath, bool) {
	switch made.Kind + " of " + from.Group + "/" + from.Kind {
	case "Pod of apps/ReplicaSet", "Pod of apps/StatefulSet", "Pod of apps/DaemonSet", "Pod of batch/Job":
		return amend.Field("spec", "template"), true
	case "ReplicaSet of apps/Deployment", "ReplicaSet of argoproj.io/Rollout":
		return nil, true
	case "Job of batch/CronJob":
		return amend.Field("spec", "jobTemplate"), true
	}
	return nil, false
}

// declaring lists the Applications that declare the object.
func (s search) declaring(ref amend.ObjectRef, name string) []live {
	var found []live
	for _, app := range s.apps {
		if app.declares(ref) && (name == "" || app.called(name)) {
			found = append(found, app)
		}
	}
	return found
}

// tracked tells apart Applications that declare objects of one name in several
// clusters: the tracking id of the object in this cluster names the right one.
// Of those that deploy to one cluster it names only the last that synced.
func (s search) tracked(ctx context.Context, ref amend.ObjectRef, found []live) []live {
	for i, app := range found {
		if slices.ContainsFunc(found[:i], func(other live) bool { return !app.apart(other) }) {
			return found
		}
	}
	meta, err := s.client.metadata(ctx, ref)
	if err != nil { // then it stays ambiguous
		return found
	}
	name, ok := trackedBy(meta, ref)
	called := slices.DeleteFunc(slices.Clone(s.apps), func(app live) bool { return !app.called(name) })
	if !ok || len(called) != 1 || !called[0].declares(ref) { // the id may leave out the namespace
		return found
	}
	return called
}

// trackedBy returns the Application of the object's tracking id, which has the
// form APP:GROUP/KIND:NAMESPACE/NAME. One that speaks of another object was
// copied from there, and counts for nothing.
func trackedBy(meta metadata, ref amend.ObjectRef) (string, bool) {
	app, of, _ := strings.Cut(meta.Annotations["argocd.argoproj.io/tracking-id"], ":")
	return app, app != "" && of == groupOf(ref)+"/"+ref.Kind+":"+ref.Namespace+"/"+ref.Name
}

func ambiguous(ref amend.ObjectRef, found []live) error {
	return amend.Refusef(amend.ReasonAmbiguous, "the Applications %s declare %s", names(found), ref)
}

func names(apps []live) string {
	list := make([]string, 0, len(apps))
	for _, app := range apps {
		list = append(list, app.String())
	}
	slices.Sort(list)
	return strings.Join(list, " and ")
}

// unknown refuses an object that no Application declares, or none of the name
// that counts. What marks it as one of an Application all the same is worth a
// word, and no more.
func (s search) unknown(ctx context.Context, ref amend.ObjectRef) error {
	if others := s.declaring(ref, ""); len(others) > 0 {
		return amend.Refusef(amend.ReasonNotInRepo, "no Application %s declares %s; it is one of %s", s.name, ref, names(others))
	}
	hint := ""
	if meta, err := s.client.metadata(ctx, ref); err == nil {
		app, ok := trackedBy(meta, ref)
		if !ok {
			app = meta.Labels["app.kubernetes.io/instance"]
		}
		if app != "" {
			hint = "; it is marked as one of " + app + ", whose status does not list it"
		}
	}
	return amend.Refusef(amend.ReasonNotInRepo, "no Application of the cluster declares %s%s", ref, hint)
}

// chain writes the Application and what deploys it in turn, until nothing does
// or an Application deploys itself.
func (s search) chain(ctx context.Context, app live) ([]byte, error) {
	var docs [][]byte
	seen := map[amend.ObjectRef]bool{}
	ref := amend.ObjectRef{Group: argo.Group, Kind: "Application", Namespace: app.Metadata.Namespace, Name: app.Metadata.Name}
	for cur, more := app, true; more && !seen[ref] && len(docs) < maxChain; {
		seen[ref] = true
		doc, err := cur.document(ref.Kind)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
		if cur, ref, more, err = s.parent(ctx, cur, ref); err != nil {
			return nil, err
		}
	}
	return bytes.Join(docs, []byte("---\n")), nil
}

// parent returns the Application that declares an Application or ApplicationSet,
// or else the ApplicationSet that generates it; false if there is neither.
func (s search) parent(ctx context.Context, child live, ref amend.ObjectRef) (live, amend.ObjectRef, bool, error) {
	found := s.declaring(ref, "")
	if len(found) > 1 {
		return live{}, ref, false, ambiguous(ref, found)
	}
	if len(found) == 1 {
		meta := found[0].Metadata
		return found[0], amend.ObjectRef{Group: argo.Group, Kind: "Application", Namespace: meta.Namespace, Name: meta.Name}, true, nil
	}
	up, ok := child.Metadata.controller()
	if !ok || up.Group != argo.Group || up.Kind != "ApplicationSet" {
		return live{}, ref, false, nil
	}
	var set live
	err := do(ctx, "read applicationset", s.client.argo.Get().Namespace(up.Namespace).Resource("applicationsets").Name(up.Name), nil, &set)
	return set, up, err == nil, err
}
