package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// rules are tried in this order, and those that hold are listed in it among
// equals. Each says of the evidence what may be wrong, false if nothing.
var rules = [...]func(amend.Evidence) (Hypothesis, bool){
	outOfMemory, brokenChange, imagePull, missingConfig, unschedulable, atMaximum, fullVolume, crashing, failingProbe, evicted, suspectCommit,
}

const (
	// soon is how long after a change trouble is probably its doing, and lately
	// how long it may be.
	soon, lately = time.Hour, 24 * time.Hour
	// nearlyFull is the share of a volume from which writes may fail any time.
	nearlyFull = 0.9
)

// A spot is a container in a state, and how many pods have one.
type spot struct {
	container amend.PodContainer
	pod       string
	pods      int
}

// where finds the containers that a state holds for; the first one stands for all.
func where(e amend.Evidence, holds func(amend.PodContainer) bool) (spot, bool) {
	var s spot
	for _, p := range e.Pods {
		for _, c := range p.Containers {
			if !holds(c) {
				continue
			}
			if s.pods++; s.pods == 1 {
				s.container, s.pod = c, p.Name
			}
			break
		}
	}
	return s, s.pods > 0
}

func (s spot) String() string {
	return fmt.Sprintf("container %s in %s", s.container.Name, count(s.pods, "pod"))
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func outOfMemory(e amend.Evidence) (Hypothesis, bool) {
	s, ok := where(e, func(c amend.PodContainer) bool { return killedForMemory(e, c) })
	if !ok {
		h := Hypothesis{Text: "The alert says that a container ran out of memory.", Confidence: Low, Actions: []string{"raise-memory-limit"}}
		return h, len(e.Pods) == 0 && saysMemory(e.Event.Alert)
	}
	limit := s.container.MemoryLimit
	h := Hypothesis{Confidence: High, Actions: []string{"raise-memory-limit"}, Because: []string{s.String() + " ended as OOMKilled" + at(s.container.Ended.At)}}
	h.Text = fmt.Sprintf("Container %s needs more memory than its limit of %s.", s.container.Name, limit)
	if limit == "" {
		h.Text = fmt.Sprintf("Container %s was killed for memory and has no limit of its own, so its node ran out.", s.container.Name)
		h.Confidence, h.Actions = Medium, nil
	}
	if r, ok := recent(e, lately); ok {
		h.Because = append(h.Because, r)
		h.Actions = append(h.Actions, "roll-back-image", "revert-commit")
	}
	return h, true
}

// saysMemory reports whether an alert by itself is about memory. The labels are
// those of kube-state-metrics.
func saysMemory(a amend.Alert) bool {
	name := strings.ToLower(a.Name())
	return strings.Contains(name, "outofmemory") || strings.Contains(name, "oomkill") ||
		slices.Contains([]string{a.Labels["reason"], a.Labels["last_terminated_reason"]}, "OOMKilled")
}

// killedForMemory reports whether a container was killed for memory lately: a pod
// keeps how its container ended until that ends again.
func killedForMemory(e amend.Evidence, c amend.PodContainer) bool {
	return c.Ended != nil && c.Ended.Reason == "OOMKilled" && (c.Ended.At.IsZero() || began(e).Sub(c.Ended.At) <= lately)
}

// brokenChange holds when containers crash or are not ready since a rollout
// shortly before the alert.
func brokenChange(e amend.Evidence) (Hypothesis, bool) {
	s, crashes := where(e, func(c amend.PodContainer) bool { return c.Waiting == "CrashLoopBackOff" && !killedForMemory(e, c) })
	verb := "crashes"
	if !crashes {
		_, probe := happened(e, "Unhealthy")
		if s, crashes = where(e, func(c amend.PodContainer) bool { return !c.Ready && c.Waiting == "" }); !crashes || !probe {
			return Hypothesis{}, false
		}
		verb = "fails its probes"
	}
	change, ok := recent(e, lately)
	if !ok {
		return Hypothesis{}, false
	}
	h := Hypothesis{Confidence: Medium, Because: []string{s.String() + " is not ready", change}, Actions: []string{"revert-commit"}}
	if _, ok := recent(e, soon); ok {
		h.Confidence = High
	}
	rollout, _ := lastChange(e)
	if before, after, ok := imageChange(e, rollout, s.container.Name); ok {
		h.Text = fmt.Sprintf("Container %s %s since its image changed from %s to %s.", s.container.Name, verb, before, after)
		h.Actions = []string{"roll-back-image", "revert-commit"}
	} else {
		h.Text = fmt.Sprintf("Container %s %s since its configuration changed (%s).", s.container.Name, verb, strings.Join(e.Rollouts[rollout].Changed, ", "))
	}
	return h, true
}

// lastChange returns the place of the newest rollout that did more than restart the
// pods, false if the one before it is not known.
func lastChange(e amend.Evidence) (int, bool) {
	for i, r := range e.Rollouts[:max(0, len(e.Rollouts)-1)] {
		if slices.ContainsFunc(r.Changed, func(part string) bool { return part != amend.RolloutRestarted }) {
			return i, true
		}
	}
	return 0, false
}

// recent tells of the last rollout that changed something, if it came within a
// time before the alert.
func recent(e amend.Evidence, within time.Duration) (string, bool) {
	i, ok := lastChange(e)
	if !ok {
		return "", false
	}
	r := e.Rollouts[i]
	before := began(e).Sub(r.At)
	if before < 0 || before > within {
		return "", false
	}
	return fmt.Sprintf("revision %d was rolled out %s before the alert and changed %s", r.Revision, span(before), strings.Join(r.Changed, ", ")), true
}

// imageChange returns the image of a container before and after a rollout.
func imageChange(e amend.Evidence, rollout int, container string) (before, after string, changed bool) {
	before, after = e.Rollouts[rollout+1].Images[container], e.Rollouts[rollout].Images[container]
	return before, after, before != "" && after != "" && before != after
}

// began is when the trouble began, as far as that is known.
func began(e amend.Evidence) time.Time {
	for _, t := range []time.Time{e.Event.Alert.StartsAt, e.Event.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return e.At
}

func imagePull(e amend.Evidence) (Hypothesis, bool) {
	s, ok := where(e, func(c amend.PodContainer) bool {
		return slices.Contains([]string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}, c.Waiting)
	})
	h := Hypothesis{
		Text: fmt.Sprintf("The image %s of container %s cannot be pulled.", s.container.Image, s.container.Name), Confidence: High,
		Because: []string{s.String() + " waits: " + joined(s.container.Waiting, s.container.Message)}, Actions: []string{"roll-back-image", "set-image-tag", "revert-commit"},
	}
	return h, ok
}

func missingConfig(e amend.Evidence) (Hypothesis, bool) {
	s, ok := where(e, func(c amend.PodContainer) bool {
		return slices.Contains([]string{"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}, c.Waiting)
	})
	h := Hypothesis{
		Text: fmt.Sprintf("Container %s cannot be started as it is configured.", s.container.Name), Confidence: High,
		Because: []string{s.String() + " waits: " + joined(s.container.Waiting, s.container.Message)}, Actions: []string{"revert-commit"},
	}
	return h, ok
}

func unschedulable(e amend.Evidence) (Hypothesis, bool) {
	ev, ok := happened(e, "FailedScheduling")
	pending := slices.ContainsFunc(e.Pods, func(p amend.Pod) bool { return p.Phase == "Pending" })
	h := Hypothesis{Text: "The cluster has no room for more pods of the workload.", Confidence: High, Because: []string{told(ev)}}
	return h, ok && pending
}

func atMaximum(e amend.Evidence) (Hypothesis, bool) {
	s := e.Scaler
	if s == nil || s.Max == 0 || s.Current < s.Max {
		return Hypothesis{}, false
	}
	h := Hypothesis{
		Text: fmt.Sprintf("The load needs more than the %d replicas that the autoscaler %s may have.", s.Max, s.Name), Confidence: Medium,
		Because: []string{fmt.Sprintf("%s runs %d of at most %d replicas", s.Name, s.Current, s.Max)}, Actions: []string{"raise-hpa-max"},
	}
	if s.Limited == "TooManyReplicas" {
		h.Confidence, h.Because = High, append(h.Because, "it wants more, and says so by TooManyReplicas")
	}
	return h, true
}

func fullVolume(e amend.Evidence) (Hypothesis, bool) {
	for _, c := range e.Claims {
		if c.Used != nil && *c.Used >= nearlyFull {
			return Hypothesis{
				Text: fmt.Sprintf("The volume of claim %s (%s) is nearly full.", c.Name, c.Capacity), Confidence: High,
				Because: []string{fmt.Sprintf("%.0f %% of it is used", 100**c.Used)}, Actions: []string{"expand-pvc"},
			}, true
		}
	}
	for _, l := range e.Logs {
		if strings.Contains(strings.ToLower(l.Text), "no space left on device") {
			return Hypothesis{
				Text: fmt.Sprintf("A file system that container %s writes to is full.", l.Container), Confidence: Medium,
				Because: []string{"the log of pod " + l.Pod + " says: no space left on device"}, Actions: []string{"expand-pvc"},
			}, true
		}
	}
	return Hypothesis{}, false
}

// crashing holds when containers crash and no change explains it.
func crashing(e amend.Evidence) (Hypothesis, bool) {
	s, ok := where(e, func(c amend.PodContainer) bool { return c.Waiting == "CrashLoopBackOff" && !killedForMemory(e, c) })
	if _, explained := recent(e, lately); !ok || explained {
		return Hypothesis{}, false
	}
	h := Hypothesis{
		Text: fmt.Sprintf("Container %s crashes for a reason of its own or of what it depends on: no rollout in the %s before the alert explains it.", s.container.Name, span(lately)), Confidence: Low,
		Because: []string{s.String() + " is in CrashLoopBackOff"}, Actions: []string{"restart"},
	}
	if s.container.Ended != nil {
		h.Because = append(h.Because, ending(s.container))
	}
	return h, true
}

// failingProbe holds when containers run and are not ready, and no change
// explains it.
func failingProbe(e amend.Evidence) (Hypothesis, bool) {
	ev, unhealthy := happened(e, "Unhealthy")
	_, unready := where(e, func(c amend.PodContainer) bool { return !c.Ready && c.Waiting == "" })
	if _, explained := recent(e, lately); !unhealthy || !unready || explained {
		return Hypothesis{}, false
	}
	return Hypothesis{Text: "The pods run and do not answer their probes.", Confidence: Low, Because: []string{told(ev)}, Actions: []string{"restart", "scale-replicas"}}, true
}

func evicted(e amend.Evidence) (Hypothesis, bool) {
	n := 0
	for _, p := range e.Pods {
		if p.Reason == "Evicted" {
			n++
		}
	}
	return Hypothesis{Text: "Nodes run short of memory or disk and evict pods of the workload.", Confidence: Medium, Because: []string{count(n, "pod") + " evicted"}}, n > 0
}

// suspectCommit believes the search for the cause in Git.
func suspectCommit(e amend.Evidence) (Hypothesis, bool) {
	if len(e.Commits) == 0 {
		return Hypothesis{}, false
	}
	c := e.Commits[0]
	h := Hypothesis{Confidence: Confidence(c.Confidence), Because: c.Why, Actions: []string{"revert-commit"}}
	if rank(h.Confidence) < 0 {
		h.Confidence = Low
	}
	h.Text = "Commit " + short(c.SHA)
	if c.Author != "" {
		h.Text += " by " + c.Author
	}
	if before := began(e).Sub(c.At); !c.At.IsZero() && before >= 0 {
		h.Text += fmt.Sprintf(", %s before the alert,", span(before))
	}
	return Hypothesis{Text: h.Text + " " + changes(c) + ".", Confidence: h.Confidence, Because: h.Because, Actions: h.Actions}, true
}
