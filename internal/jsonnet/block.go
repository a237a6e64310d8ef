package jsonnet

import "strings"

// blockStyle is the form of a text block, of which each line that is not empty
// is indented like the first one:
//
//	|||
//	  text
//	|||
func blockStyle(raw string) (style, bool) {
	head, body, ok := strings.Cut(raw, "\n")
	end := strings.LastIndexByte(raw, '\n') + 1
	if !ok || strings.Trim(head[3:], " \t\r") != "" || end <= len(head) {
		return style{}, false
	}
	first := strings.TrimLeft(body, "\n")
	indent := first[:len(first)-len(strings.TrimLeft(first, " \t"))]
	if indent == "" {
		return style{}, false
	}
	s := style{open: raw[:len(head)+1], end: raw[end:]}
	s.split = func(body string) ([]unit, bool) {
		var units []unit
		for line := range strings.Lines(body) {
			value, indented := strings.CutPrefix(line, indent)
			if line == "\n" {
				value = line
			} else if !indented || !strings.HasSuffix(line, "\n") {
				return nil, false
			}
			units = append(units, unit{raw: line, value: value})
		}
		return units, true
	}
	s.write = func(text string) (string, bool) {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if line != "\n" {
				b.WriteString(indent)
			}
			b.WriteString(line)
		}
		return b.String(), text == "" || strings.HasSuffix(text, "\n")
	}
	return s, true
}
