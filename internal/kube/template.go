package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/amendhq/amend"
)

// restartedAt is the annotation by which kubectl and amend restart pods.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// containers returns the containers by name, each by its fields.
func (t podTemplate) containers() map[string]map[string]json.RawMessage {
	var list []map[string]json.RawMessage
	_ = json.Unmarshal(t.Spec["containers"], &list) // what is no list has no containers
	all := map[string]map[string]json.RawMessage{}
	for _, c := range list {
		var name string
		_ = json.Unmarshal(c["name"], &name)
		all[name] = c
	}
	return all
}

func (t podTemplate) images() map[string]string {
	images := map[string]string{}
	for name, c := range t.containers() {
		var image string
		if json.Unmarshal(c["image"], &image) == nil && image != "" {
			images[name] = image
		}
	}
	return images
}

// since names what differs from an older template: the fields of containers, then
// those of the pod. Values are left out, as they may be secret.
func (t podTemplate) since(before podTemplate) []string {
	var changed []string
	then, now := before.containers(), t.containers()
	for _, name := range union(then, now) {
		for _, field := range differing(then[name], now[name]) {
			changed = append(changed, fmt.Sprintf("container %s %s", name, field))
		}
	}
	for _, field := range differing(before.Spec, t.Spec) {
		if field != "containers" {
			changed = append(changed, field)
		}
	}
	for _, key := range union(before.Metadata.Annotations, t.Metadata.Annotations) {
		switch {
		case before.Metadata.Annotations[key] == t.Metadata.Annotations[key]:
		case key == restartedAt:
			changed = append(changed, amend.RolloutRestarted)
		default:
			changed = append(changed, "annotation "+key)
		}
	}
	// The hash is what Kubernetes adds to tell the revisions apart.
	a, b := maps.Clone(before.Metadata.Labels), maps.Clone(t.Metadata.Labels)
	for _, labels := range []map[string]string{a, b} {
		delete(labels, "pod-template-hash")
		delete(labels, "rollouts-pod-template-hash")
	}
	if !maps.Equal(a, b) {
		changed = append(changed, "labels")
	}
	return changed
}

// differing returns the keys under which two objects do not hold the same.
func differing(a, b map[string]json.RawMessage) []string {
	return slices.DeleteFunc(union(a, b), func(key string) bool { return same(a[key], b[key]) })
}

func union[V any](a, b map[string]V) []string {
	keys := maps.Clone(a)
	if keys == nil {
		keys = map[string]V{}
	}
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

// same compares two values as JSON. Nothing is the same as null.
func same(a, b json.RawMessage) bool { return bytes.Equal(canonical(a), canonical(b)) }

func canonical(raw json.RawMessage) []byte {
	var v any
	if json.Unmarshal(raw, &v) != nil || v == nil {
		return nil
	}
	text, _ := json.Marshal(v) // sorted keys, and it was JSON before
	return text
}
