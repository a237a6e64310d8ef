package locate

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/jsonnet"
)

// An appJsonnet is spec.source.directory.jsonnet.
type appJsonnet struct {
	ExtVars []appJsonnetVar `json:"extVars,omitempty"`
	TLAs    []appJsonnetVar `json:"tlas,omitempty"`
	Libs    []string        `json:"libs,omitempty"`
}

type appJsonnetVar struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Code  bool   `json:"code,omitempty"`
}

func (j *appJsonnet) empty() bool {
	return j == nil || len(j.ExtVars) == 0 && len(j.TLAs) == 0 && len(j.Libs) == 0
}

// variable reports whether the values depend on the Application that they are
// for, because they name its build environment.
func (j *appJsonnet) variable() bool {
	return j != nil && slices.ContainsFunc(slices.Concat(j.TLAs, j.ExtVars), func(v appJsonnetVar) bool { return strings.Contains(v.Value, "$") })
}

// An Option changes what a Locator can do.
type Option func(*Locator)

// WithJsonnet has the Locator evaluate Jsonnet with the engine. Without it,
// Jsonnet is refused as a source that is not reproduced.
func WithJsonnet(e *jsonnet.Engine) Option { return func(l *Locator) { l.jsonnet = e } }

// programs are what the evaluation of Jsonnet may still cost in one query.
type programs struct {
	engine *jsonnet.Engine
	left   time.Duration
}

// spent reports whether there is nothing left.
func (p *programs) spent() bool { return p.left <= 0 }

// isProgram reports whether Argo CD evaluates a file with this name.
func isProgram(name string) bool { return path.Ext(name) == ".jsonnet" }

// isCode reports whether a file is Jsonnet, be it only for import.
func isCode(name string) bool { return isProgram(name) || path.Ext(name) == ".libsonnet" }

// programs returns the Jsonnet files that a directory source evaluates. What
// they declare only a render tells.
func (a application) programs(folder *node) []string {
	var files []string
	covers := a.covering()
	for _, name := range folder.foreign {
		if isProgram(name) && covers(name) {
			files = append(files, name)
		}
	}
	return files
}

// programs returns those of the root's files that are evaluated.
func (r root) programs() []string {
	return slices.DeleteFunc(slices.Clone(r.files), func(name string) bool { return !isProgram(name) })
}

// programRoots returns the directory sources of the Applications that evaluate
// Jsonnet.
func (v *view) programRoots() []root {
	var found grouping
	for _, a := range v.apps {
		folder := v.root.find(a.path)
		if a.path == "" || folder == nil || a.kindAt(folder) != Directory {
			continue
		}
		if files := a.programs(folder); len(files) > 0 {
			found.add(root{dir: a.path, kind: Directory, apps: []application{a}, files: files})
		}
	}
	return found.roots
}

// programReaders returns the directory sources whose programs read the file. One
// that was ended before it was through could have, if the file is one that
// programs read.
func (v *view) programReaders(file string) []root {
	all := v.lookup().programs
	reads := func(r root) bool {
		_, read := v.render(r).reads[file]
		return read
	}
	likely := isCode(file) || path.Ext(file) == ".json" || slices.ContainsFunc(all, reads)
	return slices.DeleteFunc(slices.Clone(all), func(r root) bool {
		return !reads(r) && !(likely && limited(v.render(r).err))
	})
}

// evaluate returns what the root's programs declare.
func (r root) evaluate(rec *recorder, source appSource) ([]*object, error) {
	files := r.programs()
	if len(files) == 0 {
		return nil, nil
	}
	if rec.view.programs.engine == nil {
		return nil, amend.Refusef(amend.ReasonUnsupported, "%s has Jsonnet, which is not evaluated here: %s", r, listed(files))
	}
	p, err := r.program(source)
	if err != nil {
		return nil, err
	}
	p.Files = files
	outputs, err := rec.view.programs.evaluate(p, rec)
	if rec.refusal != nil {
		err = rec.refusal
	}
	if err != nil {
		return nil, about("evaluating "+r.String(), err)
	}
	var objects []*object
	for i, data := range outputs {
		found, err := evaluated(data)
		if err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "what %s evaluates to %w: %w", files[i], errUnparsed, amend.Private(err))
		}
		for _, o := range found {
			o.file = files[i]
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// evaluate runs the program with the files of the recorder.
func (p *programs) evaluate(program jsonnet.Program, rec *recorder) ([][]byte, error) {
	// A query has no context: the limit ends what it starts.
	outputs, spent, err := p.engine.Evaluate(context.Background(), p.left, program, func(name string) ([]byte, bool, error) {
		if !rec.exists(name) {
			return nil, false, nil
		}
		data, err := rec.read(name)
		return data, err == nil, err
	})
	p.left -= spent
	return outputs, err
}

// limited reports whether a program was ended, so that nothing is known of it.
func limited(err error) bool { return errors.Is(err, jsonnet.ErrLimit) }

// program returns the parameters of the root's programs as Argo CD gives them.
func (r root) program(source appSource) (jsonnet.Program, error) {
	p := jsonnet.Program{Paths: []string{r.dir}}
	if source.Directory == nil || source.Directory.Jsonnet == nil {
		return p, nil
	}
	settings := source.Directory.Jsonnet
	if settings.variable() && len(r.apps) > 0 && !r.apps[0].alone && !r.apps[0].directory().Jsonnet.variable() {
		// Applications that only a file tells apart count as one root.
		return p, amend.Refusef(amend.ReasonUnsupported, "the file %s of %s names the build environment, which differs between Applications",
			path.Join(r.dir, argocdSource+".yaml"), r)
	}
	for _, lib := range settings.Libs {
		dir := path.Join(".", strings.TrimLeft(lib, "/"))
		if !fs.ValidPath(dir) {
			return p, amend.Refusef(amend.ReasonUnproven, "the library path %s of %s leaves the env repo", lib, r)
		}
		p.Paths = append(p.Paths, dir)
	}
	var err error
	if p.TLAs, err = r.vars(settings.TLAs, source); err != nil {
		return p, err
	}
	p.ExtVars, err = r.vars(settings.ExtVars, source)
	return p, err
}

// vars replaces the build environment in the values.
func (r root) vars(list []appJsonnetVar, source appSource) ([]jsonnet.Var, error) {
	var vars []jsonnet.Var
	for _, v := range list {
		value, err := r.expand(v.Value, source)
		if err != nil {
			return nil, err
		}
		vars = append(vars, jsonnet.Var{Name: v.Name, Value: value, Code: v.Code})
	}
	return vars, nil
}

// evaluated reads the objects of a program's value: one object, or a list of
// objects and nulls. Argo CD takes nothing else.
func evaluated(data []byte) ([]*object, error) {
	v, err := decodeTree(data)
	if err != nil {
		return nil, err
	}
	items, isList := v.([]any)
	if !isList {
		items = []any{v}
	}
	var objects []*object
	for _, item := range items {
		if item == nil && isList {
			continue
		}
		body, _ := item.(map[string]any)
		if kind, _ := body["kind"].(string); kind == "" {
			return nil, errors.New("it is no object with a kind, nor a list of such objects")
		}
		objects = append(objects, flattenList(item)...)
	}
	return objects, nil
}

// notSearched returns the files that may declare objects and that no Application
// of the repo deploys, as far as that is known without a render.
func (v *view) notSearched() []string {
	deployed := map[string]bool{}
	for _, r := range v.lookup().programs {
		for _, file := range r.files {
			deployed[file] = true
		}
	}
	for _, r := range v.chartRoots() {
		for _, file := range v.root.foreign {
			in, inside := below(r.dir, file)
			deployed[file] = deployed[file] || inside && (in == "Chart.yaml" || strings.HasPrefix(in, "charts/"))
		}
	}
	return slices.DeleteFunc(slices.Clone(v.root.foreign), func(file string) bool { return deployed[file] })
}

// renderPrograms adds the renders of all programs, if any Jsonnet in the repo
// may declare Applications: where they do it, only a render tells.
func (v *view) renderPrograms(renders map[string]*render) {
	roots := v.lookup().programs
	if len(roots) == 0 || v.programs.engine == nil || !v.declaresInCode(v.root) {
		return
	}
	for _, r := range roots {
		if renders[r.key()] == nil && len(renders) < maxInventoryRenders {
			renders[r.key()] = v.render(r)
		}
	}
}

// declaresInCode reports whether a Jsonnet file below the folder names the API
// group of Applications.
func (v *view) declaresInCode(n *node) bool {
	for _, f := range n.files {
		if isCode(f.name) {
			if data, err := v.read(path.Join(n.dir, f.name)); err != nil || bytes.Contains(data, []byte(argoGroup)) {
				return true
			}
		}
	}
	return slices.ContainsFunc(n.children, v.declaresInCode)
}
