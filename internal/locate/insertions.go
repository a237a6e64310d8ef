package locate

import (
	"regexp"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// insertions proposes places where a value could be added without touching
// what other roots read: the keys that Kustomize has for the field, a patch or
// manifest of the object, and last a new patch.
func (t *target) insertions(docs []document, layers []layer) []site {
	private := privateKustomizations(docs, layers)
	images, patches := t.imageEntries(private), t.ownDocuments(docs, layers)
	ids := t.identities(docs, layers)
	var sites []site
	switch {
	case isImage(t.field) && t.set:
		sites = append(images, patches...)
	case t.field.String() == "spec.replicas" && t.set:
		sites = append(patches, t.replicaEntries(ids, private)...)
	default:
		sites = patches
	}
	return append(sites, t.newPatches(ids, private)...)
}

// A kustomization is a layer with its file as a document.
type kustomization struct {
	document
	layer
}

// privateKustomizations returns those that only the target's root reads.
func privateKustomizations(docs []document, layers []layer) []kustomization {
	var private []kustomization
	for _, l := range layers {
		i := slices.IndexFunc(docs, func(d document) bool { return d.path == l.file })
		if i >= 0 && l.private {
			private = append(private, kustomization{docs[i], l})
		}
	}
	return private
}

// imageEntries proposes to complete the images entry for the target's image,
// or to add one.
func (t *target) imageEntries(private []kustomization) []site {
	var complete, fresh []site
	old := parseImage(t.current())
	for _, k := range private {
		for _, e := range k.kust.Images {
			if e.NewName == old.name || (e.NewName == "" && e.Name == old.name) {
				complete = append(complete, k.completeImage(e.Name, old))
			}
		}
		fresh = append(fresh, k.newImage(old))
	}
	return append(complete, fresh...)
}

// completeImage adds the missing tag or digest to an images entry.
func (d document) completeImage(name string, old image) site {
	entry := amend.Field("images").Item("name", name)
	s := site{path: d.path, yamlPath: entry.String(), via: "a key in an images entry of the kustomization", add: true}
	s.write = func(v amend.Scalar) (manifest.Result, error) {
		want := parseImage(v.Text)
		switch {
		case want.name != old.name:
			return d.file.Insert(d.index, entry.Then("newName"), amend.Scalar{Text: want.name})
		case want.digest != old.digest && want.digest != "":
			return d.file.Insert(d.index, entry.Then("digest"), amend.Scalar{Text: want.digest})
		}
		return d.file.Insert(d.index, entry.Then("newTag"), amend.Scalar{Text: want.tag})
	}
	return s
}

// newImage adds an images entry.
func (d document) newImage(old image) site {
	s := site{path: d.path, yamlPath: "images", via: "a new images entry of the kustomization", add: true}
	s.write = func(v amend.Scalar) (manifest.Result, error) {
		want := parseImage(v.Text)
		item := []manifest.KeyValue{{Key: "name", Value: amend.Scalar{Text: old.name}}}
		if want.name != old.name {
			item = append(item, manifest.KeyValue{Key: "newName", Value: amend.Scalar{Text: want.name}})
		}
		if want.tag != "" {
			item = append(item, manifest.KeyValue{Key: "newTag", Value: amend.Scalar{Text: want.tag}})
		}
		if want.digest != "" {
			item = append(item, manifest.KeyValue{Key: "digest", Value: amend.Scalar{Text: want.digest}})
		}
		return d.file.InsertItem(d.index, amend.Field("images"), item)
	}
	return s
}

// replicaEntries proposes a new replicas entry. Kustomize finds the object by
// the name in its manifest.
func (t *target) replicaEntries(ids []identity, private []kustomization) []site {
	var sites []site
	for _, k := range private {
		for _, ref := range ids {
			s := site{path: k.path, yamlPath: "replicas", via: "a new replicas entry of the kustomization", add: true}
			s.write = func(v amend.Scalar) (manifest.Result, error) {
				return k.document.file.InsertItem(k.index, amend.Field("replicas"), []manifest.KeyValue{
					{Key: "name", Value: amend.Scalar{Text: ref.Name}}, {Key: "count", Value: v},
				})
			}
			sites = append(sites, s)
		}
	}
	return sites
}

// An identity is how a manifest of the target names it.
type identity struct {
	apiVersion string
	amend.ObjectRef
}

// identities returns the names under which Kustomize may know the target: those
// in manifests and patches, of what charts render, and of generated ConfigMaps.
func (t *target) identities(docs []document, layers []layer) []identity {
	var refs []amend.ObjectRef
	for _, d := range docs {
		refs = append(refs, d.object)
	}
	for _, in := range t.render.inflated {
		for _, o := range in.objects {
			refs = append(refs, o.ref)
		}
	}
	for _, l := range layers {
		for _, g := range l.kust.ConfigMapGenerator {
			refs = append(refs, amend.ObjectRef{Kind: "ConfigMap", Namespace: g.Namespace, Name: g.Name})
		}
	}
	var ids []identity
	version, _ := t.obj.body["apiVersion"].(string)
	for _, ref := range refs {
		id := identity{apiVersion: version, ObjectRef: ref}
		if t.declares(ref) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ownDocuments proposes to add the field to a patch or manifest of the object
// that only the target's root reads, patches of outer layers first.
func (t *target) ownDocuments(docs []document, layers []layer) []site {
	var found []candidate
	levels := levelsOf(layers)
	for _, d := range docs {
		if !t.private(d.path) {
			continue
		}
		far := levels.of(d.path)
		if t.declares(d.object) {
			found = append(found, candidate{site: d.insert(t.field, "a key in a manifest or patch of the object"), level: far})
		}
		for leaf := range d.file.Leaves() {
			if leaf.Doc == d.index && leaf.Kind == manifest.String && inlinePatch.MatchString(string(leaf.Path)) {
				found = append(found, t.inlineInserts(d, leaf, far)...)
			}
		}
	}
	return ranked(found)
}

var inlinePatch = regexp.MustCompile(`^(patches\[\d+\]\.patch|patchesStrategicMerge\[\d+\])$`)

// inlineInserts proposes to add the field to an inline patch of the object.
func (t *target) inlineInserts(d document, leaf manifest.Leaf, far int) []candidate {
	inner, err := manifest.Parse([]byte(leaf.Value))
	if err != nil {
		return nil
	}
	var found []candidate
	for _, doc := range inner.Documents() {
		if !t.declares(doc.Object) {
			continue
		}
		s := site{path: d.path, yamlPath: string(leaf.Path) + "|" + t.field.String(), via: "a key in an inline patch of the object", add: true}
		s.write = func(v amend.Scalar) (manifest.Result, error) {
			in, err := inner.Insert(doc.Index, t.field, v)
			if err != nil {
				return manifest.Result{}, err
			}
			return d.file.Set(leaf, amend.Scalar{Text: string(in.Data)})
		}
		found = append(found, candidate{site: s, level: far})
	}
	return found
}

// newPatches proposes a new strategic merge patch, written inline so that no
// file has to be added.
func (t *target) newPatches(ids []identity, private []kustomization) []site {
	var sites []site
	add := func(k kustomization, patch func(v amend.Scalar) (manifest.Result, error)) {
		sites = append(sites, site{path: k.path, yamlPath: "patches", via: "a new inline patch in the kustomization", add: true, write: patch})
	}
	for _, k := range private {
		for _, id := range ids {
			add(k, func(v amend.Scalar) (manifest.Result, error) {
				return k.addPatch(patchText(id, t.obj.body, t.field, v), nil)
			})
			if pointer, ok := pointerTo(t.obj.body, t.field); ok { // for lists that such a patch replaces, or that have another key
				add(k, func(v amend.Scalar) (manifest.Result, error) {
					return k.addPatch("- op: replace\n  path: "+pointer+"\n  value: "+valueOf(v), &id)
				})
			}
		}
	}
	return sites
}
