package ledger

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// parseOurs reads a log that has the layout of Append and Judge, where each line is one
// field in its order, and lines between entries are empty or a comment. In it each line
// says what it does whatever the others are, so it is read many times faster than by the
// rules of YAML. It is false for any other file, a wrong one included: parseAny reads
// that, and everything that parseOurs reads it reads alike.
func parseOurs(data []byte) (log Log, ok bool) {
	text := string(data) // the records are parts of it
	entries := strings.Count(text, "\n- "+required[0].key+": ") + 1
	log = Log{data: data, Records: make([]amend.Record, 0, entries), starts: make([]int, 0, entries)}
	for rest := text; rest != ""; {
		line, after := cutLine(rest)
		if line == "" || line[0] == '#' && printable(line) {
			rest = after
			continue
		}
		log.Records, log.starts = append(log.Records, amend.Record{}), append(log.starts, len(text)-len(rest))
		if rest, ok = ourEntry(&log.Records[len(log.Records)-1], rest); !ok {
			return Log{}, false
		}
	}
	return log, len(log.Records) > 0
}

// ourEntry reads the entry that text begins with and returns what follows.
func ourEntry(r *amend.Record, text string) (rest string, ok bool) {
	fields := required
	for i, bullet := 0, "- "; i < len(fields); i, bullet = i+1, "  " {
		line, after := cutLine(text)
		if text = after; !ourField(r, bullet, fields[i], line) {
			return "", false
		}
		if i == len(required)-1 && strings.HasPrefix(text, "  "+keyVerdict+": ") {
			fields = possible
		}
	}
	return text, true
}

// ourField reads one line of an entry.
func ourField(r *amend.Record, bullet string, f field, line string) bool {
	line, bulleted := strings.CutPrefix(line, bullet)
	line, named := strings.CutPrefix(line, f.key)
	line, separate := strings.CutPrefix(line, ": ")
	if !bulleted || !named || !separate {
		return false
	}
	value, ok := ourValue(line)
	return ok && f.read(r, value) == nil
}

// ourValue reads the value of a field: a quoted one, or a number or time.
func ourValue(text string) (string, bool) {
	if text == "" || !printable(text) {
		return "", false
	}
	if text[0] != '"' {
		plain := text[0] >= '0' && text[0] <= '9' && strings.Trim(text, "0123456789-+:.TZ") == "" && text[len(text)-1] != ':'
		return text, plain
	}
	if end := strings.IndexByte(text[1:], '"') + 1; end == len(text)-1 && end > 0 && strings.IndexByte(text, '\\') < 0 {
		return text[1:end], true
	}
	return escaped(text)
}

// escaped reads a value of which the quotes or something in it is escaped.
func escaped(text string) (string, bool) {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '"' && i < len(text)-1:
			return "", false // it ends before the line does
		}
	}
	var value yaml.Node
	if yaml.Unmarshal([]byte(text), &value) != nil {
		return "", false
	}
	return value.Content[0].Value, true
}

// cutLine returns the first line of text and what follows it.
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return line, rest
}

// printable reports whether a line is of ASCII that can be seen, and of spaces.
func printable(line string) bool {
	for i := range len(line) {
		if line[i] < ' ' || line[i] > '~' {
			return false
		}
	}
	return true
}
