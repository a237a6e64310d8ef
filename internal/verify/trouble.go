package verify

import (
	"fmt"
	"time"

	"github.com/amendhq/amend"
)

// A reading is what one witness says of the trouble at one time.
type reading string

const (
	there   reading = "there"
	over    reading = "over"
	unknown reading = "unknown" // it could not be asked
)

// A witness is one source that is asked again and again whether the trouble is
// still there. It is believed when it says that the trouble is over only once it
// has said that it was there: what never saw the trouble cannot see its end.
type witness struct {
	asked    bool // somebody can be asked at all
	credible bool
	last     reading
	since    time.Time // when it began to say what it says
	reason   string    // why the last reading is unknown
}

// hears takes an answer into account: whether the trouble is there, or why there was
// no answer.
func (w witness) hears(holds bool, failure string, now time.Time) witness {
	says := over
	w.reason = failure
	switch {
	case failure != "":
		says = unknown
	case holds:
		says, w.credible = there, true
	}
	if says != w.last {
		w.last, w.since = says, now
	}
	return w
}

// silent reports whether it has said that the trouble is over, and nothing else,
// for so long.
func (w witness) silent(steady time.Duration, now time.Time) bool {
	return w.last == over && now.Sub(w.since) >= steady
}

// mayYet reports whether a little more patience will turn what it says into a
// proof.
func (w witness) mayYet(steady time.Duration, now time.Time) bool {
	return w.credible && w.last == over && !w.silent(steady, now)
}

// mute reports whether nothing is to be had from it.
func (w witness) mute(steady time.Duration, now time.Time) bool {
	return !w.asked || !w.credible && w.silent(steady, now)
}

// A hearing is what both witnesses say, of a change that is applied.
type hearing struct {
	probe, alert witness
	// steady is how long the trouble has to stay away to be over: an Alertmanager
	// that has just started knows no alerts, and a restart serves no requests.
	steady time.Duration
}

// concludes is the whole rule. The state is empty while it is too early to say.
// The probe sees the present, the alert may lag behind it; so an alert that still
// fires proves nothing against a probe, and a probe that finds something is right.
func (h hearing) concludes(now time.Time, late bool) (state amend.VerdictState, detail string) {
	probeSilent := h.probe.credible && h.probe.silent(h.steady, now)
	alertSilent := h.alert.credible && h.alert.silent(h.steady, now)
	switch {
	case probeSilent && h.alert.last == there:
		return amend.Worked, "the probe finds the trouble no more, although the alert still fires"
	case probeSilent:
		return amend.Worked, "the probe finds the trouble no more"
	case alertSilent && h.probe.last != there:
		return amend.Worked, "the alert has ended"
	case h.probe.mute(h.steady, now) && h.alert.mute(h.steady, now):
		return amend.Unverified, h.why()
	case !late || h.probe.mayYet(h.steady, now) || h.alert.mayYet(h.steady, now) && h.probe.last != there:
		return "", ""
	case h.probe.last == there:
		return amend.Failed, "the probe still finds the trouble"
	case h.alert.last == there && !h.probe.asked:
		return amend.Failed, "the alert still fires"
	}
	return amend.Unverified, h.why()
}

// why says in words why nothing is proved.
func (h hearing) why() string {
	if !h.probe.asked && !h.alert.asked {
		return "nobody was named to ask whether the trouble is over"
	}
	return h.probe.quoted(words{
		there: "the probe still finds the trouble", over: "the probe finds nothing",
		blind:   "the probe did not find the trouble when the change was made, so that it finds nothing proves nothing",
		unasked: "there is no probe", unsure: "the probe could not be asked",
	}) + "; " + h.alert.quoted(words{
		there: "the alert still fires", over: "the alert does not fire",
		blind:   "Alertmanager did not show the alert as firing before, so its absence proves nothing",
		unasked: "nobody was named to ask about the alert", unsure: "Alertmanager could not be asked",
	})
}

// words are how a witness is quoted; unsure is followed by the reason.
type words struct{ there, over, blind, unasked, unsure string }

func (w witness) quoted(as words) string {
	switch {
	case !w.asked:
		return as.unasked
	case w.last == there:
		return as.there
	case w.last == over && w.credible:
		return as.over
	case w.last == over:
		return as.blind
	}
	return fmt.Sprintf("%s: %.300q", as.unsure, w.reason)
}
