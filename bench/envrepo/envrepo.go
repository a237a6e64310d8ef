// Package envrepo makes env repos of any size in the shape that teams give them:
// Kustomize applications with a base and an overlay for each environment, Helm
// applications that share a chart, plain manifests, and the Applications and
// ApplicationSets that deploy them. The same size gives the same bytes.
//
// It knows the line that controls each field it asks about, because it wrote
// it, so every answer can be checked.
package envrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/amendhq/amend"
)

// A Kind says how a question's application is rendered.
type Kind string

// The kinds of applications.
const (
	Plain     Kind = "plain"
	Kustomize Kind = "Kustomize"
	Helm      Kind = "Helm"
)

// A Question asks for the line that controls one field of one live object.
type Question struct {
	Kind        Kind
	Application string
	Object      amend.ObjectRef
	Field       amend.FieldPath
	// Search is what a person would search for: the value as files write it.
	// Folder is where: that of the application, as far as its name tells.
	Search, Folder string
	// Source is the folder that is rendered.
	Source string
	// File and Line are the answer.
	File string
	Line int
	// YAMLPath is the answer for yq, and New a value to write there.
	YAMLPath, New string
}

// A Repo is a generated env repo.
type Repo struct {
	Files     map[string]string
	Questions []Question
	yaml      int
	err       error
}

// Applications of one team share a chart and an ApplicationSet.
const teamSize = 25

// New generates a repo of about so many YAML files.
func New(files int) (*Repo, error) {
	r := &Repo{Files: map[string]string{"README.md": "# env\n"}}
	for team := 0; r.yaml < files; team++ {
		t := fmt.Sprintf("team-%03d", team)
		r.startTeam(t)
		for n := 0; n < teamSize && r.yaml < files; n++ {
			id := team*teamSize + n
			switch id % 5 {
			case 0, 1:
				r.addKustomize(t, id)
			case 2, 3:
				r.addHelm(t, id)
			default:
				r.addPlain(t, id)
			}
		}
	}
	return r, r.err
}

// YAML returns how many YAML files the repo has.
func (r *Repo) YAML() int { return r.yaml }

// Write puts the files into an empty folder.
func (r *Repo) Write(dir string) error {
	for name, data := range r.Files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (r *Repo) add(name, data string) {
	if _, again := r.Files[name]; again && r.err == nil {
		r.err = fmt.Errorf("%s is generated twice", name)
	}
	if strings.HasSuffix(name, ".yaml") {
		r.yaml++
	}
	r.Files[name] = data
}

// ask adds a question whose answer is the one line of a file that holds text.
func (r *Repo) ask(q Question, field, text string) {
	path, err := amend.ParseFieldPath(field)
	if err != nil && r.err == nil {
		r.err = err
	}
	q.Field = path
	for i, line := range strings.Split(r.Files[q.File], "\n") {
		if !strings.Contains(line, text) {
			continue
		}
		if q.Line > 0 && r.err == nil {
			r.err = fmt.Errorf("%s holds %q twice", q.File, text)
		}
		q.Line = i + 1
	}
	if q.Line == 0 && r.err == nil {
		r.err = fmt.Errorf("%s does not hold %q", q.File, text)
	}
	r.Questions = append(r.Questions, q)
}

func deployment(namespace, name string) amend.ObjectRef {
	return amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: namespace, Name: name}
}

// The values of an application repeat between applications, as they do where
// people choose them.
func replicas(id int) int  { return 2 + id%3 }
func memory(id int) string { return [...]string{"256Mi", "512Mi", "1Gi"}[id%3] }
func tag(id int) string    { return fmt.Sprintf("1.%d.%d", id%7, id%4) }

// values are the texts that an environment of an application is filled with.
// Production has values of its own in every other application; in the rest it
// has those of all environments, as after a release that has reached all.
func values(team, name string, id int, env string) []string {
	if env != prod {
		id += id % 2
	}
	return []string{
		"NAME", name, "TEAM", team, "ENV", env,
		"REPLICAS", fmt.Sprint(replicas(id)), "MEMORY", memory(id), "TAG", tag(id),
	}
}
