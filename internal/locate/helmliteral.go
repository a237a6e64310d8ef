package locate

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
	"github.com/amendhq/amend/internal/manifest"
)

// A literal is a piece of a template's text that may be the field's value.
type literal struct {
	file       helm.File
	line       int
	start, end int // bytes of the file
}

var (
	// action matches a template action; those over several lines are left out.
	action = regexp.MustCompile(`\{\{.*?\}\}`)
	// constant matches a text in an action, or a number or boolean that it falls
	// back to or assigns. A text that only decides something does not arrive in the
	// field. Other numbers are part of a calculation, and changing them would be a
	// guess.
	constant = regexp.MustCompile(`(?:(?:^|[\s(=,])("[^"\\{}]*")|(?:\bdefault|=)\s+(\d+(?:\.\d+)?|true|false))(?:[\s)|}]|$)`)
	// entryKey matches what stands before a value on a line of YAML.
	entryKey = regexp.MustCompile(`^\s*(?:- +)*(?:"?([A-Za-z0-9_./-]+)"?:(?:\s+|$))?`)
)

// literals proposes the pieces of the templates' text that are the field's
// value, or a part of it. The template that renders the object comes first.
func (c chartTarget) literals() []candidate {
	var found []candidate
	for _, placed := range c.ownCharts() {
		for _, f := range placed.Templates {
			if c.asWritten(f) {
				found = append(found, c.literalsOf(f)...)
			}
		}
	}
	return found
}

// asWritten reports whether the chart has a file as it is in the repo: not from
// a packed subchart, and with no byte order mark taken off.
func (c chartTarget) asWritten(f helm.File) bool {
	if f.Path == "" {
		return false
	}
	data, err := c.view.read(f.Path)
	return err == nil && bytes.Equal(data, f.Data)
}

func (c chartTarget) literalsOf(f helm.File) []candidate {
	var found []candidate
	own := f.Path == c.template
	offset, number := 0, 0
	for line := range strings.Lines(string(f.Data)) {
		number++
		start := offset
		offset += len(line)
		text := strings.TrimRight(line, "\r\n")
		key := entryKey.FindStringSubmatch(text)
		if strings.HasPrefix(strings.TrimSpace(text), "#") {
			continue
		}
		same := key[1] == c.field[len(c.field)-1].Key
		for _, l := range piecesOf(text, len(key[0])) {
			piece := text[l.start:l.end]
			if (!own && len(piece) < 3) || !c.holdsPart(piece) {
				continue
			}
			l.file, l.line, l.start, l.end = f, number, start+l.start, start+l.end
			rank := rankTemplate
			if own && same {
				rank = rankLine
			} else if !own {
				rank = rankOther
			}
			found = append(found, candidate{site: c.setLiteral(l), rank: rank, level: 100})
		}
	}
	return found
}

// piecesOf cuts a line into texts that stay as they are: those outside of
// actions, and the constants in them.
func piecesOf(line string, from int) []literal {
	var pieces []literal
	plain := func(start, end int) {
		start = max(start, from)
		for start < end && strings.IndexByte(" \t\"'", line[start]) >= 0 {
			start++
		}
		if i := strings.Index(line[min(start, end):end], " #"); i >= 0 {
			end = start + i
		}
		for end > start && strings.IndexByte(" \t\"'", line[end-1]) >= 0 {
			end--
		}
		if start < end {
			pieces = append(pieces, literal{start: start, end: end})
		}
	}
	at := 0
	for _, span := range action.FindAllStringIndex(line, -1) {
		plain(at, span[0])
		for _, in := range constantsIn(line[span[0]:span[1]]) {
			start, end := span[0]+in[0], span[0]+in[1]
			if line[start] == '"' {
				start, end = start+1, end-1
			}
			pieces = append(pieces, literal{start: start, end: end})
		}
		at = span[1]
	}
	plain(at, len(line))
	return slices.DeleteFunc(pieces, func(l literal) bool { return l.start >= l.end })
}

// constantsIn returns where the constants of an action are. Two may share the
// space between them.
func constantsIn(action string) [][2]int {
	var found [][2]int
	for at := 0; ; {
		in := constant.FindStringSubmatchIndex(action[at:])
		if in == nil {
			return found
		}
		start, end := max(in[2], in[4]), max(in[3], in[5]) // of the one that matched
		found = append(found, [2]int{at + start, at + end})
		at += end
	}
}

// unsafe matches what would change the meaning of a template or of a quoted
// text around it.
var unsafe = regexp.MustCompile("[{}\"'\\\\\x00-\x1f\x7f`]")

// setLiteral proposes to change a piece of a template.
func (c chartTarget) setLiteral(l literal) site {
	s := site{path: l.file.Path, yamlPath: c.field.String(), via: "a literal in a template of the chart"}
	s.write = func(v amend.Scalar) (manifest.Result, error) {
		now, ok := c.part(string(l.file.Data[l.start:l.end]), v.Text)
		if !ok {
			return manifest.Result{}, amend.Refusef(amend.ReasonComputed, "%s:%d holds only a part of the value that stays", l.file.Path, l.line)
		}
		if unsafe.MatchString(now) {
			return manifest.Result{}, amend.Refusef(amend.ReasonUnsupported, "%s:%d is the text of a template, and the value is no plain text", l.file.Path, l.line)
		}
		data := slices.Concat(l.file.Data[:l.start], []byte(now), l.file.Data[l.end:])
		return manifest.Result{Data: data, Line: l.line, EndLine: l.line}, nil
	}
	return s
}
