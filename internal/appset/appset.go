// Package appset generates the Applications of an ApplicationSet of Argo CD, as
// far as Git tells: list and git generators, and matrix and merge over them,
// with both template languages. What only the cluster or a Git host knows is
// refused by its name.
//
// The rules are those of Argo CD's ApplicationSet controller. Templates cannot
// loop, so that every input ends soon.
package appset

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/amendhq/amend"
)

// A Repo is the env repo that git generators look into. Names are slash
// separated and sorted.
type Repo interface {
	Folders() []string
	Files() []string
	Read(name string) ([]byte, error)
}

// maxApplications bounds what one ApplicationSet may generate.
const maxApplications = 5000

// spec is the part of an ApplicationSet's spec that is read.
type spec struct {
	GoTemplate        bool            `json:"goTemplate"`
	GoTemplateOptions []string        `json:"goTemplateOptions"`
	Generators        []generator     `json:"generators"`
	Template          json.RawMessage `json:"template"`
	TemplatePatch     string          `json:"templatePatch"`
}

// Generate returns the metadata and the spec of each Application, as decoded
// JSON. It takes the ApplicationSet's spec as JSON. It refuses with
// ReasonUnsupported what Git does not tell, and with ReasonUnproven what Argo
// CD could not generate from either.
func Generate(data []byte, repo Repo) ([]map[string]any, error) {
	var s spec
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, amend.Refusef(amend.ReasonUnproven, "reading the spec: %w", err)
	}
	template, err := decode(s.Template)
	if err != nil && len(s.Template) > 0 {
		return nil, amend.Refusef(amend.ReasonUnproven, "reading the template: %w", err)
	}
	g := &generation{spec: s, repo: repo}
	var apps []map[string]any
	for _, gen := range s.Generators {
		sets, err := g.params(gen, nil)
		if err == nil && gen.Select != nil {
			sets, err = gen.Select.keep(sets)
		}
		if err != nil {
			return nil, err
		}
		for _, params := range sets {
			app, err := g.fill(template, params)
			if err != nil {
				return nil, err
			}
			if app, err = g.patched(app, params); err != nil {
				return nil, err
			}
			m, ok := app.(map[string]any)
			if !ok || len(apps) == maxApplications {
				return nil, amend.Refusef(amend.ReasonUnproven, "it has no template, or generates more than %d Applications", maxApplications)
			}
			apps = append(apps, m)
		}
	}
	return apps, nil
}

// A generation is one run over the generators.
type generation struct {
	spec   spec
	repo   Repo
	made   int // parameter sets so far
	filled int // see maxFilled
}

// count bounds the work of matrices.
func (g *generation) count(sets []map[string]any) ([]map[string]any, error) {
	if g.made += len(sets); g.made > 4*maxApplications {
		return nil, amend.Refusef(amend.ReasonUnproven, "it generates more than %d sets of parameters", 4*maxApplications)
	}
	return sets, nil
}

// A generator is an item of spec.generators; one of its keys is set.
type generator struct {
	List   *list     `json:"list,omitempty"`
	Git    *git      `json:"git,omitempty"`
	Matrix *nested   `json:"matrix,omitempty"`
	Merge  *nested   `json:"merge,omitempty"`
	Select *selector `json:"selector,omitempty"`

	Clusters json.RawMessage `json:"clusters,omitempty"`
	SCM      json.RawMessage `json:"scmProvider,omitempty"`
	Decision json.RawMessage `json:"clusterDecisionResource,omitempty"`
	Pulls    json.RawMessage `json:"pullRequest,omitempty"`
	Plugin   json.RawMessage `json:"plugin,omitempty"`
}

type list struct {
	Elements []map[string]any `json:"elements,omitempty"`
	YAML     string           `json:"elementsYaml,omitempty"`
	Template json.RawMessage  `json:"template,omitempty"`
}

type nested struct {
	Generators []generator     `json:"generators,omitempty"`
	MergeKeys  []string        `json:"mergeKeys,omitempty"`
	Template   json.RawMessage `json:"template,omitempty"`
}

// elsewhere names the generator if Git does not tell what it yields.
func (gen generator) elsewhere() string {
	for name, raw := range map[string]json.RawMessage{
		"clusters": gen.Clusters, "scmProvider": gen.SCM, "clusterDecisionResource": gen.Decision, "pullRequest": gen.Pulls, "plugin": gen.Plugin,
	} {
		if len(raw) > 0 && string(raw) != "null" {
			return name
		}
	}
	return ""
}

// unsupported names a part of the generator that is not reproduced.
func (gen generator) unsupported() string {
	var templates []json.RawMessage
	if gen.List != nil {
		templates = append(templates, gen.List.Template)
	}
	if gen.Git != nil {
		templates = append(templates, gen.Git.Template)
	}
	for _, n := range []*nested{gen.Matrix, gen.Merge} {
		if n == nil {
			continue
		}
		templates = append(templates, n.Template)
		if slices.ContainsFunc(n.Generators, func(inner generator) bool { return inner.Select != nil }) {
			return "a selector in a matrix or merge"
		}
	}
	for _, t := range templates {
		if len(t) > 0 && string(t) != "null" && string(t) != "{}" {
			return "a template of its own"
		}
	}
	return ""
}

// params returns the sets of parameters that a generator yields; outer holds
// those of the first generator of a matrix.
func (g *generation) params(gen generator, outer map[string]any) ([]map[string]any, error) {
	if name := gen.elsewhere(); name != "" {
		return nil, amend.Refusef(amend.ReasonUnsupported, "what its generator %s yields is not in Git", name)
	}
	if what := gen.unsupported(); what != "" {
		return nil, amend.Refusef(amend.ReasonUnsupported, "one of its generators has %s", what)
	}
	if len(outer) > 0 {
		var err error
		if gen, err = g.interpolate(gen, outer); err != nil {
			return nil, err
		}
	}
	var sets []map[string]any
	var err error
	switch {
	case gen.List != nil:
		sets, err = g.list(*gen.List)
	case gen.Git != nil:
		sets, err = g.git(*gen.Git)
	case gen.Matrix != nil:
		sets, err = g.matrix(*gen.Matrix)
	case gen.Merge != nil:
		sets, err = g.merge(*gen.Merge)
	default:
		err = amend.Refusef(amend.ReasonUnsupported, "it has a generator of an unknown kind")
	}
	if err != nil {
		return nil, err
	}
	return g.count(sets)
}

// interpolate fills parameters into a generator.
func (g *generation) interpolate(gen generator, params map[string]any) (generator, error) {
	plain, err := json.Marshal(gen)
	if err != nil {
		return gen, fmt.Errorf("copying a generator: %w", err)
	}
	tree, err := decode(plain)
	if err != nil {
		return gen, fmt.Errorf("copying a generator: %w", err)
	}
	filled, err := g.fill(tree, params)
	if err != nil {
		return gen, err
	}
	if plain, err = json.Marshal(filled); err != nil {
		return gen, fmt.Errorf("copying a generator: %w", err)
	}
	var out generator
	if err := json.Unmarshal(plain, &out); err != nil {
		return gen, amend.Refusef(amend.ReasonUnproven, "a generator with parameters in it: %w", err)
	}
	return out, nil
}
