package helm

import (
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// References lists the paths of values that the templates name, relative to the
// values of their chart. It follows `with`, variables and `index`, but not what
// is passed to another template, so the list is a good guess and no more.
func References(templates []File) [][]string {
	seen := map[string][]string{}
	for _, t := range templates {
		trees := map[string]*parse.Tree{}
		tree := parse.New(t.Name)
		tree.Mode = parse.SkipFuncCheck
		if unfit(string(t.Data)) {
			continue
		}
		if _, err := tree.Parse(string(t.Data), "", "", trees); err != nil {
			continue
		}
		for _, tr := range trees {
			if tr.Root != nil {
				walker{found: seen, variables: map[string][]string{}}.list(tr.Root)
			}
		}
	}
	var all [][]string
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		all = append(all, seen[key])
	}
	return all
}

// A walker knows what the dot and the variables stand for: a path that starts
// with Values, or nil for something else.
type walker struct {
	found     map[string][]string
	variables map[string][]string
	dot       []string
}

func (w walker) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			w.assign(n.Pipe)
		case *parse.TemplateNode:
			w.pipe(n.Pipe)
		case *parse.IfNode:
			w.assign(n.Pipe)
			w.list(n.List)
			w.list(n.ElseList)
		case *parse.WithNode:
			in := w
			in.dot = w.assign(n.Pipe)
			in.list(n.List)
			w.list(n.ElseList)
		case *parse.RangeNode:
			w.pipe(n.Pipe)
			in := w
			in.dot = nil
			in.list(n.List)
			w.list(n.ElseList)
		}
	}
}

// assign walks a pipeline and notes what its variable stands for.
func (w walker) assign(p *parse.PipeNode) []string {
	path := w.pipe(p)
	if p != nil && len(p.Decl) == 1 {
		w.variables[p.Decl[0].Ident[0]] = path
	}
	return path
}

// pipe notes the references in a pipeline and returns the path that it is, if
// it is one, or that it starts with.
func (w walker) pipe(p *parse.PipeNode) []string {
	if p == nil {
		return nil
	}
	var first []string
	for i, c := range p.Cmds {
		path := w.command(c)
		if i == 0 {
			first = path
		}
	}
	return first
}

func (w walker) command(c *parse.CommandNode) []string {
	var paths [][]string
	for _, arg := range c.Args {
		paths = append(paths, w.argument(arg))
	}
	if len(paths) == 1 {
		return paths[0]
	}
	id, ok := c.Args[0].(*parse.IdentifierNode)
	switch {
	case ok && id.Ident == "index" && len(paths) > 2 && paths[1] != nil:
		path := paths[1]
		for _, arg := range c.Args[2:] {
			key, ok := arg.(*parse.StringNode)
			if !ok {
				return nil
			}
			path = append(path[:len(path):len(path)], key.Text)
		}
		return w.note(path)
	case ok && id.Ident == "default" && len(paths) > 2:
		return paths[2]
	}
	return nil
}

func (w walker) argument(n parse.Node) []string {
	switch n := n.(type) {
	case *parse.DotNode:
		return w.dot
	case *parse.FieldNode:
		return w.join(w.dot, n.Ident)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return w.join(nil, n.Ident[1:])
		}
		return w.join(w.variables[n.Ident[0]], n.Ident[1:])
	case *parse.PipeNode:
		return w.pipe(n)
	case *parse.ChainNode:
		return w.join(w.argument(n.Node), n.Field)
	}
	return nil
}

// join extends a path. Any .Values on the way starts a new one, as in
// .context.Values.
func (w walker) join(base, names []string) []string {
	if i := slices.Index(names, "Values"); i >= 0 {
		return w.note(names[i:])
	}
	if base == nil {
		return nil
	}
	return w.note(append(base[:len(base):len(base)], names...))
}

func (w walker) note(path []string) []string {
	if len(path) > 1 {
		w.found[strings.Join(path[1:], "\x00")] = path[1:]
	}
	return path
}
