package locate

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"github.com/amendhq/amend"
)

// A Place is where an object stands in what the env repo deploys.
type Place struct {
	// Applications are the names of those that deploy it or, where none is known,
	// the folder of its source alone. Of several that render alike, all that may
	// be the one are there. An Application stands for itself.
	Applications []string
	// Projects are those of the Applications that have sync windows for them. For
	// an Application that is its own one too.
	Projects []Project
	// Replicas is what the object asks for, 1 if it asks for none.
	Replicas int
	// Fleet counts what there is beside the object, if that was asked for.
	Fleet Fleet
}

// A Fleet counts what the env repo deploys.
type Fleet struct {
	Applications int // that it declares or generates
	InNamespace  int // of them, those that deploy into the object's namespace
	// Workloads are those of the object's namespace, and Replicas what they ask
	// for: of the object's own source and of those whose Applications name the
	// namespace and the same cluster. There may be more, and never fewer.
	Workloads, Replicas int
}

// The bounds of what is rendered to count workloads. What is beyond them is not
// counted.
const (
	maxFleetRenders = 64
	maxFleetFiles   = 1000 // of plain manifests
)

// Place finds an object among what the env repo deploys, and counts the fleet
// when that is asked for. It refuses like Deployed.
func (l *Locator) Place(tree fs.FS, q Query, fleet bool) (Place, error) {
	v, err := l.view(tree)
	if err != nil {
		return Place{}, err
	}
	o, err := v.owner(q)
	if err != nil {
		return Place{}, fmt.Errorf("placing %s: %w", q.Object, err)
	}
	m, err := v.match(q.Object, scope{owner: o, dir: q.Root})
	if err != nil {
		return Place{}, fmt.Errorf("placing %s: %w", q.Object, err)
	}
	p := Place{Replicas: m.obj.replicas()}
	deploying := m.deploying(q.Object)
	for _, a := range deploying {
		p.Applications = append(p.Applications, a.name)
		p.Projects = append(p.Projects, v.projectsOf(a)...)
	}
	if own := m.obj.applications(); own != nil {
		p.Applications = []string{own[0].name}
		p.Projects = append(p.Projects, v.projectsOf(own[0])...)
	} else if len(deploying) == 0 {
		p.Applications = []string{m.root.dir}
	}
	if fleet {
		p.Fleet = v.fleet(m, deploying, q.Object.Namespace)
	}
	return p, nil
}

// deploying returns the Applications of the match's root that may deploy the
// object, each once.
func (m match) deploying(ref amend.ObjectRef) []application {
	var apps []application
	for _, a := range m.root.apps {
		other := m.root.owner != "" && a.name != m.root.owner
		elsewhere := m.obj.ref.Namespace == "" && a.namespace != "" && a.namespace != ref.Namespace
		if !other && !elsewhere && !slices.ContainsFunc(apps, a.same) {
			apps = append(apps, a)
		}
	}
	return apps
}

// fleet counts what there is in the repo and in the namespace.
func (v *view) fleet(m match, deploying []application, namespace string) Fleet {
	found := v.lookup()
	f := Fleet{Applications: found.distinct["*"], InNamespace: found.distinct[namespace]}
	var roots grouping
	for _, i := range found.into[namespace] {
		a := v.apps[i]
		folder := v.root.find(a.path)
		near := len(deploying) == 0 || a.cluster == deploying[0].cluster
		if a.path != "" && folder != nil && near && len(roots.roots) < maxFleetRenders {
			roots.add(root{dir: a.path, kind: a.kindAt(folder), apps: []application{a}})
		}
	}
	counted := map[string]bool{}
	files := 0
	others := slices.DeleteFunc(roots.roots, func(r root) bool { return r.key() == m.root.key() })
	for _, r := range append([]root{m.root}, others...) {
		if r.kind == Directory {
			r.files = v.plain(r, maxFleetFiles-files)
			files += len(r.files)
		}
		for _, o := range v.render(r).objects {
			in, _ := r.lands(o.ref, namespace)
			if key := o.ref.Kind + "/" + o.ref.Name; in && slices.Contains(workloadKinds[:], o.ref.Kind) && !counted[key] {
				counted[key] = true
				f.Workloads++
				f.Replicas += o.replicas()
			}
		}
	}
	return f
}

// plain returns the manifests of a directory source, as many as are asked for at
// most. Programs are left out.
func (v *view) plain(r root, most int) []string {
	settings := application{path: r.dir}
	if len(r.apps) > 0 {
		settings = r.apps[0]
	}
	covers := settings.covering()
	var files []string
	var add func(*node)
	add = func(n *node) {
		for _, f := range n.files {
			if file := path.Join(n.dir, f.name); scanned(f.name) && path.Ext(f.name) != "" && covers(file) && len(files) < most {
				files = append(files, file)
			}
		}
		for _, c := range n.children {
			if len(files) < most {
				add(c)
			}
		}
	}
	if folder := v.root.find(r.dir); folder != nil {
		add(folder)
	}
	return files
}

// workloadKinds are the kinds that run pods until somebody ends them.
var workloadKinds = [...]string{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Rollout"}

// replicas returns how many pods the object asks for, 1 if it does not say.
func (o *object) replicas() int {
	n, err := strconv.Atoi(textAt(o, "spec", "replicas"))
	if err != nil || n < 0 {
		return 1
	}
	return n
}
