package locate

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

// An application is what an Argo CD Application says about one of its sources.
// A path that does not exist in the env repo is taken for one of another
// repo.
type application struct {
	name      string
	namespace string // destination.namespace
	cluster   string // the rest of destination
	path      string // of the source, "." for the whole repo
	source    appSource
	refs      map[string]appSource // the sources that values may be read from
	// at is where the source stands in the Application, e.g. spec.source.
	at       amend.FieldPath
	object   amend.ObjectRef // the Application itself
	project  string
	notes    map[string]string // its annotations
	ignores  []ignoredDifference
	settings string // source.settings()
	alone    bool   // its folder overrides the source for it alone
	key      string // equal for equal applications
}

// appManifest is the part of an Application that amend reads; see Argo CD's
// declarative setup documentation.
type appManifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec  appSpec       `json:"spec"`
	Items []appManifest `json:"items"`
}

type appSpec struct {
	Project  string      `json:"project"`
	Source   *appSource  `json:"source"`
	Sources  []appSource `json:"sources"`
	Hydrator *struct {
		Dry appSource `json:"drySource"`
	} `json:"sourceHydrator"`
	Destination struct {
		Namespace string `json:"namespace"`
		Server    string `json:"server"`
		Name      string `json:"name"`
	} `json:"destination"`
	Ignore []ignoredDifference `json:"ignoreDifferences"`
}

// An ignoredDifference is an item of spec.ignoreDifferences.
type ignoredDifference struct {
	Group       string   `json:"group"`
	Kind        string   `json:"kind"`
	Name        string   `json:"name"`
	Namespace   string   `json:"namespace"`
	Pointers    []string `json:"jsonPointers"`
	Expressions []string `json:"jqPathExpressions"`
	Managers    []string `json:"managedFieldsManagers"`
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

func (m appManifest) is(kind string) bool {
	group, _, _ := strings.Cut(m.APIVersion, "/")
	return m.Kind == kind && group == "argoproj.io"
}

// sources returns the sources with their places. A hydrated Application
// deploys a rendered branch, and is written in its dry source.
func (m appManifest) sources() ([]appSource, func(int) amend.FieldPath) {
	switch {
	case m.Spec.Hydrator != nil:
		return []appSource{m.Spec.Hydrator.Dry}, func(int) amend.FieldPath { return amend.Field("spec", "sourceHydrator", "drySource") }
	case len(m.Spec.Sources) > 0:
		return m.Spec.Sources, func(i int) amend.FieldPath { return amend.Field("spec", "sources").Item("index", strconv.Itoa(i)) }
	case m.Spec.Source != nil:
		return []appSource{*m.Spec.Source}, func(int) amend.FieldPath { return amend.Field("spec", "source") }
	}
	return nil, nil
}

func (m appManifest) applications() []application {
	if !m.is("Application") {
		return nil
	}
	sources, at := m.sources()
	var apps []application
	for i, s := range sources {
		if s.Chart == "" && s.Path == "" { // only others read files from it
			continue
		}
		s.normalize()
		a := application{
			name: m.Metadata.Name, namespace: m.Spec.Destination.Namespace, cluster: m.Spec.Destination.Server + " " + m.Spec.Destination.Name,
			path: s.folder(), source: s, refs: refs(sources), at: at(i), project: m.Spec.Project, notes: m.Metadata.Annotations, ignores: m.Spec.Ignore,
			object:   amend.ObjectRef{Group: "argoproj.io", Kind: "Application", Namespace: m.Metadata.Namespace, Name: m.Metadata.Name},
			settings: s.settings(),
		}
		a.key = a.identity()
		apps = append(apps, a)
	}
	return apps
}

// identity is equal for copies of one Application.
func (a application) identity() string {
	b, err := json.Marshal(a.refs)
	if err != nil { // of what was decoded from JSON
		return a.name
	}
	return strings.Join([]string{a.name, a.source.RepoURL, a.path, a.namespace, a.cluster, a.settings, string(b)}, "\x00")
}

// effect is equal for Applications of one folder that render the same. A chart
// is told the name and the namespace, and a folder may override the source of
// one Application.
func (a application) effect(kind SourceType) string {
	if kind == Helm || a.alone || a.directory().Jsonnet.variable() {
		return strings.Join([]string{a.key, a.source.RepoURL, a.source.TargetRevision}, "\x00")
	}
	return a.settings
}

// directory returns the directory settings of the source.
func (a application) directory() appDirectory {
	if a.source.Directory == nil {
		return appDirectory{}
	}
	return *a.source.Directory
}

// covers reports whether a directory source of this application reads the
// file. Argo CD's globs have no separators: * crosses folders.
func (a application) covers(file string) bool { return a.covering()(file) }

// covering is covers for many files.
func (a application) covering() func(file string) bool {
	d := a.directory()
	include, exclude := glob(d.Include), glob(d.Exclude)
	return func(file string) bool {
		rel, ok := below(a.path, file)
		if !ok || (!d.Recurse && strings.Contains(rel, "/")) {
			return false
		}
		return (d.Exclude == "" || !exclude(rel)) && (d.Include == "" || include(rel))
	}
}

// same reports whether two may be one Application, in different forms.
func (a application) same(b application) bool {
	return a.name == b.name && a.namespace == b.namespace && a.cluster == b.cluster
}

// contains reports whether the list has a copy of the application.
func contains(apps []application, a application) bool {
	return slices.ContainsFunc(apps, func(b application) bool { return a.key == b.key })
}

// glob returns what matches a pattern in the wildcard language of Argo CD's
// include and exclude: *, ? and {a,b}.
func glob(pattern string) func(name string) bool {
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
	if err != nil {
		return func(string) bool { return false }
	}
	return re.MatchString
}

// below returns name relative to the folder dir ("." is the repo).
func below(dir, name string) (string, bool) {
	if dir == "." {
		return name, true
	}
	rel, ok := strings.CutPrefix(name, dir+"/")
	return rel, ok
}
