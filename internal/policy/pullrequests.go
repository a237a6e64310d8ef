package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/amendhq/amend"
)

// defaultStale is how long a pull request waits when the file does not say so.
const defaultStale = Duration(7 * 24 * time.Hour)

// The bounds of what a pull request may be given. Hosts take no more reviewers.
const (
	maxLabels    = 20
	maxReviewers = 15
)

// ownLabel is how the labels begin by which amend tells what became of a pull
// request. A policy may not set them.
const ownLabel = "amend/"

// PullRequests says how the pull requests of playbooks are kept.
type PullRequests struct {
	Labels     []Label    `json:"labels,omitempty" jsonschema:"maxItems=20" jsonschema_description:"Labels beside those of amend itself."`
	Reviewers  []Reviewer `json:"reviewers,omitempty" jsonschema:"maxItems=15" jsonschema_description:"Who is asked for a review beside the code owners: logins, or org/team."`
	StaleAfter Duration   `json:"staleAfter,omitempty" jsonschema_description:"How long a pull request may wait before amend closes it; 168h when left out."`
	// Alternatives is offer or omit.
	Alternatives string `json:"alternatives,omitempty" jsonschema:"enum=offer,enum=omit" jsonschema_description:"Whether a review shows what else could be done; offer when left out. With autoMerge there is none."`
	AutoMerge    bool   `json:"autoMerge,omitempty" jsonschema_description:"Whether amend merges by itself once every check has passed and nobody asks for changes; of a playbook only."`
}

// or completes what is left out with the defaults of the file.
func (p PullRequests) or(defaults PullRequests) PullRequests {
	if p.Labels == nil {
		p.Labels = defaults.Labels
	}
	if p.Reviewers == nil {
		p.Reviewers = defaults.Reviewers
	}
	p.Alternatives = cmp.Or(p.Alternatives, defaults.Alternatives, "offer")
	p.StaleAfter = cmp.Or(p.StaleAfter, defaults.StaleAfter, defaultStale)
	return p
}

// A Label is one of a pull request.
type Label string

// labelForm leaves out what hosts or their tools take for a separator. A class of
// all control characters, so often, takes megabytes: it is built when needed.
var labelForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[^\s,\p{C}]([^,\p{C}]{0,48}[^\s,\p{C}])?$`)
})

// UnmarshalText takes what hosts take, but for the labels that amend reads.
func (l *Label) UnmarshalText(text []byte) error {
	switch {
	case !labelForm().Match(text):
		return fmt.Errorf("%.60q is no label; expected at most 50 characters without a comma", text)
	case strings.HasPrefix(strings.ToLower(string(text)), ownLabel):
		return fmt.Errorf("the label %.60q is amend's own; expected one that does not begin with %s", text, ownLabel)
	}
	*l = Label(text)
	return nil
}

// A Reviewer is a login of the Git host, or a team as org/team.
type Reviewer string

var reviewerForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}(/[A-Za-z0-9_.-]{1,100})?$`)
})

// UnmarshalText takes a name as the host writes it, without the @.
func (r *Reviewer) UnmarshalText(text []byte) error {
	if !reviewerForm().Match(text) {
		return fmt.Errorf("%.60q is no reviewer; expected a login, or a team such as acme/sre", text)
	}
	*r = Reviewer(text)
	return nil
}

// JSONSchema describes a label as text.
func (Label) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: labelForm().String()}
}

// JSONSchema describes a reviewer as text.
func (Reviewer) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: reviewerForm().String(), Examples: []any{"jo", "acme/sre"}}
}

// checkPullRequests reports lists that are too long, and a merge that nobody
// asked for playbook by playbook.
func (r *reader) checkPullRequests(p *PullRequests, mode amend.Mode, defaults bool) {
	if n := r.at[&p.Labels]; n != nil && len(p.Labels) > maxLabels {
		r.problem(n, "expected at most %d labels, found %d", maxLabels, len(p.Labels))
	}
	if n := r.at[&p.Reviewers]; n != nil && len(p.Reviewers) > maxReviewers {
		r.problem(n, "expected at most %d reviewers, found %d", maxReviewers, len(p.Reviewers))
	}
	n := r.at[&p.AutoMerge]
	switch {
	case n == nil || !p.AutoMerge:
	case defaults:
		r.problem(n, "autoMerge is switched on for each playbook by itself; expected it under pullRequests of a playbook")
	case mode != "" && mode != amend.PullRequest:
		r.problem(n, "the playbook is in mode %s, so it has no pull request to merge; expected mode pull-request", mode)
	}
}

// stale judges an incident whose last pull request nobody took up in time: what
// still fires gets another one, but not at once.
func (in Input) stale(latest amend.Episode) (amend.Reason, string) {
	if until := latest.At.Add(time.Duration(in.Playbook.Cooldown)); in.Now.Before(until) {
		return amend.ReasonCooldown, fmt.Sprintf("Nobody took the pull request of episode %d up, so amend closed it; it opens another one from %s if the alert still fires then, or look now.", latest.N, clock(until))
	}
	return amend.ReasonAct, ""
}

// Find returns the playbook of a name.
func (p *Policy) Find(name string) (Playbook, bool) {
	i := slices.IndexFunc(p.Playbooks, func(b Playbook) bool { return b.Name == name })
	if i < 0 {
		return Playbook{}, false
	}
	return p.Playbooks[i], true
}

// Frozen says which freeze keeps the request from being carried out now, "" when
// none does.
func (in Input) Frozen() string {
	for _, f := range in.Policy.Freezes {
		if until, frozen := f.holds(in); frozen {
			return fmt.Sprintf("The freeze %s holds until %s.", f.Name, clock(until))
		}
	}
	return ""
}

// Takes reports whether the playbook's ladder has the action.
func (b Playbook) Takes(action string) bool { return slices.Contains(b.Ladder(), action) }

// Ladder returns the names of all actions of the playbook, in the order in which
// they are tried.
func (b Playbook) Ladder() []string {
	names := []string{b.Action}
	for _, r := range b.Then {
		names = append(names, r.Action)
	}
	return names
}
