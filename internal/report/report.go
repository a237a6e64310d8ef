// Package report makes an investigation report of evidence: what happened when,
// what stands out, what is probably wrong, and what the policy lets amend do
// about it.
//
// It is pure and asks no model. The hypotheses are rules over the evidence, which
// name the facts that they rest on; where none holds, the report says so. A model
// may add its opinion, which counts for no more than text (Report.Opinion).
//
// Whatever is made of a Report is masked, because New masks the evidence before
// it looks at it, and inert, because all of it is foreign text.
package report

import (
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/mask"
)

// A Report is what was made of evidence.
type Report struct {
	// Evidence is what was given to New, masked.
	Evidence    amend.Evidence `json:"evidence"`
	Timeline    []Entry        `json:"timeline"` // oldest first
	Findings    []string       `json:"findings"`
	Hypotheses  []Hypothesis   `json:"hypotheses"` // the most certain first; none when no rule holds
	Suggestions []Suggestion   `json:"suggestions"`

	masker mask.Masker
}

// An Entry is one thing that happened.
type Entry struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// A Confidence says how sure a hypothesis is.
type Confidence string

// The confidences.
const (
	High   Confidence = "high"   // the cluster says it itself, or it began right after a change
	Medium Confidence = "medium" // the facts fit, and another cause is possible
	Low    Confidence = "low"    // a hint
)

// A Hypothesis is what is probably wrong.
type Hypothesis struct {
	Text       string     `json:"text"`
	Confidence Confidence `json:"confidence,omitempty"` // empty for a model's
	Because    []string   `json:"because,omitempty"`    // the facts that it rests on
	// Actions are those that would answer it and that the policy allows.
	Actions []string `json:"actions,omitempty"`
	// Model says that a model wrote it, and no rule.
	Model bool `json:"model,omitempty"`
}

// A Suggestion is an action that the policy allows. Fits says that it answers a
// hypothesis.
type Suggestion struct {
	Action   string     `json:"action"`
	Summary  string     `json:"summary,omitempty"`
	Playbook string     `json:"playbook,omitempty"`
	Mode     amend.Mode `json:"mode,omitempty"`
	Fits     bool       `json:"fits"`
}

// New makes a report of the evidence, which it masks first.
func New(e amend.Evidence, m mask.Masker) Report {
	e = mask.Deep(m, e)
	r := Report{Evidence: e, Timeline: timeline(e), Findings: findings(e), Hypotheses: []Hypothesis{}, masker: m}
	for _, rule := range rules {
		h, holds := rule(e)
		if !holds {
			continue
		}
		h.Actions = slices.DeleteFunc(h.Actions, func(name string) bool { return !allowed(e, name) })
		r.Hypotheses = append(r.Hypotheses, h)
	}
	slices.SortStableFunc(r.Hypotheses, func(a, b Hypothesis) int { return rank(a.Confidence) - rank(b.Confidence) })
	r.Suggestions = r.suggestions()
	return r
}

// Opinion returns the report with a hypothesis that a model wrote. The text is
// masked, as models repeat what they read, and stays mere text: an action counts
// only if the policy allows it, and only marks that suggestion as fitting.
func (r Report) Opinion(text, action string) Report {
	h := Hypothesis{Text: r.masker.Text(text), Model: true}
	if allowed(r.Evidence, action) {
		h.Actions = []string{action}
	}
	r.Hypotheses = append(slices.Clone(r.Hypotheses), h)
	r.Suggestions = r.suggestions()
	return r
}

func allowed(e amend.Evidence, action string) bool {
	return slices.ContainsFunc(e.Allowed, func(a amend.AllowedAction) bool { return a.Name == action })
}

// suggestions lists what the policy allows, with what fits first.
func (r Report) suggestions() []Suggestion {
	all := make([]Suggestion, 0, len(r.Evidence.Allowed))
	for _, a := range r.Evidence.Allowed {
		fits := slices.ContainsFunc(r.Hypotheses, func(h Hypothesis) bool { return slices.Contains(h.Actions, a.Name) })
		all = append(all, Suggestion{Action: a.Name, Summary: a.Summary, Playbook: a.Playbook, Mode: a.Mode, Fits: fits})
	}
	slices.SortStableFunc(all, func(a, b Suggestion) int {
		switch {
		case a.Fits == b.Fits:
			return 0
		case a.Fits:
			return -1
		}
		return 1
	})
	return all
}

func rank(c Confidence) int { return slices.Index([]Confidence{High, Medium, Low}, c) }
