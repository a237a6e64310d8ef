package message

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// The sections of a pull request's body that amend writes anew. Whatever else is
// in the body is people's. No text of an alert can be one of these lines: where
// it stands by itself its angle brackets are escaped, and in a diff it is indented.
const (
	changeBegins   = "<!-- amend:change -->"
	changeEnds     = "<!-- /amend:change -->"
	timelineEnds   = "<!-- /amend:timeline -->"
	timelineFormat = "<!-- amend:timeline deliveries=%d last=%s -->"
)

var (
	timelineBegins = regexp.MustCompile(`^<!-- amend:timeline deliveries=([0-9]{1,9}) last=([-0-9TZ:.]{1,40}) -->$`)
	timelineStart  = regexp.MustCompile(`^<!-- amend:timeline `)
)

// The bounds of a timeline, and of a body, in bytes; GitHub takes 65,536
// characters.
const (
	maxRecent   = 10
	maxHappened = 10
	lineBytes   = 300
	updateBytes = 65000
)

// An Update is what is new about a pull request that is open already.
type Update struct {
	// Deliveries are the events of its alert, in the order in which they were
	// accepted. Those that the body counts already are left out.
	Deliveries []amend.Event
	// Happened is a sentence about what became of it at some time, "" for none.
	Happened string
	At       time.Time
	// Plan is the change as it was planned anew, nil when it is as it was.
	Plan *amend.Plan
}

// Updated returns the body of a pull request with what is new in it. It writes
// amend's own sections only, so what people wrote beside them stays, and the same
// update again changes nothing. A section that somebody took out, or took apart,
// is not put back. The trailers at the end follow the plan. A body that would
// become too long for a host stays as it is.
func Updated(body string, u Update) string {
	lines := strings.Split(body, "\n")
	if u.Plan != nil {
		lines = replaceChange(lines, *u.Plan)
	}
	lines = u.timeline(lines)
	updated := strings.Join(lines, "\n")
	if u.Plan != nil {
		updated = replaceTrailers(updated, *u.Plan)
	}
	if len(updated) > updateBytes {
		return body
	}
	return updated
}

// section returns where a section begins and ends, false when it is not there
// exactly once.
func section(lines []string, begins func(string) bool, ends string) (from, to int, ok bool) {
	from, to = -1, -1
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r") // as web forms send it
		switch {
		case begins(line) && from >= 0, line == ends && to >= 0:
			return 0, 0, false
		case begins(line):
			from = i
		case line == ends:
			to = i
		}
	}
	return from, to, from >= 0 && from < to
}

func is(want string) func(string) bool { return func(line string) bool { return line == want } }

func replaceChange(lines []string, p amend.Plan) []string {
	from, to, ok := section(lines, is(changeBegins), changeEnds)
	if !ok {
		return lines
	}
	now := strings.Split(strings.TrimSuffix(change(p, bodyBytes/2), "\n"), "\n")
	return slices.Concat(lines[:from], now, lines[to+1:])
}

// replaceTrailers puts those of the plan in the place of those at the end.
func replaceTrailers(body string, p amend.Plan) string {
	old, ok := ParseTrailers(body)
	now := trailersOf(p)
	if !ok || old.Incident != now.Incident || old.Episode != now.Episode {
		return body
	}
	trimmed := strings.TrimRight(body, " \t\r\n")
	i := strings.LastIndex(trimmed, keyIncident)
	return trimmed[:i] + now.String()
}

// A told is what a timeline tells.
type told struct {
	deliveries int
	last       time.Time
	happened   []string // lines, the oldest first
	recent     []string // lines of the last deliveries
}

// timeline writes the section anew when there is anything new.
func (u Update) timeline(lines []string) []string {
	from, to, ok := section(lines, timelineStart.MatchString, timelineEnds)
	if !ok {
		return lines
	}
	t, ok := readTimeline(lines[from:to])
	if !ok || !t.add(u) {
		return lines
	}
	return slices.Concat(lines[:from], strings.Split(strings.TrimSuffix(t.String(), "\n"), "\n"), lines[to+1:])
}

// readTimeline reads what String wrote, and keeps what people put between it.
func readTimeline(lines []string) (told, bool) {
	m := timelineBegins.FindStringSubmatch(strings.TrimSuffix(lines[0], "\r"))
	if m == nil {
		return told{}, false
	}
	var t told
	var err error
	if t.last, err = time.Parse(time.RFC3339Nano, m[2]); err != nil {
		return told{}, false
	}
	t.deliveries, _ = strconv.Atoi(m[1]) // the pattern takes numbers only
	for _, line := range lines[1:] {
		line = strings.TrimRight(line, "\r ")
		switch {
		case strings.HasPrefix(line, recentMark):
			t.recent = append(t.recent, line)
		case line == "", line == timelineTitle, line == waiting, strings.HasPrefix(line, laterMark):
		default:
			t.happened = append(t.happened, line)
		}
	}
	return t, true
}

const (
	timelineTitle = "### Timeline"
	waiting       = "- now: this pull request waits for a person"
	laterMark     = "- later deliveries: "
	recentMark    = "  - "
)

// add takes an update over and reports whether it brought anything new.
func (t *told) add(u Update) bool {
	news := false
	for _, e := range u.Deliveries {
		at := e.Time.UTC()
		if !at.After(t.last) {
			continue // it is counted
		}
		t.deliveries, t.last, news = t.deliveries+1, at, true
		text := stamp(at) + ": it still fires"
		if value := Inert(e.Alert.Annotations["value"], lineBytes); value != "" {
			text += ", value " + value
		}
		t.recent = append(t.recent, recentMark+text)
	}
	t.recent = t.recent[max(0, len(t.recent)-maxRecent):]
	said := ": " + Inert(u.Happened, lineBytes)
	if n := len(t.happened); said != ": " && (n == 0 || !strings.HasSuffix(t.happened[n-1], said)) {
		t.happened, news = append(t.happened, "- "+stamp(u.At)+said), true
	}
	t.happened = t.happened[max(0, len(t.happened)-maxHappened):]
	return news
}

// String is the section.
func (t told) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, timelineFormat+"\n"+timelineTitle+"\n\n", t.deliveries, t.last.UTC().Format(time.RFC3339Nano))
	for _, line := range t.happened {
		b.WriteString(line + "\n")
	}
	if len(t.recent) > 0 {
		fmt.Fprintf(&b, "%s%d, until %s; the last of them:\n", laterMark, t.deliveries-1, stamp(t.last))
		for _, line := range t.recent {
			b.WriteString(line + "\n")
		}
	}
	return b.String() + waiting + "\n" + timelineEnds + "\n"
}

// opening is the timeline of a new pull request.
func opening(e amend.Event) string {
	t := told{deliveries: 1, last: e.Time}
	if started := stamp(e.Alert.StartsAt); started != "" {
		t.happened = append(t.happened, fmt.Sprintf("- %s: the alert started", started))
	}
	if accepted := stamp(e.Time); accepted != "" {
		t.happened = append(t.happened, fmt.Sprintf("- %s: it was accepted as event %s", accepted, Inert(e.ID, nameBytes)))
	}
	return "\n" + t.String()
}
