package mask

import (
	"slices"
	"strings"
)

// Values that do not stand beside their names: below them as YAML and indented JSON
// write them, in quotes that end on a later line, or under a name of their own, as
// the variables of containers. Only the layout is looked at, because what is masked
// may be a part of a file, a diff of one, or broken.

var (
	// An entry is a line that begins with a name and a separator, behind the mark
	// of a diff, of a comment, and those of list items.
	entryForm = lazy(`^([+-]?[ \t]*(?:#[ \t]*)?(?:- +)*)(?:(?:export|set|-e) +)?(\\*["']?)([\w./-]+)\\*["']?[ \t]*(:=|=>|[:=])[ \t]*`)
	// prefixForm is what a line begins with, whatever is on it.
	prefixForm   = lazy(`^[+-]?[ \t]*(?:#[ \t]*)?(?:- +)*`)
	documentForm = lazy(`^[+ ]?---(?:[ \t]|$)`)
	// loneName is a name in quotes whose separator is on the next line.
	loneName  = lazy(`^[ \t]*["'][\w./-]+["'][ \t]*$`)
	loneColon = lazy(`^[ \t]*:[ \t]*`)
	// blockForm announces that the value is below (YAML 1.2, section 8.1).
	blockForm = lazy(`^(?:[!&]\S+[ \t]+)*[|>][-+0-9]*[ \t]*(?:#.*)?$`)
	// openQuote is a name that sounds like a credential before quotes, anywhere in
	// a line.
	openQuote = lazy(`(?i)[\w.-]*(?:` + secretWord + `)[\w.-]*(?:\\*["'])?[ \t]*(?:=>|:=|[:=])[ \t]*(["'])`)
	// flatList is a list behind such a name.
	flatList = lazy(`(?i)([\w.-]*(?:` + secretWord + `)[\w.-]*(?:\\*["'])?[ \t]*(?:=>|:=|[:=])[ \t]*\[)[^\]\[{}]+(\]|$)`)
	// ofSecret is what a Secret in one line holds.
	ofSecret = lazy(`(\\*"(?:data|stringData)\\*"\s*:\s*\{)[^{}]+`)
	isSecret = lazy(`\\*"kind\\*"\s*:\s*\\*"Secret\\*"`)
)

// references are the names under a credential's that only say where it is.
var references = []string{
	"name", "key", "kind", "path", "namespace", "apiversion", "optional", "secretname", "items", "mode", "defaultmode",
	"audience", "expirationseconds", "mountpath", "subpath", "readonly", "type", "provider",
}

const (
	// maxItem is how many lines apart a name and its value may be, and maxQuoted how
	// many lines a value in quotes that is not indented may have.
	maxItem, maxQuoted = 50, 200
)

// A row is one line with what its layout says.
type row struct {
	text     string // without the end of the line
	end      string
	column   int  // of what follows the prefix
	item     bool // begins an item of a list
	blank    bool
	document bool // begins the next document

	name   string // of an entry; empty for any other line
	colon  bool
	value  int  // where the value begins
	secret bool // the value is one
	hidden bool // all of the line is
}

// layout masks the values of s that are recognised by where they stand.
func layout(s string) string {
	if !strings.Contains(strings.ToLower(s), "stringdata") && !mentions(s) {
		return s
	}
	rows := parse(s)
	for i := range rows {
		rows.mark(i)
	}
	var b strings.Builder
	for i := 0; i < len(rows); i++ {
		rows.hide(i)
		b.WriteString(rows[i].text + rows[i].end)
	}
	return b.String()
}

type rows []row

func parse(s string) rows {
	var all rows
	for line := range strings.Lines(s) {
		text := strings.TrimRight(line, "\r\n")
		r := row{text: text, end: line[len(text):], blank: strings.Trim(text, "+-# \t") == ""}
		prefix := prefixForm().FindString(text)
		if m := entryForm().FindStringSubmatchIndex(text); m != nil {
			prefix = text[m[2]:m[3]]
			r.name, r.colon, r.value = text[m[6]:m[7]], text[m[8]:m[9]] == ":", m[1]
		}
		r.column, r.item = len(prefix), prefix == "- " || strings.LastIndexByte(prefix, '-') > 0
		r.document = documentForm().MatchString(text)
		all = append(all, r)
	}
	for i := 1; i < len(all); i++ { // "name" ⏎ : "value"
		if c := loneColon().FindString(all[i].text); c != "" && loneName().MatchString(all[i-1].text) {
			all[i].name, all[i].colon, all[i].value = strings.Trim(all[i-1].text, "\"' \t"), true, len(c)
		}
	}
	return all
}

// mark notes which values are secrets because of the line i.
func (rs rows) mark(i int) {
	r := &rs[i]
	value := strings.Trim(r.text[min(r.value, len(r.text)):], "\"', \t")
	switch {
	case r.name == "":
		return
	case strings.EqualFold(r.name, "kind") && value == "Secret":
		for _, j := range rs.siblings(i, len(rs)) {
			if n := rs[j].name; n == "data" || n == "stringData" {
				rs.below(j, nil)
			}
		}
	case strings.EqualFold(r.name, "name") || strings.EqualFold(r.name, "key"):
		value, _, _ = strings.Cut(value, " ")
		if !sensitive().MatchString(value) {
			return
		}
		for _, j := range rs.siblings(i, maxItem) {
			rs[j].secret = rs[j].secret || strings.EqualFold(rs[j].name, "value")
		}
	case r.name == "stringData":
		rs.below(i, nil)
	case sensitive().MatchString(r.name):
		r.secret = true
	}
	if r.secret && (value == "" || value == "[" || value == "{") {
		rs.below(i, references)
	}
}

// siblings lists the entries of the same mapping as the line i, at most so many
// lines away. No mapping has a name twice, which bounds what hostile text costs.
func (rs rows) siblings(i, most int) []int {
	var found []int
	at := rs[i].column
	for j := i + 1; j < len(rs) && j-i <= most; j++ {
		r := &rs[j]
		if r.document || !r.blank && (r.column < at || r.column == at && (r.item || r.name == rs[i].name)) {
			break
		}
		if r.column == at || j == i+1 { // of an excerpt, the first line may lack its indentation
			found = append(found, j)
		}
	}
	for j := i - 1; j >= 0 && i-j <= most && !rs[i].item; j-- {
		r := &rs[j]
		if r.document || !r.blank && (r.column < at || r.column == at && r.name == rs[i].name) {
			break
		}
		if r.column == at {
			found = append(found, j)
		}
		if r.item && r.column == at {
			break
		}
	}
	return found
}

// below marks the entries under a name as secrets but for those of some names, and
// hides what is no entry.
func (rs rows) below(i int, except []string) {
	for j := i + 1; j < len(rs) && (rs[j].blank || rs[j].column > rs[i].column); j++ {
		switch r := &rs[j]; {
		case r.blank || strings.Trim(r.text, "[]{}, \t+-#") == "":
		case r.name == "":
			r.hidden = true
		case !slices.Contains(except, strings.ToLower(r.name)):
			r.secret = true
		}
	}
}

// hide masks the line i, and what belongs to its value of the lines behind it.
func (rs rows) hide(i int) {
	r := &rs[i]
	switch {
	case r.hidden:
		if r.secret {
			rs.hideDeeper(i)
		}
		if !r.blank {
			r.text = r.text[:r.column] + Masked
		}
		return
	case strings.Contains(r.text, "stringData") || isSecret().MatchString(r.text):
		r.text = ofSecret().ReplaceAllString(r.text, "${1}"+Masked)
	}
	names := mentions(r.text)
	if names {
		r.text = flatList().ReplaceAllStringFunc(r.text, func(found string) string {
			if strings.HasSuffix(found, Masked) {
				return found // a value that was masked only looks like a list
			}
			return flatList().ReplaceAllString(found, "${1}"+Masked+"${2}")
		})
	}
	if r.secret && rs.hideEntry(i) || !names {
		return
	}
	for _, m := range openQuote().FindAllStringSubmatchIndex(r.text, -1) {
		if closing(r.text[m[3]:], r.text[m[2]]) < 0 {
			rs.hideQuoted(i, m[3])
			return
		}
	}
}

// hideEntry masks the value of an entry; it is false when the quotes in it remain
// to be looked at.
func (rs rows) hideEntry(i int) bool {
	r := &rs[i]
	value := r.text[r.value:]
	switch {
	case value == "" || value == "[" || value == "{":
		return true
	case blockForm().MatchString(value):
		rs.hideDeeper(i)
	case value[0] == '"' || value[0] == '\'':
		end := closing(value[1:], value[0])
		if end < 0 {
			rs.hideQuoted(i, r.value+1)
			return true
		}
		if !plainValue().MatchString(value[:end+2]) {
			r.text = r.text[:r.value+1] + Masked + value[end+1:]
		}
		return false
	case value[0] == '[' || value[0] == '{' || value[0] == '\\':
		return false
	case plainValue().MatchString(value):
	case r.colon:
		r.text = r.text[:r.value] + Masked
		rs.hideDeeper(i)
	default: // a line may have several settings
		end := strings.IndexAny(value+" ", " \t")
		r.text = r.text[:r.value] + Masked + value[end:]
		return false
	}
	return true
}

// hideDeeper hides the lines behind i that are indented further.
func (rs rows) hideDeeper(i int) {
	for j := i + 1; j < len(rs) && (rs[j].blank || rs[j].column > rs[i].column); j++ {
		rs[j].hidden = true
	}
}

// hideQuoted masks a value from where it begins in the line i to the quote that
// ends it. Where none does, it takes what is indented further for the value.
func (rs rows) hideQuoted(i, from int) {
	r := &rs[i]
	quote := r.text[from-1]
	r.text = r.text[:from] + Masked
	for j := i + 1; j < len(rs) && j-i <= maxQuoted; j++ {
		end := closing(rs[j].text, quote)
		// A quote that begins another credential is not the end of this one.
		if end < 0 || rs[j].secret || openQuote().MatchString(rs[j].text) {
			continue
		}
		for k := i + 1; k < j; k++ {
			rs[k].hidden = true
		}
		last := &rs[j]
		last.text = last.text[:min(last.column, end)] + Masked + last.text[end:]
		last.secret = false // what is behind the quote begins no entry
		return
	}
	rs.hideDeeper(i)
}

// closing returns where a quote that is not escaped ends a text, -1 if none does.
func closing(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == quote && quote == '\'' && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i
		}
	}
	return -1
}
