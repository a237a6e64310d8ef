package locate

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/appset"
)

// ApplicationSet is the source type of Applications that an ApplicationSet
// generates.
const ApplicationSet SourceType = "ApplicationSet"

// An appSet is an ApplicationSet of the repo, or a live one.
type appSet struct {
	ref  amend.ObjectRef
	spec any    // decoded JSON
	key  string // equal for equal ones
}

func newAppSet(ref amend.ObjectRef, spec any) (*appSet, error) {
	plain, err := json.Marshal(spec)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "read ApplicationSet", "%w", err)
	}
	return &appSet{ref: ref, spec: spec, key: ref.String() + " " + string(plain)}, nil
}

func (s *appSet) root() root { return root{dir: ".", kind: ApplicationSet, set: s} }

// parseAppSets reads the ApplicationSets of a file.
func parseAppSets(data []byte) []*appSet {
	var sets []*appSet
	for _, doc := range splitDocuments(data) {
		plain, err := yaml.YAMLToJSON(doc)
		if err != nil {
			continue
		}
		objects, err := decodeObjects(plain)
		if err != nil {
			continue
		}
		for _, o := range objects {
			sets = append(sets, o.appSets()...)
		}
	}
	return sets
}

// appSets reads a rendered ApplicationSet.
func (o *object) appSets() []*appSet {
	if o.ref.Group != argoGroup || o.ref.Kind != "ApplicationSet" {
		return nil
	}
	s, err := newAppSet(o.ref, o.body["spec"])
	if err != nil {
		return nil
	}
	return []*appSet{s}
}

// applicationSet renders to the Applications that an ApplicationSet generates.
type applicationSet struct{}

func (applicationSet) render(v *view, r root) *render {
	rec := newRecorder(v)
	out := &render{reads: rec.reads, whole: true}
	plain, err := json.Marshal(r.set.spec)
	if err == nil {
		var apps []map[string]any
		apps, err = appset.Generate(plain, setRepo{rec})
		for _, app := range apps {
			out.objects = append(out.objects, r.set.generated(app)...)
		}
	}
	if rec.refusal != nil {
		err = rec.refusal
	}
	if err != nil {
		out.objects, out.err = nil, about(r.set.ref.String(), err)
	}
	out.order = rec.order
	return out
}

// generated makes the object that the controller applies. It lives where its
// ApplicationSet does.
func (s *appSet) generated(app map[string]any) []*object {
	meta, _ := app["metadata"].(map[string]any)
	body := map[string]any{"apiVersion": argoGroup + "/v1alpha1", "kind": "Application", "spec": app["spec"]}
	named := map[string]any{"namespace": s.ref.Namespace}
	for key, v := range meta {
		if key != "namespace" || v != "" {
			named[key] = v
		}
	}
	if s.ref.Namespace == "" {
		delete(named, "namespace")
	}
	body["metadata"] = named
	return flattenList(body)
}

// sites proposes the values in the files that the generators read. Those of
// the ApplicationSet itself are found by lift.
func (applicationSet) sites(t *target) []site {
	var sites []site
	for _, d := range t.documents(t.render.order) {
		for leaf := range d.file.Leaves() {
			if leaf.Doc == d.index && t.proposes(leaf) {
				sites = append(sites, d.setLeaf(leaf, t, "a file that "+t.root.set.ref.String()+" reads"))
			}
		}
	}
	return sites
}

// about says what an error is about. A refusal keeps its reason, and an error of
// a library becomes one. Any other is none: it may be gone the next time.
func about(what string, err error) error {
	var known *amend.Error
	switch {
	case !errors.As(err, &known):
		return amend.Refusef(amend.ReasonUnproven, "%s: %w", what, amend.Private(err))
	case known.Kind != amend.Refused:
		return fmt.Errorf("%s: %w", what, err)
	case known == err && known.Err != nil: // its reason is said anew around it
		err = known.Err
	}
	return amend.Refusef(known.Reason, "%s: %w", what, err)
}

// setRepo shows the tree to the generators.
type setRepo struct{ rec *recorder }

// Folders implements appset.Repo.
func (r setRepo) Folders() []string {
	return r.rec.view.listed().folders
}

// Files implements appset.Repo.
func (r setRepo) Files() []string {
	return r.rec.view.listed().files
}

// Read implements appset.Repo.
func (r setRepo) Read(name string) ([]byte, error) { return r.rec.read(name) }

// A paths holds the paths of all folders and files of a view, in order, which each
// ApplicationSet with a generator for Git looks through.
type paths struct{ folders, files []string }

// listed returns them; they are gathered when they are first asked for.
func (v *view) listed() *paths {
	if v.all.files == nil && v.all.folders == nil {
		v.all.add(v.root)
	}
	return v.all
}

func (p *paths) add(n *node) {
	for _, f := range n.files {
		p.files = append(p.files, path.Join(n.dir, f.name))
	}
	for _, c := range n.children {
		p.folders = append(p.folders, c.dir)
		p.add(c)
	}
}

// compose returns what a part of the current value must be so that the whole
// is want, for values that a template puts together.
func compose(current, part, want string) (string, bool) {
	for i := len(current) - len(part); i >= 0 && part != ""; i-- {
		if current[i:i+len(part)] != part {
			continue
		}
		before, after := current[:i], current[i+len(part):]
		if len(want) > len(before)+len(after) && want[:len(before)] == before && want[len(want)-len(after):] == after {
			return want[len(before) : len(want)-len(after)], true
		}
	}
	return "", false
}

// generatedApps lists the Applications that an ApplicationSet generates. One
// that is not generated from Git yields none.
func (v *view) generatedApps(s *appSet) []application {
	var apps []application
	for _, o := range v.render(s.root()).objects {
		apps = append(apps, o.applications()...)
	}
	return apps
}

// applications reads a rendered Application.
func (o *object) applications() []application {
	if o.ref.Group != argoGroup || o.ref.Kind != "Application" {
		return nil
	}
	plain, err := json.Marshal(o.body)
	if err != nil {
		return nil
	}
	var m appManifest
	if json.Unmarshal(plain, &m) != nil {
		return nil
	}
	return m.applications()
}

// The parameters that a template is filled with, and those among them that the
// cluster alone knows and that differ for each Application.
var (
	parameter    = regexp.MustCompile(`\{\{[^{}]*\}\}`)
	ofTheCluster = regexp.MustCompile(`\{\{-?\s*\.?(name|nameNormalized|server|metadata|values)\b`)
)

// unlisted names the ApplicationSets that deploy the target's root, or read the
// file for another, in an unknown number of places, as Git does not tell what
// they generate. A values file that is named after the place is private.
func (t *target) unlisted(file string) []string {
	var names []string
	ours := t.view.ourNames()
	for _, s := range t.view.sets {
		if t.view.render(s.root()).err == nil {
			continue
		}
		template, _ := get(s.spec, amend.Field("template"))
		if name, ok := get(template, amend.Field("metadata", "name")); ok && !parameter.MatchString(scalarText(name)) {
			continue // there cannot be two with this name
		}
		plain, err := json.Marshal(map[string]any{"kind": "Application", "apiVersion": argoGroup + "/v1alpha1", "spec": specOf(template)})
		var m appManifest
		if err != nil || json.Unmarshal(plain, &m) != nil {
			continue
		}
		for _, a := range m.applications() {
			if url := a.source.RepoURL; len(ours) > 0 && !parameter.MatchString(url) && !ours[repoName(url)] {
				continue
			}
			deploys := mayYield(a.source.Path, t.root.dir, "^", s.alternatives()) && !ofTheCluster.MatchString(a.source.Path)
			if deploys && !a.source.namesOwn(file) || a.source.names(file, s.alternatives()) {
				names = append(names, s.ref.String())
				break
			}
		}
	}
	return names
}

func specOf(template any) any {
	spec, _ := get(template, amend.Field("spec"))
	return spec
}

// namesOwn reports whether the file is a values file with a name that differs
// from place to place.
func (s appSource) namesOwn(file string) bool {
	return s.Helm != nil && slices.ContainsFunc(s.Helm.ValueFiles, func(f string) bool {
		return ofTheCluster.MatchString(f) && mayYield(path.Clean(f), file, "(^|/)", nil)
	})
}

// mayYield reports whether a template could give the text, if its parameters have
// these alternatives, as patterns, or any value.
func mayYield(template, text, start string, alternatives map[string][]string) bool {
	var b strings.Builder
	for strings.HasPrefix(template, "../") {
		template = template[len("../"):]
	}
	template = strings.Trim(strings.TrimPrefix(template, "./"), "/")
	at := 0
	for _, span := range parameter.FindAllStringIndex(template, -1) {
		b.WriteString(regexp.QuoteMeta(template[at:span[0]]))
		name := strings.TrimPrefix(strings.Trim(template[span[0]:span[1]], "{} -"), ".")
		if known := alternatives[name]; len(known) > 0 {
			b.WriteString("(?:" + strings.Join(known, "|") + ")")
		} else {
			b.WriteString(".*")
		}
		at = span[1]
	}
	b.WriteString(regexp.QuoteMeta(template[at:]))
	re, err := regexp.Compile(start + b.String() + "$")
	return err == nil && re.MatchString(text)
}
