package locate

import (
	"path"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// maxRoots bounds how many roots are rendered to find one object.
const maxRoots = 256

// A match is one rendered object that could be the one asked for.
type match struct {
	root   root
	render *render
	obj    *object
	weak   bool // nothing in the repo says which namespace it lands in
}

// protectedKinds are never edited: what they hold is access, credentials or
// the schema of others.
var protectedKinds = [...]string{
	"Secret", "CustomResourceDefinition", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "AppProject",
}

func protectedKind(kind string) bool { return slices.Contains(protectedKinds[:], kind) }

// A scope says where an object is searched for: in the sources of its owner, in
// one folder, or everywhere.
type scope struct {
	owner *owner
	dir   string
}

// match finds the one rendered object that ref names.
func (v *view) match(ref amend.ObjectRef, in scope) (match, error) {
	if protectedKind(ref.Kind) {
		return match{}, amend.Refusef(amend.ReasonProtected, "no fix may touch a %s", ref.Kind)
	}
	roots, err := v.candidates(ref, in)
	if err != nil {
		return match{}, err
	}
	if len(roots) > maxRoots {
		return match{}, amend.Refusef(amend.ReasonAmbiguous, "%d sources could declare %s; name one", len(roots), ref)
	}
	var matches []match
	var failed, broken error
	for _, r := range roots {
		out := v.render(r)
		switch {
		case out.broken() != nil:
			broken = out.broken()
		case out.err != nil && (r.guessed || (r.kind == Helm || len(r.programs()) > 0) && in == scope{}): // any chart or program could declare anything
			broken = out.err
		case out.err != nil && ref.Group == argoGroup && !v.root.named(r, ref):
			broken = out.err // it may yield the Application, if no other place declares it
		case out.err != nil && failed == nil:
			failed = out.err
		}
		matches = append(matches, matching(out, r, ref)...)
	}
	if failed == nil && (in != scope{} || len(matches) == 0) {
		failed = broken // what is deployed from it was declared before it broke
	}
	if len(matches) == 0 && failed == nil && len(roots) > 0 && in != (scope{}) {
		return match{}, amend.Refusef(amend.ReasonNotInRepo, "%s does not declare %s", roots[0], ref)
	}
	return v.decide(ref, matches, failed)
}

// named reports whether a file in the root's folder holds a name that the
// object may be declared with.
func (n *node) named(r root, ref amend.ObjectRef) bool {
	folder := n.find(r.dir)
	return r.set == nil && folder.holds(n.wanted(ref).names)
}

// candidates returns the roots to search for the object.
func (v *view) candidates(ref amend.ObjectRef, in scope) ([]root, error) {
	w := v.root.wanted(ref)
	switch {
	case in.owner != nil:
		return in.owner.roots(v, w)
	case in.dir != "":
		roots, err := v.rootsIn(w, path.Clean(in.dir))
		if len(roots) == 1 && roots[0].kind == Helm && len(roots[0].apps) == 0 {
			roots[0] = v.standalone(roots[0], ref)
		}
		return roots, err
	}
	roots := slices.DeleteFunc(v.rootsDeclaring(w), func(r root) bool { return v.root.excludes(r, ref) })
	if ref.Group == argoGroup && strings.HasPrefix(ref.Kind, "Application") {
		for _, r := range v.charts {
			if !slices.ContainsFunc(roots, func(have root) bool { return have.dir == r.dir }) {
				roots = append(roots, r)
			}
		}
		for _, s := range v.sets {
			roots = append(roots, s.root())
		}
	}
	return roots, nil
}

// matching returns the objects of a render that ref may mean.
func matching(out *render, r root, ref amend.ObjectRef) []match {
	var matches []match
	for _, o := range out.objects {
		if o.ref.Kind != ref.Kind || (ref.Group != "" && o.ref.Group != ref.Group) {
			continue
		}
		if o.ref.Name != ref.Name && stableName(o.ref.Kind, o.ref.Name) != ref.Name {
			continue
		}
		if r.kind == Helm && hooked(o) {
			continue
		}
		if ok, weak := r.lands(o.ref, ref.Namespace); ok {
			matches = append(matches, match{root: r, render: out, obj: o, weak: weak})
		}
	}
	return matches
}

// lands reports whether an object of the root is deployed into the namespace
// want, and whether that is only possible rather than known. Which namespace
// Applications live in, their manifests and references often leave open.
func (r root) lands(have amend.ObjectRef, want string) (ok, weak bool) {
	if want == "" && have.Group == argoGroup {
		return true, false
	}
	if have.Namespace != "" || want == "" {
		return have.Namespace == want, false
	}
	for _, a := range r.apps {
		if r.owner != "" && a.name != r.owner {
			continue
		}
		if a.namespace == want {
			return true, false
		}
		weak = weak || a.namespace == ""
	}
	return weak || len(r.apps) == 0, true
}

// argoGroup is the API group of Applications and ApplicationSets.
const argoGroup = "argoproj.io"

// decide picks the one object, or says why there is no one object. A root that
// could declare it and does not render leaves the question open.
func (v *view) decide(ref amend.ObjectRef, matches []match, failed error) (match, error) {
	if slices.ContainsFunc(matches, func(m match) bool { return !m.weak }) {
		matches = slices.DeleteFunc(matches, func(m match) bool { return m.weak })
	}
	switch {
	case len(matches) > 1:
		var where []string
		for _, m := range matches {
			where = append(where, strings.TrimSpace(m.root.String()+" "+m.obj.file))
		}
		return match{}, amend.Refusef(amend.ReasonAmbiguous, "%s is declared by %s", ref, strings.Join(where, " and by "))
	case failed != nil:
		return match{}, failed
	case len(matches) == 0:
		return match{}, v.notFound(ref)
	}
	m := matches[0]
	return m, nil
}

func (v *view) notFound(ref amend.ObjectRef) error {
	if len(v.root.unparsed) > 0 {
		return amend.Refusef(amend.ReasonUnproven, "no source declares %s, but a kustomization that does not parse may: %s", ref, listed(v.root.unparsed))
	}
	if foreign := v.notSearched(); len(foreign) > 0 {
		return amend.Refusef(amend.ReasonUnsupported, "no source declares %s, and charts and Jsonnet that no Application of the repo deploys are not searched: %s",
			ref, listed(foreign))
	}
	if len(v.root.huge) > 0 {
		return amend.Refusef(amend.ReasonUnproven, "no source declares %s, but a file that is too large to be read may: %s", ref, listed(v.root.huge))
	}
	return amend.Refusef(amend.ReasonNotInRepo, "no source in the env repo declares %s", ref)
}

// listed joins the first few of a list.
func listed(items []string) string {
	const most = 5
	if len(items) > most {
		return strings.Join(items[:most], ", ") + ", …"
	}
	return strings.Join(items, ", ")
}

// wanted hashes what a manifest of the object may say before the prefixes,
// suffixes and generator hashes of the repo apply.
func (n *node) wanted(ref amend.ObjectRef) wanted {
	w := wanted{kind: nameHash(ref.Kind), generated: ref.Kind == "ConfigMap"}
	for name := range n.declaredNames(ref) {
		w.names = append(w.names, nameHash(name))
	}
	return w
}

// declaredNames strips prefixes and suffixes until nothing new comes out.
func (n *node) declaredNames(ref amend.ObjectRef) map[string]bool {
	names := map[string]bool{}
	queue := []string{ref.Name, stableName(ref.Kind, ref.Name)}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if names[name] || name == "" {
			continue
		}
		names[name] = true
		for _, p := range n.prefixes {
			if rest, ok := strings.CutPrefix(name, p); ok {
				queue = append(queue, rest)
			}
		}
		for _, s := range n.suffixes {
			if rest, ok := strings.CutSuffix(name, s); ok {
				queue = append(queue, rest)
			}
		}
	}
	return names
}

// excludes reports whether a root's own kustomization rules out that it
// renders the object, which saves the render.
func (n *node) excludes(r root, ref amend.ObjectRef) bool {
	if r.kind != Kustomize {
		return false
	}
	k := n.find(r.dir).kust
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	if k == nil || renames(k) || len(k.PatchesJson6902) > 0 {
		return false
	}
	generated := ref.Kind == "ConfigMap"
	return (k.Namespace != "" && ref.Namespace != "" && k.Namespace != ref.Namespace) ||
		!strings.HasPrefix(ref.Name, k.NamePrefix) ||
		(!generated && !strings.HasSuffix(ref.Name, k.NameSuffix))
}

// render returns what a root renders to, from the cache if nothing that the
// render read has changed. Renders of a proposed edit are not kept.
func (v *view) render(r root) *render {
	key := r.key() + "\x00" + strings.Join(r.files, "\x00")
	out, done := v.done[key]
	if done && v.edited == "" {
		return out
	}
	out, ok := v.loc.renders.Get(key)
	if !ok || !out.fresh(v) {
		out = r.source().render(v, r)
		out.at, out.shape = v.root.hash, v.root.shape
		if v.edited == "" && !v.budget.Spent() && !v.programs.spent() {
			v.loc.renders.Put(key, out)
		}
	}
	if v.edited == "" {
		v.done[key] = out
	}
	return out
}
