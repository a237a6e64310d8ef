package policy

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/amendhq/amend"
)

// What holds when the file does not say otherwise.
const (
	defaultSettle = Duration(5 * time.Minute)
	defaultVeto   = Duration(7 * 24 * time.Hour)
)

var (
	defaultBreaker = Breaker{Changes: 3, Within: Duration(24 * time.Hour)}
	defaultBudgets = []Budget{{Per: perRepo, Changes: 10, Within: Duration(5 * time.Minute)}}
)

// maxWindow bounds how far back guards look, and with it what has to be read.
const maxWindow = Duration(31 * 24 * time.Hour)

// A Scope bounds which workloads the policy is for.
type Scope struct {
	Namespaces []Pattern `json:"namespaces" jsonschema:"minItems=1" jsonschema_description:"The namespaces whose workloads may be changed; * and ? stand for any characters and any one."`
}

func (s Scope) holds(w amend.ObjectRef) bool {
	return s.Namespaces == nil || anyMatch(s.Namespaces, w.Namespace)
}

// A Pattern selects namespaces: * stands for any characters, ? for any one.
type Pattern string

var patternForm = regexp.MustCompile(`^[-a-z0-9*?]{1,63}$`)

// UnmarshalText takes what a namespace can be made of, and the two wildcards.
func (p *Pattern) UnmarshalText(text []byte) error {
	if !patternForm.Match(text) {
		return fmt.Errorf("%.70q selects no namespace; expected lower-case letters, digits, hyphens, * and ?, such as shop or team-*", text)
	}
	*p = Pattern(text)
	return nil
}

// JSONSchema describes the notation.
func (Pattern) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: patternForm.String(), Examples: []any{"shop", "team-*"}}
}

func anyMatch(patterns []Pattern, name string) bool {
	return slices.ContainsFunc(patterns, func(p Pattern) bool {
		ok, err := path.Match(string(p), name)
		return err == nil && ok
	})
}

// What a budget is counted for.
const (
	perRepo      = "repo"
	perNamespace = "namespace"
	perWorkload  = "workload"
	perPlaybook  = "playbook"
)

var scopes = []string{perRepo, perNamespace, perWorkload, perPlaybook}

// A Budget bounds how much amend changes in any window of time. Changes that are
// taken back were made all the same, and taking one back costs nothing: what a
// bad fix has broken is repaired even when the budget is spent.
type Budget struct {
	Per       string   `json:"per" jsonschema:"enum=repo,enum=namespace,enum=workload,enum=playbook" jsonschema_description:"What is counted together with the change in question."`
	Changes   int      `json:"changes,omitempty" jsonschema:"minimum=1,oneof_required=changes" jsonschema_description:"How many changes there may be in the window."`
	Workloads int      `json:"workloads,omitempty" jsonschema:"minimum=1,oneof_required=workloads" jsonschema_description:"How many different workloads may be changed in the window."`
	Within    Duration `json:"within" jsonschema_description:"The window: any time of this length."`
}

// counts reports whether the budget counts a change together with the request.
func (b Budget) counts(r amend.Record, req amend.Request) bool {
	switch b.Per {
	case perNamespace:
		target, err := amend.ParseObjectRef(r.Target)
		return err != nil || target.Namespace == req.Workload.Namespace
	case perWorkload:
		return r.Target == req.Workload.ObjectRef.String() || r.Incident == req.Incident()
	case perPlaybook:
		return r.Playbook == req.Playbook
	default:
		return true
	}
}

// spent returns when the budget allows the request, if that is after now.
func (b Budget) spent(in Input) (until time.Time, spent bool) {
	from := in.Now.Add(-time.Duration(b.Within))
	own := in.Request.Workload.ObjectRef.String()
	latest := map[string]time.Time{} // of each change or workload that counts
	for _, r := range in.Records {
		if !r.At.After(from) || !b.counts(r, in.Request) {
			continue
		}
		key := r.Target
		if b.Changes > 0 {
			key = fmt.Sprintf("%s %d", r.Incident, r.Episode)
		}
		if r.At.After(latest[key]) {
			latest[key] = r.At
		}
	}
	if _, known := latest[own]; b.Workloads > 0 && known {
		return time.Time{}, false // it adds no workload
	}
	most := max(b.Changes, b.Workloads)
	if len(latest) < most {
		return time.Time{}, false
	}
	var times []time.Time
	for _, t := range latest {
		times = append(times, t)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[len(times)-most].Add(time.Duration(b.Within)), true
}

func (b Budget) String() string {
	what := "changes"
	if b.Workloads > 0 {
		what = "workloads changed"
	}
	return fmt.Sprintf("%d %s per %s within %s", max(b.Changes, b.Workloads), what, b.Per, b.Within)
}

// bots are the programs that may own a field or a line; package locate knows how
// to tell.
var bots = []string{"argo-rollouts", "flux", "image-updater", "kargo", "keel", "release-please", "renovate", "vpa"}

// A Breaker stops an incident whose changes do not last.
type Breaker struct {
	Changes int      `json:"changes" jsonschema:"minimum=1" jsonschema_description:"How many changes of one incident within the window are enough to ask a person."`
	Within  Duration `json:"within" jsonschema_description:"The window."`
}

// A Rung is what a playbook tries after an earlier action did not help.
type Rung struct {
	Action string            `json:"action" jsonschema_description:"Another action of the catalogue."`
	With   map[string]string `json:"with,omitempty" jsonschema_description:"The parameters of the action."`
}

// next returns the action that follows one that did not help, false after the
// last. What a person asks for by name is not replaced by something else.
func (b Playbook) next(e amend.Event, tried string) (string, bool) {
	if e.Alert.Requested() {
		return "", false
	}
	at := slices.IndexFunc(b.Then, func(r Rung) bool { return r.Action == tried })
	if at < 0 && tried != b.Action || at+1 >= len(b.Then) {
		return "", false
	}
	return b.Then[at+1].Action, true
}

// Rung returns the request for another action of the playbook's ladder.
func (b Playbook) Rung(req amend.Request, action string) amend.Request {
	for _, r := range b.Then {
		if r.Action == action {
			req.Action, req.Params = r.Action, r.With
		}
	}
	return req
}

// Memory is how far back the guards of the policy look: decisions need every
// change since then.
func (p *Policy) Memory() time.Duration {
	longest := p.Storm.Within
	for _, b := range p.Budgets {
		longest = max(longest, b.Within)
	}
	for _, r := range p.BlastRadius {
		longest = max(longest, r.Within)
	}
	for _, b := range p.Playbooks {
		longest = max(longest, b.Settle, b.Breaker.Within)
	}
	return time.Duration(longest)
}

// fillGuards completes what the file leaves out. An empty list of budgets is one
// that somebody wrote.
func (p *Policy) fillGuards() {
	if p.Budgets == nil {
		p.Budgets = slices.Clone(defaultBudgets)
	}
	for i := range p.Playbooks {
		b := &p.Playbooks[i]
		b.Settle = cmp.Or(b.Settle, p.Defaults.Settle, defaultSettle)
		b.Veto = cmp.Or(b.Veto, p.Defaults.Veto, defaultVeto)
		b.Breaker = cmp.Or(b.Breaker, p.Defaults.Breaker, defaultBreaker)
	}
}

// held applies the guards that look beyond the episode at hand, when it is about
// to be answered with a change.
func (in Input) held() (amend.Reason, string) {
	if by := in.waiting(); by != "" {
		return amend.ReasonSettling, fmt.Sprintf("A pull request of the playbook %s for the same workload waits for a person and may end this alert too; merge or close it.", by)
	}
	if until, by := in.settling(); by != "" {
		return amend.ReasonSettling, fmt.Sprintf("A change of the playbook %s to the same workload was made or proposed after this alert began and has until %s to end it.", by, clock(until))
	}
	if n, most := in.recent(), in.Playbook.Breaker.Changes; most > 0 && n >= most {
		return amend.ReasonBreaker, fmt.Sprintf("%d changes within %s, made or proposed, did not end this trouble for good, so a person has to look.", n, in.Playbook.Breaker.Within)
	}
	if in.Request.Mode == amend.Suggest {
		return amend.ReasonAct, "" // what is not written is neither frozen nor counted
	}
	for _, f := range in.Policy.Freezes {
		if until, frozen := f.holds(in); frozen {
			return amend.ReasonFrozen, fmt.Sprintf("The freeze %s holds until %s.", f.Name, clock(until))
		}
	}
	if in.storming() {
		return in.gather()
	}
	in.Records = separate(in.Records)
	for _, b := range in.Policy.Budgets {
		if until, spent := b.spent(in); spent {
			return amend.ReasonBudget, fmt.Sprintf("The budget of %s is spent; amend acts again from %s if the alert still fires then.", b, clock(until))
		}
	}
	return amend.ReasonAct, ""
}

// waiting looks for another incident's open pull request for the workload. Several
// alerts of one trouble fold into the first that was answered.
func (in Input) waiting() (playbook string) {
	own, incident := in.Request.Workload.ObjectRef.String(), in.Request.Incident()
	i := slices.IndexFunc(in.Records, func(r amend.Record) bool { return r.Open && r.Target == own && r.Incident != incident })
	if i < 0 {
		return ""
	}
	return in.Records[i].Playbook
}

// settling looks for another incident's change to the workload that may end this
// alert too: it was made or proposed after the alert began, a short time ago.
func (in Input) settling() (until time.Time, playbook string) {
	own, incident := in.Request.Workload.ObjectRef.String(), in.Request.Incident()
	for _, r := range in.Records {
		end := r.At.Add(time.Duration(in.Playbook.Settle))
		if r.Target == own && r.Incident != incident && in.Now.Before(end) && !in.Request.Event.Alert.StartsAt.After(r.At) && end.After(until) {
			until, playbook = end, r.Playbook
		}
	}
	return until, playbook
}

// recent counts the incident's changes within the breaker's window: those that
// landed, and those that were proposed, as an alert that comes and goes would have
// a pull request opened each time and closed again.
func (in Input) recent() int {
	from := in.Now.Add(-time.Duration(in.Playbook.Breaker.Within))
	episodes := map[int]bool{}
	for _, e := range in.Episodes {
		if e.State == amend.EpisodeLanded && e.At.After(from) {
			episodes[e.N] = true
		}
	}
	incident := in.Request.Incident()
	for _, r := range in.Records {
		if r.Incident == incident && r.At.After(from) {
			episodes[r.Episode] = true
		}
	}
	return len(episodes)
}

// takenBack judges by who took the incident's latest change back.
func (in Input) takenBack(latest amend.Episode) (amend.Reason, string) {
	back := latest.TakenBack
	if back == nil {
		return amend.ReasonAct, ""
	}
	if until := back.At.Add(time.Duration(in.Playbook.Veto)); back.ByPerson && in.Now.Before(until) {
		return amend.ReasonVetoed, fmt.Sprintf("A person took the change of episode %d back in %.12s, so amend leaves this incident alone until %s.", latest.N, back.Commit, clock(until))
	}
	if until := back.At.Add(time.Duration(in.Playbook.Breaker.Within)); !back.ByPerson && in.Now.Before(until) {
		return amend.ReasonBreaker, fmt.Sprintf("amend took the change of episode %d back in %.12s, because it did not help or somebody asked for that, so a person has to look; amend acts again from %s.", latest.N, back.Commit, clock(until))
	}
	return amend.ReasonAct, ""
}
