package manifest

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A part is a piece of a file: a line of one part is no context for a change in
// another. The parts from 1 on are documents, and negative ones hold secret
// values.
type part int

// separator is a line of three hyphens and nothing else, which ends a part and
// may be shown with it.
const separator part = 0

// redacted stands for a changed line that holds a secret value, too.
const redacted = "(a line that also holds a Secret)\n"

// wholeSecret finds a Secret written in a text: an inline patch, or an applied
// configuration.
var wholeSecret = regexp.MustCompile(`kind["']?\s*:\s*["']?Secret(["'\s,}]|$)`)

// partsOf says for each line which part of the file it belongs to. What does
// not parse as YAML has documents at least.
func partsOf(lines []string) []part {
	parts := make([]part, len(lines))
	document := part(1)
	for i, l := range lines {
		rest, starts := strings.CutPrefix(l, "---")
		if starts {
			document++
		}
		if parts[i] = document; starts && strings.TrimSpace(rest) == "" {
			parts[i] = separator
		}
	}
	if !slices.ContainsFunc(lines, maySaySecret) {
		return parts
	}
	h := hider{parts: parts}
	decoder := yaml.NewDecoder(strings.NewReader(strings.Join(lines, "")))
	var n yaml.Node
	for decoder.Decode(&n) == nil {
		h.walk(&n, h.documentEnd(n.Line))
		n = yaml.Node{}
	}
	return parts
}

// maySaySecret reports whether something on the line may read as what a hider looks
// for: it says so, or in an escape or an encoding. Most files need not be parsed for it.
func maySaySecret(line string) bool {
	return strings.Contains(line, "Secret") || strings.Contains(line, "secretGenerator") || strings.ContainsAny(line, "\\\x00")
}

// A hider marks the lines of secret values.
type hider struct {
	parts  []part
	hidden part
}

// documentEnd returns the line after the document that the line is in; lines
// count from 1.
func (h *hider) documentEnd(line int) int {
	end := line
	for end <= len(h.parts) && h.parts[end-1] == h.parts[line-1] {
		end++
	}
	return end
}

// walk hides what is secret in n, whose text is over before the line end.
func (h *hider) walk(n *yaml.Node, end int) {
	switch {
	case n.Kind == yaml.ScalarNode && wholeSecret.MatchString(n.Value), isSecret(n):
		h.hide(n.Line, end)
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Value == "secretGenerator" {
				h.hide(key.Line, startOf(n, i+2, end))
			} else {
				h.walk(n.Content[i+1], startOf(n, i+2, end))
			}
		}
	case n.Kind == yaml.SequenceNode, n.Kind == yaml.DocumentNode:
		for i, item := range n.Content {
			h.walk(item, startOf(n, i+1, end))
		}
	}
}

// startOf returns the line where the child i of n starts, or end behind the last.
func startOf(n *yaml.Node, i, end int) int {
	if i < len(n.Content) {
		return n.Content[i].Line
	}
	return end
}

// isSecret reports whether a mapping is a Secret with content, wherever it
// stands; a mere reference has none.
func isSecret(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	kind, content := false, false
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1].Value
		kind = kind || key == "kind" && value == "Secret"
		content = content || slices.Contains([]string{"data", "stringData"}, key)
	}
	return kind && content
}

// hide marks at least the first line.
func (h *hider) hide(from, end int) {
	h.hidden--
	for line := from; line < max(end, from+1) && line <= len(h.parts); line++ {
		h.parts[line-1] = h.hidden
	}
}
