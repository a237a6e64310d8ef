package locate

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

// An owner is the Application that deploys an object, with those that deploy
// it in turn. The nil owner is unknown.
type owner struct {
	name    string
	sources []application
	live    bool     // they are as the cluster has them, and not as the repo declares them
	set     *appSet  // instead of sources, if it is an ApplicationSet
	parents [][]byte // live Applications and ApplicationSets, nearest first
	tracked string   // the Application that deploys it, by its tracking id
}

// owner finds out whom the query names.
func (v *view) owner(q Query) (*owner, error) {
	if docs := slices.DeleteFunc(splitDocuments(q.Live), blank); len(docs) > 0 {
		o, err := v.liveOwner(docs)
		if err != nil {
			return nil, err
		}
		v.adopt(docs)
		return o.expanded(v, docs[0])
	}
	if q.Application == "" {
		return nil, nil
	}
	o := &owner{name: q.Application}
	for _, a := range v.apps {
		if a.called(q.Application) && !contains(o.sources, a) {
			o.sources = append(o.sources, a)
			o.name = a.name
		}
	}
	if len(o.sources) > 0 {
		return o, nil
	}
	for _, s := range v.sets {
		if err := v.render(s.root()).err; err != nil {
			return nil, about("no Application "+q.Application+" is declared in the env repo, but it may be generated", err)
		}
	}
	return nil, amend.Refusef(amend.ReasonNotInRepo, "no Application %s is declared in the env repo", q.Application)
}

func blank(doc []byte) bool {
	plain, err := yaml.YAMLToJSON(doc)
	return err == nil && string(plain) == "null"
}

// parent returns who deploys the owner: the next live document, or else the
// Application of its tracking id if the repo declares it. It is nil if neither
// is known.
func (o *owner) parent(v *view) (*owner, error) {
	if o == nil {
		return nil, nil
	}
	if len(o.parents) == 0 && o.tracked != "" {
		if up, err := v.owner(Query{Application: o.tracked}); err == nil {
			return up, nil
		}
	}
	return v.liveOwner(o.parents)
}

// adopt adds live Applications, and those that live ApplicationSets generate, to
// what is known, if the repo does not declare them itself. Without that, a folder
// of one would be taken for one that nobody deploys.
func (v *view) adopt(docs [][]byte) {
	for _, doc := range docs {
		v.apps = slices.Concat(v.apps, slices.DeleteFunc(v.marked(parseApplications(doc)), func(a application) bool {
			return slices.ContainsFunc(v.apps, func(b application) bool { return a.same(b) && a.path == b.path })
		}))
		for _, s := range parseAppSets(doc) {
			if !slices.ContainsFunc(v.sets, func(have *appSet) bool { return have.ref.Name == s.ref.Name }) {
				v.sets = append(v.sets[:len(v.sets):len(v.sets)], s)
				v.apps = slices.Concat(v.apps, v.marked(v.generatedApps(s)))
			}
		}
	}
}

// called reports whether the application has the name, or NAMESPACE/NAME, or
// NAMESPACE_NAME as tracking ids have it.
func (a application) called(name string) bool {
	ns := a.object.Namespace
	return name == a.name || (ns != "" && (name == ns+"/"+a.name || name == ns+"_"+a.name))
}

// liveOwner reads an Application as it is live, before its parents.
func (v *view) liveOwner(docs [][]byte) (*owner, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	var m appManifest
	o := &owner{parents: docs[1:], live: true}
	plain, err := yaml.YAMLToJSON(docs[0])
	if err == nil {
		err = json.Unmarshal(plain, &m)
	}
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read --application", "%w", err)
	}
	if m.is("ApplicationSet") {
		objects, err := decodeObjects(plain)
		if err != nil || len(objects) != 1 {
			return nil, amend.Errorf(amend.Invalid, "read --application", "the ApplicationSet has no name")
		}
		o.name = m.Metadata.Name
		o.set, err = newAppSet(objects[0].ref, objects[0].body["spec"])
		return o, err
	}
	if !m.is("Application") {
		return nil, amend.Errorf(amend.Invalid, "read --application", "%s %s is no Application of Argo CD", m.APIVersion, m.Kind)
	}
	o.name, o.sources = m.Metadata.Name, v.marked(m.applications())
	o.tracked, _, _ = strings.Cut(m.Metadata.Annotations["argocd.argoproj.io/tracking-id"], ":")
	if len(o.sources) == 0 {
		return nil, amend.Errorf(amend.Invalid, "read --application", "Application %s has no source", o.name)
	}
	return o, nil
}

// roots returns the sources of the owner that are in the env repo.
func (o *owner) roots(v *view, w wanted) ([]root, error) {
	if o.set != nil {
		return []root{o.set.root()}, nil
	}
	var roots []root
	var refused error
	for _, a := range o.sources {
		folder := v.root.find(a.path)
		if folder == nil {
			refused = a.elsewhere()
			continue
		}
		r := root{dir: a.path, kind: a.kindAt(folder), apps: []application{a}, owner: a.name, live: o.live}
		for _, b := range slices.Concat(o.sources, v.apps) {
			if b.path == a.path && !a.same(b) && b.kindAt(folder) == r.kind && b.effect(r.kind) == a.effect(r.kind) && !contains(r.apps, b) {
				r.apps = append(r.apps, b)
			}
		}
		if err := v.fill(&r, w); err != nil {
			return nil, err
		}
		roots = append(roots, r)
	}
	if len(roots) == 0 {
		return nil, refused
	}
	return roots, nil
}

// expanded turns an ApplicationSet that is said to own an object into the
// Applications that it generates, which do.
func (o *owner) expanded(v *view, live []byte) (*owner, error) {
	if o == nil || o.set == nil {
		return o, nil
	}
	out := v.render(o.set.root())
	if out.err != nil {
		return nil, out.err
	}
	all := &owner{name: o.name, live: true, parents: append([][]byte{live}, o.parents...)}
	for _, generated := range out.objects {
		all.sources = append(all.sources, v.marked(generated.applications())...)
	}
	if len(all.sources) == 0 {
		return nil, amend.Refusef(amend.ReasonNotInRepo, "%s generates no Application from the env repo", o.set.ref)
	}
	return all, nil
}

// elsewhere refuses a source that is not in the env repo.
func (a application) elsewhere() error {
	if a.source.Chart != "" {
		return amend.Refusef(amend.ReasonRemote, "application %s deploys the chart %s of %s, which is not in the env repo", a.name, a.source.Chart, a.source.RepoURL)
	}
	return amend.Refusef(amend.ReasonRemote, "application %s deploys %s of %s, and the env repo has no such folder", a.name, a.source.Path, a.source.RepoURL)
}

// fixedRevision matches revisions that no commit on a branch changes: commits,
// versions, ranges of versions, and tags that are named as such.
var fixedRevision = regexp.MustCompile(`^([0-9a-f]{7,40}|v?\d+(\.[\dxX*]+)*([-+].*)?|refs/tags/.*|.*[*<>=~^ ].*)$`)

// pinned returns the revision that keeps the application from following a
// branch, and its field; "" if it follows one.
func (a application) pinned() (field, revision string) {
	if rev := a.source.TargetRevision; fixedRevision.MatchString(rev) {
		return a.at.Then("targetRevision").String(), rev
	}
	if a.source.Helm == nil {
		return "", ""
	}
	for _, f := range a.source.Helm.ValueFiles {
		name, _, _ := strings.Cut(f, "/")
		if s, ok := a.refs[name]; ok && fixedRevision.MatchString(s.TargetRevision) {
			return "targetRevision of the source with ref " + s.Ref, s.TargetRevision
		}
	}
	return "", ""
}

// governed refuses what the Applications of the root keep from being
// controlled by their files.
func (t *target) governed() error {
	for _, a := range t.root.apps {
		if t.root.owner != "" && a.name != t.root.owner {
			continue
		}
		if where, rev := a.pinned(); rev != "" {
			return amend.Refusef(amend.ReasonUnsupported, "application %s follows the revision %s and not a branch: change its %s instead", a.name, rev, where)
		}
		for _, i := range a.ignores {
			if i.covers(t) {
				return amend.Refusef(ignoredReason(t.field), "application %s has %s in its ignoreDifferences, so Git is not in control of it; take it out there first, or change what sets it instead", a.name, t.field)
			}
		}
	}
	return nil
}

// ignoredReason tells the replicas, which people ignore because an autoscaler
// sets them, from other fields.
func ignoredReason(field amend.FieldPath) amend.Reason {
	if field.String() == "spec.replicas" {
		return amend.ReasonOwnedByHPA
	}
	return amend.ReasonUnsupported
}

// under reports whether the field is at or below a JSON pointer.
func (t *target) under(pointer []string) bool {
	var v any = t.obj.body
	if len(pointer) > len(t.field) {
		return false
	}
	for n, token := range pointer {
		step := t.field[n]
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if step.Select == "" {
			if token != step.Key {
				return false
			}
		} else if list, _ := v.([]any); token != "*" && token != fmt.Sprint(itemIndex(list, step)) {
			return false
		}
		v, _ = get(v, amend.FieldPath{step})
	}
	return true
}
