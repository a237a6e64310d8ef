package locate

import (
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// An application is what an Argo CD Application manifest of the repo says
// about one source folder of the same repo. A path that does not exist in the
// repo is taken for one of another repo.
type application struct {
	name      string
	namespace string // destination.namespace
	server    string // destination.server or name
	path      string
	directory appDirectory
	overrides string // the part of the source that changes the render, if any
}

type appDirectory struct {
	Recurse bool   `json:"recurse"`
	Include string `json:"include"`
	Exclude string `json:"exclude"`
}

// appManifest is the part of an Application that amend reads; see Argo CD's
// declarative setup documentation.
type appManifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Source      *appSource  `json:"source"`
		Sources     []appSource `json:"sources"`
		Destination struct {
			Namespace string `json:"namespace"`
			Server    string `json:"server"`
			Name      string `json:"name"`
		} `json:"destination"`
	} `json:"spec"`
	Items []appManifest `json:"items"`
}

type appSource struct {
	Path      string        `json:"path"`
	Chart     string        `json:"chart"`
	Helm      *struct{}     `json:"helm"`
	Plugin    *struct{}     `json:"plugin"`
	Kustomize *struct{}     `json:"kustomize"`
	Directory *appDirectory `json:"directory"`
}

// parseApplications reads the Applications of a file. What does not parse is
// no Application that Argo CD could apply.
func parseApplications(data []byte) []application {
	var apps []application
	for _, doc := range splitDocuments(data) {
		var m appManifest
		if yaml.Unmarshal(doc, &m) != nil {
			continue
		}
		for _, item := range append(m.Items, m) {
			apps = append(apps, item.applications()...)
		}
	}
	return apps
}

func (m appManifest) applications() []application {
	group, _, _ := strings.Cut(m.APIVersion, "/")
	if m.Kind != "Application" || group != "argoproj.io" {
		return nil
	}
	sources := m.Spec.Sources
	if len(sources) == 0 && m.Spec.Source != nil {
		sources = []appSource{*m.Spec.Source}
	}
	var apps []application
	for _, s := range sources {
		if s.Chart != "" || s.Path == "" {
			continue
		}
		a := application{
			name: m.Metadata.Name, namespace: m.Spec.Destination.Namespace,
			server: m.Spec.Destination.Server + m.Spec.Destination.Name,
			path:   path.Clean(strings.TrimPrefix(s.Path, "/")), overrides: s.overrides(),
		}
		if s.Directory != nil {
			a.directory = *s.Directory
		}
		apps = append(apps, a)
	}
	return apps
}

func (s appSource) overrides() string {
	switch {
	case s.Helm != nil:
		return "spec.source.helm"
	case s.Plugin != nil:
		return "spec.source.plugin"
	case s.Kustomize != nil:
		return "spec.source.kustomize"
	}
	return ""
}

// covers reports whether a directory source of this application reads the
// file. Argo CD's globs have no separators: * crosses folders.
func (a application) covers(file string) bool {
	rel, ok := below(a.path, file)
	if !ok || (!a.directory.Recurse && strings.Contains(rel, "/")) {
		return false
	}
	if a.directory.Exclude != "" && glob(a.directory.Exclude, rel) {
		return false
	}
	return a.directory.Include == "" || glob(a.directory.Include, rel)
}

// glob matches the wildcard language of Argo CD's include and exclude: *, ?
// and {a,b}.
func glob(pattern, name string) bool {
	var b strings.Builder
	depth := 0
	for _, r := range pattern {
		switch {
		case r == '*':
			b.WriteString(".*")
		case r == '?':
			b.WriteString(".")
		case r == '{':
			depth++
			b.WriteString("(?:")
		case r == '}' && depth > 0:
			depth--
			b.WriteString(")")
		case r == ',' && depth > 0:
			b.WriteString("|")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	re, err := regexp.Compile("^(?s:" + b.String() + ")$")
	return err == nil && re.MatchString(name)
}

// below returns name relative to the folder dir ("." is the repo).
func below(dir, name string) (string, bool) {
	if dir == "." {
		return name, true
	}
	rel, ok := strings.CutPrefix(name, dir+"/")
	return rel, ok
}
