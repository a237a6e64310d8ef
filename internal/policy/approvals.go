package policy

import (
	"cmp"
	"regexp"
	"slices"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// Approvals say who may approve a pull request of amend without opening its
// host, who is told of what needs a person, and who next when nobody answers.
type Approvals struct {
	Expire    Duration       `json:"expire,omitempty" jsonschema_description:"How long a question can be answered; 24h when left out."`
	Approvers []Approver     `json:"approvers,omitempty" jsonschema_description:"The people whose answers count; required with a slack step."`
	Steps     []ApprovalStep `json:"steps" jsonschema:"minItems=1,maxItems=20" jsonschema_description:"Who is told, in order; the next one when the one before has not answered."`
}

// An Approver is a person whose answers count.
type Approver struct {
	Name   string `json:"name" jsonschema:"pattern=^[^\\p{C}<>@&]{1\\,80}$" jsonschema_description:"Shown as the one who decided."`
	Slack  string `json:"slack" jsonschema:"pattern=^[UW][A-Z0-9]{2\\,20}$" jsonschema_description:"The member ID in Slack, not the name."`
	GitHub string `json:"github" jsonschema:"pattern=^[A-Za-z0-9-]{1\\,39}$" jsonschema_description:"The login on the Git host; nobody approves what they proposed."`
}

// An ApprovalStep names one place to tell, and how long it has to answer. The
// names stand for files with their keys, so the policy holds no secret.
type ApprovalStep struct {
	Slack     string   `json:"slack,omitempty" jsonschema:"pattern=^[CG][A-Z0-9]{2\\,20}$,oneof_required=slack" jsonschema_description:"ID of a Slack channel; its people can answer."`
	PagerDuty string   `json:"pagerduty,omitempty" jsonschema:"pattern=^[a-z0-9]([-a-z0-9]{0\\,37}[a-z0-9])?$,oneof_required=pagerduty" jsonschema_description:"Name of a PagerDuty service to page."`
	OnCall    string   `json:"oncall,omitempty" jsonschema:"pattern=^[a-z0-9]([-a-z0-9]{0\\,37}[a-z0-9])?$,oneof_required=oncall" jsonschema_description:"Name of a Grafana OnCall integration to page."`
	Webhook   string   `json:"webhook,omitempty" jsonschema:"pattern=^[a-z0-9]([-a-z0-9]{0\\,37}[a-z0-9])?$,oneof_required=webhook" jsonschema_description:"Name of a webhook that gets a signed CloudEvent."`
	SNS       string   `json:"sns,omitempty" jsonschema:"pattern=^[a-z0-9]([-a-z0-9]{0\\,37}[a-z0-9])?$,oneof_required=sns" jsonschema_description:"Name of an Amazon SNS topic to publish to."`
	Email     string   `json:"email,omitempty" jsonschema:"pattern=^[a-z0-9]([-a-z0-9]{0\\,37}[a-z0-9])?$,oneof_required=email" jsonschema_description:"Name of e-mail addresses to write to."`
	Wait      Duration `json:"wait,omitempty" jsonschema_description:"How long the step has to answer before the next one is told; 15m when left out."`
}

// What holds when the approvals do not say so.
const (
	defaultExpire = Duration(24 * time.Hour)
	defaultWait   = Duration(15 * time.Minute)
)

// maxSteps and maxApprovers bound the chain; each step is one message.
const (
	maxSteps     = 20
	maxApprovers = 200
)

var (
	slackUser    = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)
	slackChannel = regexp.MustCompile(`^[CG][A-Z0-9]{2,20}$`)
	hostLogin    = regexp.MustCompile(`^[A-Za-z0-9-]{1,39}$`)
)

// personName is built when needed, like labelForm.
var personName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[^\p{C}<>@&]{1,80}$`) })

// Via returns the kind of place that the step tells, which is the name of its
// field, and the place.
func (s ApprovalStep) Via() (kind, place string) {
	for _, v := range s.places() {
		if *v.field != "" {
			return v.kind, *v.field
		}
	}
	return "", ""
}

// A place is one of the fields of a step that say whom to tell.
type place struct {
	kind  string
	field *string
	form  *regexp.Regexp
	want  string
}

func (s *ApprovalStep) places() []place {
	const name = "a name of at most 39 lower-case letters, digits and inner hyphens"
	return []place{
		{"slack", &s.Slack, slackChannel, "the ID of a channel such as C0123456789, which Slack shows at the end of the channel's details"},
		{"pagerduty", &s.PagerDuty, playbookName, name},
		{"oncall", &s.OnCall, playbookName, name},
		{"webhook", &s.Webhook, playbookName, name},
		{"sns", &s.SNS, playbookName, name},
		{"email", &s.Email, playbookName, name},
	}
}

func (r *reader) checkApprovals(a *Approvals) {
	r.checkWindow(&a.Expire)
	if n := r.at[&a.Steps]; n != nil && (len(a.Steps) == 0 || len(a.Steps) > maxSteps) {
		r.problem(n, "expected 1 to %d steps, found %d", maxSteps, len(a.Steps))
	}
	asks := false
	for i := range a.Steps {
		r.checkApprovalStep(&a.Steps[i])
		asks = asks || a.Steps[i].Slack != ""
	}
	if n := r.at[a]; n != nil && asks && len(a.Approvers) == 0 {
		r.problem(n, "a step asks in Slack and nobody may answer; add approvers")
	}
	r.checkApprovers(a)
}

func (r *reader) checkApprovalStep(s *ApprovalStep) {
	n := r.at[s]
	if n == nil {
		return
	}
	var kinds []string
	named := 0
	for _, p := range s.places() {
		kinds = append(kinds, p.kind)
		if !has(n, p.kind) {
			continue
		}
		named++
		r.checkForm(p.field, p.form, p.want)
	}
	if named != 1 {
		r.problem(n, "expected one of %s, found %d of them", list(kinds), named)
	}
	r.checkWindow(&s.Wait)
}

func (r *reader) checkApprovers(a *Approvals) {
	if n := r.at[&a.Approvers]; n != nil && len(a.Approvers) > maxApprovers {
		r.problem(n, "expected at most %d approvers, found %d", maxApprovers, len(a.Approvers))
		return
	}
	for i := range a.Approvers {
		p := &a.Approvers[i]
		r.checkForm(&p.Name, personName(), "the name of a person, without < > @ &")
		r.checkForm(&p.Slack, slackUser, "a member ID such as U0123456789, which Slack shows in the menu of a profile")
		r.checkForm(&p.GitHub, hostLogin, "a login such as octocat")
		if j := slices.IndexFunc(a.Approvers[:i], func(q Approver) bool { return q.Slack == p.Slack }); j >= 0 && r.at[&p.Slack] != nil {
			r.problem(r.at[&p.Slack], "the member %.60q is the approver in line %d already", p.Slack, r.line(&a.Approvers[j]))
		}
	}
}

func (r *reader) checkForm(field *string, form *regexp.Regexp, want string) {
	if n := r.at[field]; n != nil && !form.MatchString(*field) {
		r.problem(n, "%.60q is not %s", *field, want)
	}
}

func (r *reader) line(value any) int {
	return cmp.Or(r.at[value], &yaml.Node{}).Line
}

// Frozen returns a freeze that keeps the changes of a playbook to a namespace
// from landing now, and when it ends; "" for none.
func (p *Policy) Frozen(playbook, namespace string, now time.Time) (name string, until time.Time) {
	in := Input{Now: now, Request: amend.Request{Playbook: playbook}}
	in.Request.Workload.Namespace = namespace
	for _, f := range p.Freezes {
		if until, frozen := f.holds(in); frozen {
			return f.Name, until
		}
	}
	return "", time.Time{}
}

// fillApprovals completes the approvals with what they leave out.
func (p *Policy) fillApprovals() {
	p.Approvals.Expire = cmp.Or(p.Approvals.Expire, defaultExpire)
	for i := range p.Approvals.Steps {
		s := &p.Approvals.Steps[i]
		s.Wait = cmp.Or(s.Wait, defaultWait)
	}
}
