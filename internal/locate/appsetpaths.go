package locate

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// alternatives returns what the parameters of an ApplicationSet may be whose
// generators ask the cluster: what its lists say of them, and the folders and
// files that it looks for in Git. They are patterns; a parameter that is not
// among them may be anything.
func (s *appSet) alternatives() map[string][]string {
	known := map[string][]string{}
	generators, _ := get(s.spec, amend.Field("generators"))
	if !gather(generators, known) {
		return map[string][]string{"path": known["path"], "path.path": known["path.path"]}
	}
	return known
}

// gather reports whether no generator yields parameters with names that the
// ApplicationSet does not tell.
func gather(generators any, known map[string][]string) bool {
	told := true
	list, _ := generators.([]any)
	for _, g := range list {
		elements, _ := get(g, amend.Field("list", "elements"))
		items, _ := elements.([]any)
		for _, e := range items {
			values, _ := e.(map[string]any)
			for key, v := range values {
				if isScalar(v) {
					known[key] = append(known[key], wildcards(scalarText(v), ".*"))
				}
			}
		}
		folders := gitFolders(g)
		known["path"] = append(known["path"], folders...)
		known["path.path"] = append(known["path.path"], folders...)
		for _, kind := range []string{"matrix", "merge"} {
			inner, _ := get(g, amend.Field(kind, "generators"))
			told = gather(inner, known) && told
		}
		for _, kind := range []amend.FieldPath{
			amend.Field("git", "files"), amend.Field("list", "elementsYaml"), amend.Field("plugin"), amend.Field("scmProvider"),
			amend.Field("pullRequest"), amend.Field("clusterDecisionResource"),
		} {
			_, open := get(g, kind)
			told = told && !open
		}
	}
	return told
}

// gitFolders returns the patterns of the folders that a git generator may yield,
// without what it leaves out.
func gitFolders(generator any) []string {
	var patterns []string
	for _, kind := range []string{"directories", "files"} {
		entries, _ := get(generator, amend.Field("git", kind))
		items, _ := entries.([]any)
		for _, item := range items {
			entry, _ := item.(map[string]any)
			glob, _ := entry["path"].(string)
			switch out, _ := entry["exclude"].(bool); {
			case out || glob == "":
			case kind == "directories":
				patterns = append(patterns, wildcards(glob, "[^/]*"))
			case strings.Contains(path.Base(glob), "**"):
				patterns = append(patterns, wildcards(path.Dir(glob), "[^/]*")+"(?:/.*)?")
			default:
				patterns = append(patterns, wildcards(path.Dir(glob), "[^/]*"))
			}
		}
	}
	return patterns
}

// wildcards turns a glob with parameters into a regular expression, in which
// star is what * matches.
func wildcards(glob, star string) string {
	var b strings.Builder
	for i, fixed := range parameter.Split(glob, -1) {
		if i > 0 {
			b.WriteString(".*")
		}
		text := regexp.QuoteMeta(fixed)
		text = strings.ReplaceAll(text, `\*\*`, ".*")
		b.WriteString(strings.ReplaceAll(text, `\*`, star))
	}
	return b.String()
}

// names reports whether the source of a template may name the file as one with
// values, as a patch, or as one of a component, and not after the place.
func (s appSource) names(file string, alternatives map[string][]string) bool {
	if s.Helm != nil {
		written := slices.Clone(s.Helm.ValueFiles)
		for _, p := range s.Helm.FileParameters {
			written = append(written, p.Path)
		}
		if slices.ContainsFunc(written, func(w string) bool { return s.refersTo(w, file, alternatives) }) {
			return true
		}
	}
	if s.Kustomize == nil {
		return false
	}
	return slices.ContainsFunc(s.Kustomize.references(), func(w string) bool {
		if s.refersTo(w, file, alternatives) {
			return true
		}
		for dir := range parents(file) {
			if s.refersTo(w, dir, alternatives) {
				return true
			}
		}
		return false
	})
}

// refersTo reports whether a path in the source of a template may be this one.
func (s appSource) refersTo(written, name string, alternatives map[string][]string) bool {
	start := "^"
	switch {
	case ofTheCluster.MatchString(written):
		return false
	case strings.HasPrefix(written, "$"):
		_, written, _ = strings.Cut(written, "/")
	case strings.HasPrefix(written, "/"):
	case parameter.MatchString(s.Path):
		start = "(^|/)"
	default:
		written = path.Join(s.Path, written)
	}
	return mayYield(written, name, start, alternatives)
}

// ourNames returns the names under which Applications know a repo that has their
// folders, as this one has; there is none if they name the whole repo only.
func (v *view) ourNames() map[string]bool {
	names := map[string]bool{}
	for _, a := range v.apps {
		if a.path != "." && a.path != "" && v.root.find(a.path) != nil {
			names[repoName(a.source.RepoURL)] = true
		}
	}
	return names
}
