package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// The bounds of a report. What is beyond them is in the evidence itself.
const (
	maxEntries  = 30
	maxFindings = 20
	maxChanges  = 3
)

// timeline puts what has a time in order. When there is too much, what is
// nearest to the beginning of the trouble stays.
func timeline(e amend.Evidence) []Entry {
	all := []Entry{}
	add := func(at time.Time, format string, args ...any) {
		if !at.IsZero() {
			all = append(all, Entry{at, fmt.Sprintf(format, args...)})
		}
	}
	add(e.Event.Alert.StartsAt, "the alert %s began", e.Event.Alert.Name())
	add(e.Event.Time, "amend accepted it")
	add(e.Event.Alert.EndsAt, "it ended")
	if d := e.Decision; d != nil {
		add(d.DecidedAt, "amend decided: %s", d.Reason)
		add(d.ChangedAt, "amend made its change")
	}
	for _, p := range e.Episodes {
		add(p.At, "episode %d of the incident: %s", p.N, joined(string(p.State), p.Action))
	}
	for _, c := range e.Commits {
		add(c.At, "commit %s %s", short(c.SHA), changes(c))
	}
	for _, d := range e.Deploys {
		add(d.At, "Argo CD synced %s%s", strings.Join(shorts(d.Revisions), ", "), by(d.By))
	}
	for _, r := range e.Rollouts {
		add(r.At, "revision %d was rolled out%s", r.Revision, changing(r.Changed))
	}
	for _, p := range e.Pods {
		for _, c := range p.Containers {
			if c.Ended != nil {
				add(c.Ended.At, "in pod %s, %s", p.Name, ending(c))
			}
		}
	}
	for _, v := range e.Happened {
		if v.Type != "Normal" {
			add(v.Last, "%s", told(v))
		}
	}
	return nearest(all, began(e))
}

// nearest returns the entries in order, the nearest to a time if there are too many.
func nearest(all []Entry, to time.Time) []Entry {
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Compare(a.At.Sub(to).Abs(), b.At.Sub(to).Abs()) })
	all = all[:min(len(all), maxEntries)]
	slices.SortStableFunc(all, func(a, b Entry) int { return a.At.Compare(b.At) })
	return all
}

// findings says what stands out, in sentences.
func findings(e amend.Evidence) []string {
	all := []string{}
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if unready, total := unready(e); total > 0 {
		add("Pods that are ready: %d of %d.", total-unready, total)
	}
	for _, p := range e.Pods {
		for _, c := range p.Containers {
			if s := state(c); s != "" {
				add("Container %s of pod %s %s.", c.Name, p.Name, s)
			}
		}
	}
	if s := e.Scaler; s != nil {
		add("The autoscaler %s runs %d replicas, between %d and %d.", s.Name, s.Current, s.Min, s.Max)
	}
	for _, c := range e.Claims {
		if c.Used != nil {
			add("Claim %s (%s) is %.0f %% full.", c.Name, c.Capacity, 100**c.Used)
		}
	}
	for _, s := range e.Series {
		if len(s.Points) > 0 {
			add("%s", movement(s))
		}
	}
	for _, l := range e.Logs {
		if line := complaint.FindAllString(l.Text, -1); len(line) > 0 {
			add("The log of container %s in pod %s complains: %s", l.Container, l.Pod, strings.TrimSpace(line[len(line)-1]))
		}
	}
	if c, ok := first(e.Commits); ok {
		add("Of the commits that changed the workload before the alert, the most suspect is %s: it %s.", short(c.SHA), changes(c))
	}
	if n := len(e.Episodes); n > 0 {
		add("The incident was answered %s before; the last answer is %s.", times(n), e.Episodes[n-1].State)
	}
	if d := e.Decision; d != nil {
		add("amend decided: %s.", strings.TrimSuffix(joined(string(d.Reason), d.Detail), "."))
		for _, c := range edits(d) {
			add("Its change: %s of %s from %s to %s, at %s:%d.", c.Field, c.Object, cmp.Or(c.Old, "(not set)"), cmp.Or(c.New, "(empty)"), c.Target.Path, c.Target.Line)
		}
	}
	return all[:min(len(all), maxFindings)]
}

// edits are the first ones of a decision's plan.
func edits(d *amend.Decision) []amend.Edit {
	if d.Plan == nil {
		return nil
	}
	return d.Plan.Edits[:min(len(d.Plan.Edits), maxChanges)]
}

// complaint is a line of a log that tells of trouble.
var complaint = regexp.MustCompile(`(?im)^.*\b(?:error|fatal|panic|exception|failed|failure|refused|denied|timeout|timed out|no space left)\b.*$`)

func unready(e amend.Evidence) (n, total int) {
	for _, p := range e.Pods {
		if p.Phase == "Succeeded" {
			continue
		}
		if total++; !p.Ready {
			n++
		}
	}
	return n, total
}

// state tells what is odd about a container, "" if nothing is.
func state(c amend.PodContainer) string {
	var odd []string
	if c.Waiting != "" {
		odd = append(odd, "waits: "+joined(c.Waiting, c.Message))
	}
	if c.Restarts > 0 {
		odd = append(odd, "was restarted "+times(c.Restarts))
	}
	if c.Ended != nil && (c.Ended.ExitCode != 0 || c.Ended.Reason != "Completed") {
		odd = append(odd, fmt.Sprintf("ended last as %s with exit code %d", cmp.Or(c.Ended.Reason, "unknown"), c.Ended.ExitCode))
	}
	return strings.Join(odd, ", ")
}

func ending(c amend.PodContainer) string {
	return fmt.Sprintf("container %s ended: %s, exit code %d", c.Name, joined(cmp.Or(c.Ended.Reason, "unknown"), c.Ended.Message), c.Ended.ExitCode)
}

// movement says how a series went.
func movement(s amend.Series) string {
	lo, hi := s.Points[0].Value, s.Points[0].Value
	for _, p := range s.Points {
		lo, hi = min(lo, p.Value), max(hi, p.Value)
	}
	return fmt.Sprintf("%s went from %s to %s, between %s and %s.", label(s), number(s.Points[0].Value), number(s.Points[len(s.Points)-1].Value), number(lo), number(hi))
}

// changes tells the first fields that a commit changed.
func changes(c amend.SuspectCommit) string {
	if len(c.Changes) == 0 {
		return "changed the workload"
	}
	var parts []string
	for _, f := range c.Changes[:min(len(c.Changes), maxChanges)] {
		parts = append(parts, fmt.Sprintf("%s from %s to %s", f.Field, cmp.Or(f.Old, "(not set)"), cmp.Or(f.New, "(not set)")))
	}
	if more := len(c.Changes) - len(parts); more > 0 {
		parts = append(parts, count(more, "more field"))
	}
	return "changed " + strings.Join(parts, ", ")
}

// happened finds the newest event of a reason.
func happened(e amend.Evidence, reason string) (amend.ClusterEvent, bool) {
	i := slices.IndexFunc(e.Happened, func(v amend.ClusterEvent) bool { return v.Reason == reason })
	if i < 0 {
		return amend.ClusterEvent{}, false
	}
	return e.Happened[i], true
}

func told(v amend.ClusterEvent) string {
	s := fmt.Sprintf("%s %s: %s", v.Object.Kind, v.Object.Name, joined(v.Reason, v.Message))
	if v.Count > 1 {
		s += fmt.Sprintf(" (%s)", times(v.Count))
	}
	return s
}

func changing(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return " and changed " + strings.Join(parts, ", ")
}

func by(user string) string {
	if user == "" {
		return " by itself"
	}
	return " for " + user
}

func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + stamp(t)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// joined puts a colon between two texts, of which either may be missing.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// span writes a duration for people.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return count(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour")
	}
	return count(int(d/(24*time.Hour)), "day")
}

func first[T any](list []T) (T, bool) {
	if len(list) == 0 {
		var none T
		return none, false
	}
	return list[0], true
}

func shorts(revisions []string) []string {
	all := make([]string, 0, len(revisions))
	for _, r := range revisions {
		all = append(all, short(r))
	}
	return all
}

// short cuts a commit's id to what people read.
func short(sha string) string {
	if len(sha) == 40 {
		return sha[:12]
	}
	return sha
}
