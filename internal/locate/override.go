package locate

import (
	"encoding/json"
	"maps"
	"path"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

// argocdSource begins the names of the files with which a folder overrides the
// source of the Applications that point at it.
const argocdSource = ".argocd-source"

// effective returns the source of a root as Argo CD renders it: what the
// Application says, then .argocd-source.yaml and .argocd-source-<app>.yaml of
// the folder. It refuses what is not reproduced.
func (r root) effective(rec *recorder) (appSource, error) {
	a := application{path: r.dir}
	if len(r.apps) > 0 {
		a = r.apps[0]
	} else if other := rec.view.root.find(r.dir).ownOverride(); other != "" {
		return appSource{}, amend.Refusef(amend.ReasonUnsupported, "%s may change what %s renders to, as its Application is not in the repo", path.Join(r.dir, other), r)
	}
	source := a.source
	for _, suffix := range []string{"", "-" + a.name} {
		name := path.Join(r.dir, argocdSource+suffix+".yaml")
		if suffix == "-" || !rec.exists(name) {
			continue
		}
		data, err := rec.read(name)
		if err != nil {
			return appSource{}, err
		}
		if source, err = source.patched(data); err != nil {
			return appSource{}, amend.Refusef(amend.ReasonUnproven, "%s %w: %w", name, errUnparsed, amend.Private(err))
		}
	}
	folder := rec.view.root.find(r.dir)
	if what := source.unsupported(r.kind); what != "" {
		return appSource{}, amend.Refusef(amend.ReasonUnsupported, "%s of application %s changes what %s renders to", a.at.Then(what), a.name, r)
	}
	if (application{source: source}).kindAt(folder) != a.kindAt(folder) || string(source.directory()) != string(a.source.directory()) {
		return appSource{}, amend.Refusef(amend.ReasonUnsupported, "a file %s*.yaml changes how %s is rendered", path.Join(r.dir, argocdSource), r)
	}
	return source, nil
}

// ownOverride returns the name of a file that overrides the source of one
// Application, "" if there is none.
func (n *node) ownOverride() string {
	for _, f := range n.files {
		if strings.HasPrefix(f.name, argocdSource+"-") && strings.HasSuffix(f.name, ".yaml") {
			return f.name
		}
	}
	return ""
}

// patched merges a JSON merge patch into the source. Where the source is, the
// patch cannot change.
func (s appSource) patched(patch []byte) (appSource, error) {
	var base, over map[string]any
	plain, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(plain, &base); err != nil {
		return s, err
	}
	if err := yaml.Unmarshal(patch, &over); err != nil {
		return s, err
	}
	if plain, err = json.Marshal(mergePatch(base, over)); err != nil {
		return s, err
	}
	var out appSource
	if err := json.Unmarshal(plain, &out); err != nil {
		return s, err
	}
	out.RepoURL, out.Path, out.Chart, out.TargetRevision = s.RepoURL, s.Path, s.Chart, s.TargetRevision
	return out, nil
}

// mergePatch is RFC 7386.
func mergePatch(base, patch map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, base)
	for key, v := range patch {
		sub, isMap := v.(map[string]any)
		old, wasMap := out[key].(map[string]any)
		switch {
		case v == nil:
			delete(out, key)
		case isMap && wasMap:
			out[key] = mergePatch(old, sub)
		case isMap:
			out[key] = mergePatch(nil, sub)
		default:
			out[key] = v
		}
	}
	return out
}

// unsupported names what of the source changes the render in a way that is not
// reproduced, or returns "".
func (s appSource) unsupported(kind SourceType) string {
	switch {
	case len(s.Plugin) > 0:
		return "plugin"
	case s.Helm != nil && kind != Helm:
		return "helm"
	case s.Kustomize != nil && kind != Kustomize:
		return "kustomize"
	case s.Kustomize != nil && s.Kustomize.CommonAnnotationsEnv:
		return "kustomize.commonAnnotationsEnvsubst"
	}
	return ""
}

// directory returns which files of a directory are read, in a form that can be
// compared.
func (s appSource) directory() []byte {
	if s.Directory == nil || s.Directory.empty() {
		return nil
	}
	d := *s.Directory
	d.Jsonnet = nil
	b, err := json.Marshal(d)
	if err != nil { // of what was decoded from JSON
		return nil
	}
	return b
}
