package ledger

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// ParseLog reads remediation-log.yaml. People may add comments and change the
// layout, but every entry has exactly the fields of amend.Record. An error is
// Invalid and names the line. A file without entries is an empty log. The log keeps
// data, which the caller must not change.
func ParseLog(data []byte) (Log, error) {
	if log, ok := parseOurs(data); ok {
		return log, nil
	}
	return parseAny(data)
}

// parseAny reads a log of whatever layout, or says what is wrong with it.
func parseAny(data []byte) (Log, error) {
	var doc yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return Log{data: data}, nil
	} else if err != nil {
		return Log{}, amend.Errorf(amend.Invalid, "read "+LogFile, "%w", err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Log{}, amend.Errorf(amend.Invalid, "read "+LogFile, "it must be one YAML document that ends with the file")
	}
	list := doc.Content[0]
	if list.Kind == yaml.ScalarNode && list.Value == "" && list.Tag == "!!null" {
		return Log{data: data}, nil
	}
	if list.Kind != yaml.SequenceNode || list.Style&yaml.FlowStyle != 0 || !plain(list) {
		return Log{}, invalid(list, "the log must be a list with one \"- \" for each entry")
	}
	log := Log{Records: make([]amend.Record, 0, len(list.Content)), indent: list.Column - 1, data: data, starts: startsOf(data, list)}
	for _, n := range list.Content {
		r, err := parseEntry(n)
		if err != nil {
			return Log{}, err
		}
		log.Records = append(log.Records, r)
	}
	return log, nil
}

func parseEntry(n *yaml.Node) (amend.Record, error) {
	if n.Kind != yaml.MappingNode || !plain(n) {
		return amend.Record{}, invalid(n, "an entry must be a mapping")
	}
	var r amend.Record
	seen := make([]bool, len(possible))
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f := slices.IndexFunc(possible, func(f field) bool { return f.key == key.Value })
		if f < 0 || seen[f] {
			return amend.Record{}, invalid(key, "%q is no field of an entry, or is there twice", key.Value)
		}
		seen[f] = true
		if key.Kind != yaml.ScalarNode || !plain(key) {
			return amend.Record{}, invalid(key, "the name of %s must be plain", key.Value)
		}
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" || !plain(value) {
			return amend.Record{}, invalid(value, "%s must be one value", key.Value)
		}
		if err := possible[f].read(&r, value.Value); err != nil {
			return amend.Record{}, invalid(value, "%w", err)
		}
	}
	for i, f := range required {
		if !seen[i] {
			return amend.Record{}, invalid(n, "the entry has no %s", f.key)
		}
	}
	if (r.Verdict == "") != r.VerifiedAt.IsZero() {
		return amend.Record{}, invalid(n, "the entry has only one of verdict and verifiedAt")
	}
	return r, nil
}

// startsOf returns where in data the lines begin with which the entries do. It is -1
// for an entry that does not begin as Append has it, with "- " and its first field,
// and for all of them when YAML counts lines in another way than by their newlines.
func startsOf(data []byte, list *yaml.Node) []int {
	known := newlinesOnly(data)
	starts := make([]int, 0, len(list.Content))
	bullet := []byte(strings.Repeat(" ", list.Column-1) + "- ")
	line, start := 1, 0
	for _, n := range list.Content {
		for ; known && line < n.Line; line++ {
			newline := bytes.IndexByte(data[start:], '\n')
			known = newline >= 0
			start += newline + 1
		}
		if known && bytes.HasPrefix(data[start:], bullet) {
			starts = append(starts, start)
		} else {
			starts = append(starts, -1)
		}
	}
	return starts
}

// newlinesOnly reports whether nothing but a newline, with or without a carriage
// return before it, ends a line of data in YAML.
func newlinesOnly(data []byte) bool {
	for _, other := range []string{"\u0085", "\u2028", "\u2029"} {
		if bytes.Contains(data, []byte(other)) {
			return false
		}
	}
	return utf8.Valid(data) && bytes.Count(data, []byte("\r")) == bytes.Count(data, []byte("\r\n"))
}

// moved returns where a start is after so many bytes came before it.
func moved(start, by int) int {
	if start < 0 {
		return start
	}
	return start + by
}

// plain refuses the parts of YAML by which a value can be another than the one
// that is seen: anchors and tags of one's own.
func plain(n *yaml.Node) bool {
	return n.Anchor == "" && n.Style&yaml.TaggedStyle == 0
}

func invalid(n *yaml.Node, format string, args ...any) error {
	return amend.Errorf(amend.Invalid, "read "+LogFile, "line %d: "+format, append([]any{n.Line}, args...)...)
}
