package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
)

// TestConcludes holds the whole rule. What a witness has said is written as a
// word a minute, the last one at present: T there, o over, ? unknown, and
// nothing for a witness that cannot be asked. Steady is 90 seconds, so two
// minutes of silence are enough and one is not.
func TestConcludes(t *testing.T) {
	const waiting = amend.VerdictState("")
	for _, c := range []struct {
		probe, alert string
		early, late  amend.VerdictState
		says         string // part of the late detail
	}{
		// The probe sees the present.
		{"Tooo", "TTTT", amend.Worked, amend.Worked, "although the alert still fires"},
		{"Tooo", "Tooo", amend.Worked, amend.Worked, "no more"},
		{"Tooo", "????", amend.Worked, amend.Worked, "no more"},
		{"Too", "TTT", waiting, waiting, ""}, // a moment more will tell
		{"TTTT", "TTTT", waiting, amend.Failed, "the probe still finds"},
		{"TTTT", "Tooo", waiting, amend.Failed, "the probe still finds"},
		{"TTTT", "To", waiting, amend.Failed, "the probe still finds"},
		{"TTTT", "", waiting, amend.Failed, "the probe still finds"},
		{"oooT", "TTTT", waiting, amend.Failed, "the probe still finds"}, // it came later
		// It has to have seen the trouble: a wrong expression yields nothing.
		{"oooo", "TTTT", waiting, amend.Unverified, "did not find the trouble when the change was made"},
		{"oooo", "", amend.Unverified, amend.Unverified, "did not find the trouble when the change was made"},
		{"oooo", "Tooo", amend.Worked, amend.Worked, "the alert has ended"},
		{"oooo", "oooo", amend.Unverified, amend.Unverified, "its absence proves nothing"},
		// And it has to be heard.
		{"????", "TTTT", waiting, amend.Unverified, "the probe could not be asked"},
		{"T???", "TTTT", waiting, amend.Unverified, "the probe could not be asked"},
		{"To?o", "TTTT", waiting, waiting, ""}, // the silence began anew
		{"T???", "Tooo", amend.Worked, amend.Worked, "the alert has ended"},
		{"????", "????", waiting, amend.Unverified, "Alertmanager could not be asked"},
		// The alert alone.
		{"", "Tooo", amend.Worked, amend.Worked, "the alert has ended"},
		{"", "Too", waiting, waiting, ""},
		{"", "TTTT", waiting, amend.Failed, "the alert still fires"},
		{"", "TooT", waiting, amend.Failed, "the alert still fires"},
		{"", "T???", waiting, amend.Unverified, "Alertmanager could not be asked"},
		{"", "oooo", amend.Unverified, amend.Unverified, "its absence proves nothing"},
		{"", "", amend.Unverified, amend.Unverified, "nobody was named"},
	} {
		start := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
		now := start
		hear := func(words string) witness {
			w := witness{asked: words != ""}
			for i, word := range words {
				at := start.Add(time.Duration(i) * time.Minute)
				now = at
				switch word {
				case '?':
					w = w.hears(false, "down\n\x1b[31m", at)
				default:
					w = w.hears(word == 'T', "", at)
				}
			}
			return w
		}
		h := hearing{probe: hear(c.probe), alert: hear(c.alert), steady: 90 * time.Second}
		for late, want := range map[bool]amend.VerdictState{false: c.early, true: c.late} {
			got, detail := h.concludes(now, late)
			if got != want || (got == "") != (detail == "") || late && !strings.Contains(detail, c.says) || strings.ContainsAny(detail, "\n\x1b") {
				t.Errorf("probe %q, alert %q, late %v: %q (%s), want %q (%s)", c.probe, c.alert, late, got, detail, want, c.says)
			}
		}
	}
}

// Nothing that is unknown, or was never there, ever counts as success, whatever
// else is said and for how long.
func TestOnlyProofIsSuccess(t *testing.T) {
	words := []rune{'T', 'o', '?'}
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var try func(w witness, heard string, depth int)
	try = func(w witness, heard string, depth int) {
		if depth == 0 {
			h := hearing{probe: w, alert: witness{}, steady: time.Minute}
			state, _ := h.concludes(now.Add(6*time.Minute), true)
			if state == amend.Worked && !strings.Contains(heard, "T") || state == amend.Worked && !strings.HasSuffix(heard, "oo") {
				t.Errorf("%s has worked", heard)
			}
			return
		}
		for _, word := range words {
			failure := ""
			if word == '?' {
				failure = "down"
			}
			at := now.Add(time.Duration(6-depth+1) * time.Minute)
			try(w.hears(word == 'T', failure, at), heard+string(word), depth-1)
		}
	}
	try(witness{asked: true}, "", 6)
}
