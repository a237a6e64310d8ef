package locate

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/jsonnet"
	"github.com/amendhq/amend/internal/manifest"
)

// A programTarget is a target that a Jsonnet program evaluates to. What is said
// of values of charts holds for literals too.
type programTarget struct {
	chartTarget
	code []codeFile
}

// A codeFile is a Jsonnet file that may be edited, with its outline.
type codeFile struct {
	name    string
	data    []byte
	outline jsonnet.Outline
	level   int // how many files were read before it
}

// programSites proposes first the literals that may be the field's value, in
// all files that the programs read, and then objects in which the field could be
// added.
func programSites(t *target) []site {
	p := programTarget{chartTarget: chartTarget{target: t}}
	var err error
	if p.code, err = p.codeFiles(); err != nil {
		return []site{{path: t.obj.file, write: func(amend.Scalar) (manifest.Result, error) { return manifest.Result{}, err }}}
	}
	var sites []site
	if t.set {
		sites = ranked(slices.Concat(p.literals(), p.values(), p.copies()))
	}
	return append(sites, p.additions()...)
}

// codeFiles parses the Jsonnet that the render read. What jsonnet-bundler put
// into vendor would be taken back by its next update, so it is left out.
func (p programTarget) codeFiles() ([]codeFile, error) {
	var files []codeFile
	var unknown []int
	var sources []jsonnet.Source
	for level, name := range p.render.order {
		if !isCode(name) || vendored(name) {
			continue
		}
		data, err := p.view.read(name)
		if err != nil {
			return nil, err
		}
		f := codeFile{name: name, data: data, level: level}
		if o, ok := p.view.loc.outlines.Get(p.render.reads[name]); ok {
			f.outline = *o
		} else {
			unknown = append(unknown, len(files))
			sources = append(sources, jsonnet.Source{Name: name, Data: data})
		}
		files = append(files, f)
	}
	if len(sources) == 0 {
		return files, nil
	}
	outlines, err := p.view.programs.parse(sources)
	if err != nil {
		return nil, err
	}
	for i, at := range unknown {
		files[at].outline = outlines[i]
		p.view.loc.outlines.Put(p.render.reads[files[at].name], &outlines[i])
	}
	return files, nil
}

func (p *programs) parse(sources []jsonnet.Source) ([]jsonnet.Outline, error) {
	outlines, spent, err := p.engine.Parse(context.Background(), p.left, sources)
	p.left -= spent
	return outlines, err
}

// vendored reports whether a file is below a folder that tools fill.
func vendored(name string) bool {
	return slices.Contains(strings.Split(path.Dir(name), "/"), "vendor")
}

// A fragment is the part of a literal's text that is to be rewritten.
type fragment struct{ before, text, after string }

// literals proposes the literals that are the field's value, or a part of it.
func (p programTarget) literals() []candidate {
	var found []candidate
	for _, f := range p.code {
		for _, l := range f.outline.Literals {
			part, via, ok := p.fragment(l)
			if !ok {
				continue
			}
			rank := p.affinity(names(l.Path), part.text)
			if part.text != l.Value {
				rank++
			}
			found = append(found, candidate{site: p.setLiteral(f, l, part, via), rank: rank, level: f.level})
		}
	}
	return found
}

// names returns the names in a path, without indexes.
func names(at []string) []string {
	return slices.DeleteFunc(slices.Clone(at), func(s string) bool { return strings.HasPrefix(s, "[") })
}

// verb matches what std.format and % replace in a text.
var verb = regexp.MustCompile(`%(\([^)]*\))?[-#0 +]*[\d*]*(\.[\d*]+)?[a-zA-Z%]`)

// fragment returns the part of a literal that may be the field's value or a part
// of it: all of it, a piece between the verbs of a format, or the one place in a
// longer text where the value stands.
func (p programTarget) fragment(l jsonnet.Literal) (fragment, string, bool) {
	const via = "a literal in Jsonnet"
	value := l.Value
	if l.Kind == jsonnet.Number {
		value = numberText(value)
	}
	if p.holdsPart(value) {
		return fragment{text: value}, via, true
	}
	if l.Kind != jsonnet.String {
		return fragment{}, "", false
	}
	at := 0
	spans := verb.FindAllStringIndex(value, -1)
	for _, span := range append(spans, []int{len(value), len(value)}) {
		if piece := value[at:span[0]]; len(spans) > 0 && len(piece) > 1 && p.holdsPart(piece) {
			return fragment{value[:at], piece, value[span[0]:]}, "a part of a format in Jsonnet", true
		}
		at = span[1]
	}
	if current := p.current(); len(current) > 2 && strings.Count(value, current) == 1 {
		before, after, _ := strings.Cut(value, current)
		return fragment{before, current, after}, "a part of a text in Jsonnet", true
	}
	return fragment{}, "", false
}

// numberText writes a number as the program's output does.
func numberText(s string) string {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n != float64(int64(n)) {
		return s
	}
	return strconv.FormatInt(int64(n), 10)
}

// setLiteral proposes to change a literal.
func (p programTarget) setLiteral(f codeFile, l jsonnet.Literal, part fragment, via string) site {
	s := site{path: f.name, yamlPath: pathText(l.Path), via: via}
	s.write = func(v amend.Scalar) (manifest.Result, error) {
		now, ok := p.part(part.text, v.Text)
		if !ok {
			return manifest.Result{}, amend.Refusef(amend.ReasonComputed, "%s:%d holds only a part of the value that stays", f.name, l.Line)
		}
		if strings.HasPrefix(via, "a part of a format") {
			now = strings.ReplaceAll(now, "%", "%%")
		}
		want := l
		want.Value = part.before + now + part.after
		data, at, err := l.Set(f.data, want.Value)
		if err != nil {
			return manifest.Result{}, err
		}
		lines := strings.Count(string(data[at.Begin:at.Begin+at.Length]), "\n")
		return manifest.Result{Data: data, Line: l.Line, EndLine: l.Line + lines}, p.verify(f, data, at, want)
	}
	return s
}

// verify parses the edited file and refuses it unless what was to change did, and
// nothing else.
func (p programTarget) verify(f codeFile, data []byte, at jsonnet.Splice, want jsonnet.Literal) error {
	after, err := p.view.programs.parse([]jsonnet.Source{{Name: f.name, Data: data}})
	if err == nil && !jsonnet.Same(f.outline, after[0], at, []jsonnet.Literal{want}) {
		err = amend.Refusef(amend.ReasonUnproven, "the edit of %s would change more than %s", f.name, pathText(want.Path))
	}
	return err
}

// pathText writes a path in a file as those of YAML files are written.
func pathText(at []string) string { return strings.ReplaceAll(strings.Join(at, "."), ".[", "[") }

// values proposes what files of data hold that the program imports, and what
// overrides its parameters.
func (p programTarget) values() []candidate {
	var found []candidate
	for level, name := range p.render.order {
		if !isYAML(name) && path.Ext(name) != ".json" || vendored(name) {
			continue
		}
		for _, d := range p.documents([]string{name}) {
			for leaf := range d.file.Leaves() {
				if leaf.Doc == d.index && p.holdsPart(leaf.Value) {
					rank := p.affinity(pathKeys(string(leaf.Path)), leaf.Value)
					found = append(found, candidate{site: p.setValue(d, leaf, "a value in a file that the program reads"), rank: rank, level: level})
				}
			}
		}
	}
	return found
}

// copies proposes the files whose text is the field's value.
func (p programTarget) copies() []candidate {
	var found []candidate
	for level, name := range p.render.order {
		data, err := p.view.read(name)
		if text := string(data); err == nil && text != "" && text == p.current() && !isCode(name) && !vendored(name) {
			s := site{path: name, yamlPath: p.field.String(), via: "a file that the program copies"}
			s.write = func(v amend.Scalar) (manifest.Result, error) { return wholeText(v.Text), nil }
			found = append(found, candidate{site: s, rank: rankFile, level: level})
		}
	}
	return found
}
