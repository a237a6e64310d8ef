package helm

import (
	"slices"
	"text/template"
	"text/template/parse"
)

// The names of the functions that instrument puts into templates. A template
// that uses the prefix itself is refused, so that none can turn the meter back.
const (
	ownPrefix = "amendMeter"
	turnName  = ownPrefix + "Turn"
	enterName = ownPrefix + "Enter"
	leaveName = ownPrefix + "Leave"
	weighName = ownPrefix + "Weigh"
)

// fileMethods are the methods that a template can call on the files of a chart.
var fileMethods = []string{"Get", "GetBytes", "Glob", "Lines", "AsConfig", "AsSecrets"}

// instrument makes the templates that are new since the last call pay: each
// turn of a loop, each template action, each printed value and each use of the
// files. text/template offers no other way to end a template that only loops.
func (e *engine) instrument(set *template.Template) {
	for _, t := range set.Templates() {
		if t.Tree == nil || t.Root == nil || e.seen[t.Tree] {
			continue
		}
		e.seen[t.Tree] = true
		instrumentList(t.Root)
	}
}

func instrumentList(list *parse.ListNode) {
	if list == nil {
		return
	}
	nodes := make([]parse.Node, 0, len(list.Nodes))
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			weighPipe(n.Pipe, len(n.Pipe.Decl) == 0)
		case *parse.IfNode:
			instrumentBranch(&n.BranchNode)
		case *parse.WithNode:
			instrumentBranch(&n.BranchNode)
		case *parse.RangeNode:
			instrumentBranch(&n.BranchNode)
			n.List.Nodes = append([]parse.Node{call(turnName, n.Pos)}, n.List.Nodes...)
		case *parse.TemplateNode:
			if n.Pipe != nil {
				weighPipe(n.Pipe, false)
			}
			nodes = append(nodes, call(enterName, n.Pos), n, call(leaveName, n.Pos))
			continue
		}
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}

func instrumentBranch(b *parse.BranchNode) {
	weighPipe(b.Pipe, false)
	instrumentList(b.List)
	instrumentList(b.ElseList)
}

// weighPipe appends the scale to a pipeline that is printed or calls a method
// of the files, and to those inside it.
func weighPipe(p *parse.PipeNode, printed bool) {
	weigh := printed
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			switch arg := arg.(type) {
			case *parse.PipeNode:
				weighPipe(arg, false)
			case *parse.ChainNode:
				if inner, ok := arg.Node.(*parse.PipeNode); ok {
					weighPipe(inner, false)
				}
				weigh = weigh || callsFiles(arg.Field)
			case *parse.FieldNode:
				weigh = weigh || callsFiles(arg.Ident)
			case *parse.VariableNode:
				weigh = weigh || callsFiles(arg.Ident)
			}
		}
	}
	if weigh {
		p.Cmds = append(p.Cmds, command(weighName, p.Pos))
	}
}

func callsFiles(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(fileMethods, n) })
}

func call(name string, pos parse.Pos) *parse.ActionNode {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{command(name, pos)},
	}}
}

func command(name string, pos parse.Pos) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{parse.NewIdentifier(name).SetPos(pos)}}
}
