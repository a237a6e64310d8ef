package locate

import (
	"encoding/json"
	"slices"
	"strings"

	gobwas "github.com/gobwas/glob"

	"github.com/amendhq/amend"
)

// A Project is the AppProject of an Application, with those of its sync windows
// that are for this Application.
type Project struct {
	Name        string
	Application string
	Windows     []SyncWindow
}

// A SyncWindow is an item of spec.syncWindows of an AppProject.
type SyncWindow struct {
	Kind     string `json:"kind"`
	Schedule string `json:"schedule"`
	Duration string `json:"duration"`
	TimeZone string `json:"timeZone"`

	Applications []string `json:"applications"`
	Namespaces   []string `json:"namespaces"`
	Clusters     []string `json:"clusters"`
	// And, of later versions than 2.14, asks for all of them instead of any.
	And bool `json:"andOperator"`
}

// A project is an AppProject with sync windows.
type project struct {
	name    string
	windows []SyncWindow
}

// parseProjects reads the AppProjects of a file. It never returns nil, so that a
// file that only a render can read is remembered too.
func parseProjects(data []byte) []project {
	projects := []project{}
	objects, err := parseObjects(data)
	if err != nil {
		return projects
	}
	for _, o := range objects {
		if p, ok := o.project(); ok {
			projects = append(projects, p)
		}
	}
	return projects
}

// project reads an AppProject. One whose sync windows are not what they should
// be is none that the API server takes.
func (o *object) project() (project, bool) {
	windows, ok := get(o.body, amend.Field("spec", "syncWindows"))
	if o.ref.Group != argoGroup || o.ref.Kind != "AppProject" || !ok {
		return project{}, false
	}
	p := project{name: o.ref.Name}
	plain, err := json.Marshal(windows)
	return p, err == nil && json.Unmarshal(plain, &p.windows) == nil
}

// projects returns the AppProjects of a name: as kustomizations and charts render
// them or, where none reads their file, as they are written. Of several, for
// instance one for each cluster, any may be the one.
func (v *view) projects(name string) []project {
	var found []project
	rendered := map[string]bool{}
	for _, file := range v.root.projects {
		read := false
		for _, r := range slices.Concat(v.kustomizeReaders(file), v.chartReaders(file)) {
			out := v.render(r)
			if out.err != nil {
				continue
			}
			read = true
			for _, o := range out.objects {
				if p, ok := o.project(); ok && p.name == name && !rendered[r.key()] {
					found = append(found, p)
				}
			}
			rendered[r.key()] = true
		}
		for _, p := range v.root.file(file).argo.projects {
			if p.name == name && !read {
				found = append(found, p)
			}
		}
	}
	return found
}

// projectsOf returns what the projects of an Application say of it.
func (v *view) projectsOf(a application) []Project {
	name := a.project
	if name == "" {
		name = "default"
	}
	var all []Project
	for _, p := range v.projects(name) {
		windows := slices.DeleteFunc(slices.Clone(p.windows), func(w SyncWindow) bool { return !w.matches(a) })
		if len(windows) > 0 {
			all = append(all, Project{Name: name, Application: a.name, Windows: windows})
		}
	}
	return all
}

// matches reports whether the window is for an Application, as Argo CD finds out:
// by a pattern for its name, for the server or the name of its cluster, or for
// its namespace.
func (w SyncWindow) matches(a application) bool {
	asked, held := 0, 0
	for _, by := range []struct{ patterns, names []string }{
		{w.Applications, []string{a.name}},
		{w.Clusters, strings.Fields(a.cluster)},
		{w.Namespaces, []string{a.namespace}},
	} {
		if len(by.patterns) == 0 {
			continue
		}
		asked++
		if slices.ContainsFunc(by.patterns, func(pattern string) bool { return globs(pattern, by.names) }) {
			held++
		}
	}
	if w.And {
		return asked > 0 && held == asked
	}
	return held > 0
}

// globs reports whether a pattern of Argo CD matches one of the names. What is no
// pattern matches nothing.
func globs(pattern string, names []string) bool {
	g, err := gobwas.Compile(pattern)
	return err == nil && slices.ContainsFunc(names, g.Match)
}
