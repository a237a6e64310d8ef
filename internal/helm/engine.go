package helm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/amendhq/amend"
)

// noValue is what text/template prints for a key that is missing. Helm takes
// it out of all output.
const noValue = "<no value>"

// A page is one template of a chart, with the context that it is run in.
type page struct {
	file    File
	name    string
	base    string // the folder of the chart's templates, as templates see it
	context map[string]any
}

// engine runs the templates of one render.
type engine struct {
	root   *template.Template
	meter  *meter
	chance *chance
	seen   map[*parse.Tree]bool // trees that are metered already
}

func newEngine(m *meter, c *chance) *engine {
	e := &engine{root: template.New("chart").Option("missingkey=zero"), meter: m, chance: c, seen: map[*parse.Tree]bool{}}
	e.root.Funcs(e.functions(e.root))
	return e
}

// parse adds the pages. Of templates with one name the last wins, so the order
// is Helm's: subcharts first.
func (e *engine) parse(pages []page) error {
	slices.SortFunc(pages, func(a, b page) int {
		if d := strings.Count(b.name, "/") - strings.Count(a.name, "/"); d != 0 {
			return d
		}
		return strings.Compare(b.name, a.name)
	})
	for _, p := range pages {
		if unfit(string(p.file.Data)) {
			return refuse("%s: %w", place(p.file), errBudget)
		}
		if _, err := e.root.New(p.name).Parse(string(p.file.Data)); err != nil {
			return refuse("%s: %w", place(p.file), amend.Private(errors.New(brief(err))))
		}
	}
	e.instrument(e.root)
	return nil
}

// run renders one page.
func (e *engine) run(p page) (text string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = refuse("%s: %w", place(p.file), amend.Private(fmt.Errorf("%v", v)))
		}
	}()
	p.context["Template"] = map[string]any{"Name": p.name, "BasePath": p.base}
	out := &limited{meter: e.meter}
	if err := e.root.ExecuteTemplate(out, p.name, p.context); err != nil {
		if errors.Is(err, errBudget) {
			return "", refuse("%s: %w", place(p.file), errBudget)
		}
		return "", refuse("%s: %w", place(p.file), amend.Private(errors.New(brief(err))))
	}
	return strings.ReplaceAll(out.String(), noValue, ""), nil
}

// limited collects output up to a bound.
type limited struct {
	strings.Builder
	meter *meter
}

// Write ends the render when there is too much output.
func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxOutput {
		return 0, errBudget
	}
	l.meter.spend(len(b) / stepBytes)
	return l.Builder.Write(b)
}

// include renders a named template to a string.
func (e *engine) include(t *template.Template) func(string, any) (string, error) {
	return func(name string, data any) (string, error) {
		e.meter.enter()
		defer e.meter.leave()
		out := &limited{meter: e.meter}
		err := t.ExecuteTemplate(out, name, data)
		return out.String(), err
	}
}

// tpl renders a string as a template, which sees those that its caller sees.
func (e *engine) tpl(parent *template.Template) func(string, any) (string, error) {
	return func(text string, data any) (string, error) {
		e.meter.enter()
		defer e.meter.leave()
		e.meter.spend(100 + len(parent.Templates()))
		if unfit(text) {
			return "", errBudget
		}
		t, err := parent.Clone()
		if err != nil {
			return "", err
		}
		t.Option("missingkey=zero").Funcs(e.late(t))
		if t, err = t.New(parent.Name()).Parse(text); err != nil {
			return "", fmt.Errorf("tpl: %w", err)
		}
		e.instrument(t)
		out := &limited{meter: e.meter}
		if err := t.Execute(out, data); err != nil {
			return "", err
		}
		return strings.ReplaceAll(out.String(), noValue, ""), nil
	}
}

// late returns the functions that are bound to a set of templates.
func (e *engine) late(t *template.Template) template.FuncMap {
	return template.FuncMap{
		"include": e.meter.guard("include", e.include(t)),
		"tpl":     e.meter.guard("tpl", e.tpl(t)),
	}
}

// unfit reports whether a text must not be parsed as a template, because it is
// too large, nests too deep, or reaches for the meter.
func unfit(text string) bool {
	return len(text) > maxTemplate || strings.Count(text, "{{") > maxActions || strings.Contains(text, ownPrefix)
}

// brief is the first line of an error, cut to what people read. What a chart
// prints in its errors may be long.
func brief(err error) string {
	const most = 300
	text, _, _ := strings.Cut(err.Error(), "\n")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}
