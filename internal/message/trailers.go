package message

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/amendhq/amend"
)

// Trailers is what a commit of ours says about itself in its last paragraph.
// Cooldowns, budgets, history and the log are read back from it.
type Trailers struct {
	Incident string
	Episode  int
	Action   string
	Playbook string
	Alert    string // the event id
	Workload amend.ObjectRef
	// Path and Line are the place of the first edit.
	Path amend.RepoPath
	Line int
	// Trace is the id of the trace that the change belongs to, "" without one.
	Trace string
}

// The keys of the trailers, in the order in which they are written.
const (
	keyIncident = "Amend-Incident"
	keyEpisode  = "Amend-Episode"
	keyAction   = "Amend-Action"
	keyPlaybook = "Amend-Playbook"
	keyAlert    = "Amend-Alert"
	keyWorkload = "Amend-Workload"
	keyTarget   = "Amend-Target"
	keyTrace    = "Amend-Trace" // only where there is one
)

var (
	// idPattern is the alphabet of amend.Request.Incident; actions and playbooks
	// are named in it too.
	idPattern = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
	// tracePattern is the id of a trace, as W3C Trace Context writes it.
	tracePattern = regexp.MustCompile(`^[0-9a-f]{32}$`)
	// cherryPattern is the one line that Git puts between trailers (cherry-pick -x).
	cherryPattern = regexp.MustCompile(`^\(cherry picked from commit [0-9a-f]{40,64}\)$`)
)

// ParseTrailers reads the trailers of a commit message. It looks at the last
// paragraph only, which must hold nothing but trailers, ours exactly once each
// and with values as Commit writes them; other people's trailers (Signed-off-by,
// Co-authored-by) may stand beside them, because hosts add those when they
// squash. Anything else is not a commit of ours and gives false.
func ParseTrailers(message string) (Trailers, bool) {
	if !strings.Contains(message, keyIncident) {
		return Trailers{}, false // the many commits of others cost next to nothing
	}
	found := map[string]string{}
	for _, line := range lastParagraph(message) {
		if cherryPattern.MatchString(line) {
			continue
		}
		key, value, ok := cutTrailer(line)
		if !ok {
			return Trailers{}, false
		}
		if len(key) < 6 || !strings.EqualFold(key[:6], "Amend-") {
			continue
		}
		// A second spelling of a key (Git ignores case) is a second value.
		if _, twice := found[strings.ToLower(key)]; twice {
			return Trailers{}, false
		}
		found[strings.ToLower(key)] = value
		found[key] = value
	}
	return fromValues(found)
}

// cutTrailer takes one trailer apart, without folding, as Git writes it. It is no
// expression because a long history has several for each commit.
func cutTrailer(line string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(line, ":")
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}
	return key, strings.TrimPrefix(value, " "), ok && key != "" && !strings.ContainsFunc(key, other)
}

// lastParagraph returns the lines after the last empty line. A message that is
// a single paragraph has a subject and no trailers.
func lastParagraph(message string) []string {
	message = strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n"))
	lines := strings.Split(message, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.TrimSpace(lines[i]) == "" {
			return lines[i+1:]
		}
	}
	return nil
}

func fromValues(values map[string]string) (Trailers, bool) {
	t := Trailers{
		Incident: values[keyIncident],
		Action:   values[keyAction],
		Playbook: values[keyPlaybook],
	}
	for _, id := range []string{t.Incident, t.Action, t.Playbook} {
		if !idPattern.MatchString(id) {
			return Trailers{}, false
		}
	}
	if trace, traced := values[keyTrace]; traced {
		if t.Trace = trace; !tracePattern.MatchString(trace) {
			return Trailers{}, false
		}
	}
	var okEpisode, okAlert, okWorkload, okTarget bool
	t.Episode, okEpisode = number(values[keyEpisode])
	t.Alert, okAlert = unescape(values[keyAlert])
	t.Workload, okWorkload = workload(values[keyWorkload])
	t.Path, t.Line, okTarget = target(values[keyTarget])
	if !okEpisode || t.Episode < 1 || t.Episode > amend.MaxEpisode || !okAlert || !okWorkload || !okTarget {
		return Trailers{}, false
	}
	return t, true
}

// number reads a decimal number ≥ 0 that is written the only way we write it.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == s
}

func workload(s string) (amend.ObjectRef, bool) {
	text, ok := unescape(s)
	if !ok {
		return amend.ObjectRef{}, false
	}
	ref, err := amend.ParseObjectRef(text)
	return ref, err == nil && ref.String() == text
}

func target(s string) (amend.RepoPath, int, bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return amend.RepoPath{}, 0, false
	}
	text, okPath := unescape(s[:i])
	line, okLine := number(s[i+1:])
	path, err := amend.ParseRepoPath(text)
	return path, line, okPath && okLine && err == nil
}

// trailersOf derives the trailers of p. A plan has at least one edit.
func trailersOf(p amend.Plan) Trailers {
	t := Trailers{
		Incident: p.Request.Incident(),
		Episode:  p.Episode,
		Action:   p.Request.Action,
		Playbook: p.Request.Playbook,
		Alert:    p.Request.Event.ID,
		Workload: p.Request.Workload.ObjectRef,
		Trace:    p.Request.Event.TraceID(),
	}
	if len(p.Edits) > 0 {
		t.Path, t.Line = p.Edits[0].Target.Path, p.Edits[0].Target.Line
	}
	return t
}

// String returns the paragraph that ParseTrailers reads, ending with a newline.
// Every value is one line of URL-safe characters.
func (t Trailers) String() string {
	var b strings.Builder
	for _, line := range [][2]string{
		{keyIncident, escape(t.Incident)},
		{keyEpisode, strconv.Itoa(t.Episode)},
		{keyAction, escape(t.Action)},
		{keyPlaybook, escape(t.Playbook)},
		{keyAlert, escape(t.Alert)},
		{keyWorkload, escape(t.Workload.String())},
		{keyTarget, escape(t.Path.String()) + ":" + strconv.Itoa(t.Line)},
	} {
		b.WriteString(line[0] + ": " + line[1] + "\n")
	}
	if t.Trace != "" {
		b.WriteString(keyTrace + ": " + escape(t.Trace) + "\n")
	}
	return b.String()
}

// escape percent-encodes every byte of s but letters, digits and - . _ / + = ,
// so that a value can neither end its line nor mention, refer or link. It also
// encodes the middle of GH-1 and www., which are made of plain characters.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		special := c == '-' && endsWithFold(s[:i], "gh") && startsWith(s[i+1:], digits) ||
			c == '.' && endsWithFold(s[:i], "www")
		if !special && strings.IndexByte(letters+digits+"-._/+=,", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// unescape is the inverse of escape. It accepts what escape writes and nothing
// else, and no empty value.
func unescape(s string) (string, bool) {
	text, err := url.PathUnescape(s)
	return text, err == nil && text != "" && utf8.ValidString(text) && escape(text) == s
}
