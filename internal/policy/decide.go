package policy

import (
	"fmt"
	"time"

	"github.com/amendhq/amend"
)

// An Input is everything that Decide looks at.
type Input struct {
	// Playbook and Request belong together, the request was made by it, and the
	// playbook is one of Policy.
	Policy   Policy
	Playbook Playbook
	Request  amend.Request
	// Episodes is the history of the request's incident, oldest first.
	Episodes []amend.Episode
	// Records are all changes of amend, of any incident, at least those within
	// Policy.Memory, in any order.
	Records []amend.Record
	// Stopped says that the kill switch, .amend/stop, exists.
	Stopped bool
	Now     time.Time
}

// Decide says whether to act on a request now, and why. The same input always
// gives the same decision. Detail is a sentence for people that holds no text
// of the alert.
//
// Episode is the number of the episode to open when the decision is to act or
// to suggest, and otherwise that of the latest one, 0 when there was none.
// Action is that of the request, or the next of the playbook's ladder.
// Change is set when the latest episode's change is what the decision is about.
// Storm is set, and Mode is amend.PullRequest, when the decision is to propose the
// change together with others.
func Decide(in Input) amend.Decision {
	d := amend.Decision{
		EventID:    in.Request.Event.ID,
		Alert:      in.Request.Event.Alert.Name(),
		Playbook:   in.Request.Playbook,
		Action:     in.Request.Action,
		Workload:   in.Request.Workload,
		Mode:       in.Request.Mode,
		Incident:   in.Request.Incident(),
		ReceivedAt: in.Request.Event.Time,
		DecidedAt:  in.Now,
	}
	latest := latestOf(in.Episodes)
	d.Episode = latest.N
	d.Reason, d.Detail = in.judge(latest)
	if d.Reason == amend.ReasonStillFiring {
		if action, ok := in.Playbook.next(in.Request.Event, latest.Action); ok {
			d.Action = action
			d.Reason, d.Detail = in.open(latest.N + 1)
		}
	}
	switch d.Reason {
	case amend.ReasonAct, amend.ReasonSuggested:
		d.Episode = latest.N + 1
		if d.Reason == amend.ReasonAct && in.storming() {
			d.Storm, d.Mode = true, amend.PullRequest
		}
	case amend.ReasonWithdrawn, amend.ReasonDuplicate, amend.ReasonMuted, amend.ReasonCooldown, amend.ReasonStillFiring, amend.ReasonVetoed:
		d.Change = &latest.Change
	}
	return d
}

// latestOf returns the episode with the highest number, the zero Episode when
// there is none.
func latestOf(episodes []amend.Episode) amend.Episode {
	var latest amend.Episode
	for _, e := range episodes {
		if e.N > latest.N {
			latest = e
		}
	}
	return latest
}

// judge applies the rules; the first that holds decides.
func (in Input) judge(latest amend.Episode) (amend.Reason, string) {
	switch {
	case in.Request.Event.Alert.Status == amend.Resolved && latest.State == amend.EpisodeOpen && !in.Stopped:
		return amend.ReasonWithdrawn, "The alert is over before its pull request was merged, so the pull request is closed; nothing is left to do."
	case in.Request.Event.Alert.Status == amend.Resolved && latest.State != amend.EpisodeOpen:
		return amend.ReasonResolved, "The alert is over; nothing is left to do."
	case in.Stopped:
		return amend.ReasonKillSwitch, "The env repo holds .amend/stop, so nothing is changed; remove the file to let amend act again."
	case !in.Policy.Scope.holds(in.Request.Workload.ObjectRef):
		return amend.ReasonOutOfScope, "The namespace of the workload is not in the scope of the policy."
	}
	switch latest.State {
	case amend.EpisodeOpen:
		return amend.ReasonDuplicate, fmt.Sprintf("The pull request of episode %d waits for a person; merge or close it.", latest.N)
	case amend.EpisodeDeclined:
		if until := latest.At.Add(time.Duration(in.Playbook.Mute)); in.Now.Before(until) {
			return amend.ReasonMuted, fmt.Sprintf("A person closed the pull request of episode %d, so amend leaves this incident alone until %s; reopen that pull request to take the fix after all.", latest.N, clock(until))
		}
	case amend.EpisodeLanded:
		if reason, detail := in.judgeLanded(latest); reason != amend.ReasonAct {
			return reason, detail
		}
	case amend.EpisodeStale:
		if reason, detail := in.stale(latest); reason != amend.ReasonAct {
			return reason, detail
		}
	case amend.EpisodeWithdrawn, "":
	default:
		return amend.ReasonDuplicate, fmt.Sprintf("Episode %d is in a state that this version of amend does not know, so nothing is changed; update amend.", latest.N)
	}
	return in.open(latest.N + 1)
}

// open says whether an episode may be opened, as far as that does not depend on
// the last one.
func (in Input) open(next int) (amend.Reason, string) {
	if next > amend.MaxEpisode {
		return amend.ReasonBound, fmt.Sprintf("A commit in the history says that it is episode %d of this incident, which no alert gets to, and there is none after it; give the playbook another name to begin anew.", next-1)
	}
	if reason, detail := in.held(); reason != amend.ReasonAct {
		return reason, detail
	}
	if in.Request.Mode == amend.Suggest {
		return amend.ReasonSuggested, fmt.Sprintf("Episode %d: the playbook only suggests; apply the diff by hand or raise the playbook's mode.", next)
	}
	if in.storming() {
		return amend.ReasonAct, fmt.Sprintf("Episode %d: there were %s, so this one is proposed with others in a summary pull request, which a person merges.", next, in.Policy.Storm)
	}
	return amend.ReasonAct, fmt.Sprintf("Episode %d: the playbook matches and no rule forbids the change.", next)
}

// judgeLanded compares the alert with the last change that landed. An alert
// that started before the change is the trouble that the change was meant to
// end; one that started after it is new trouble.
func (in Input) judgeLanded(latest amend.Episode) (amend.Reason, string) {
	if reason, detail := in.takenBack(latest); reason != amend.ReasonAct {
		return reason, detail
	}
	until := latest.At.Add(time.Duration(in.Playbook.Cooldown))
	cooling := in.Now.Before(until)
	again := in.Request.Event.Alert.StartsAt.After(latest.At)
	switch {
	case cooling && !again:
		return amend.ReasonDuplicate, fmt.Sprintf("The change of episode %d landed at %s and has until %s to end the alert.", latest.N, clock(latest.At), clock(until))
	case !again:
		return amend.ReasonStillFiring, fmt.Sprintf("The change of episode %d landed at %s and did not end the alert; the same step again would not either, so a person has to look.", latest.N, clock(latest.At))
	case cooling:
		return amend.ReasonCooldown, fmt.Sprintf("The alert came back after the change of episode %d landed at %s; amend acts again from %s if it still fires then, or look now.", latest.N, clock(latest.At), clock(until))
	}
	return amend.ReasonAct, ""
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }
