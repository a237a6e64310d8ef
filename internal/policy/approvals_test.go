package policy_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend/internal/policy"
)

const approvalsHead = `apiVersion: amend.dev/v1alpha1
kind: Policy
playbooks: []
`

func TestApprovals(t *testing.T) {
	page, err := os.ReadFile("../../docs/approvals.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```\n")
	p, err := policy.Parse("policy.yaml", []byte(approvalsHead+example), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	if !schemaAccepts(compile(t), []byte(approvalsHead+example)) {
		t.Error("the schema does not accept the example")
	}
	want := policy.Approvals{
		Expire: policy.Duration(24 * time.Hour),
		Approvers: []policy.Approver{
			{Name: "Ada Lovelace", Slack: "U0123456789", GitHub: "ada"}, {Name: "Grace Hopper", Slack: "U9876543210", GitHub: "grace"},
		},
		Steps: []policy.ApprovalStep{
			{Slack: "C0123456789", Wait: policy.Duration(10 * time.Minute)},
			{PagerDuty: "payments", Wait: policy.Duration(15 * time.Minute)},
			{OnCall: "platform", Wait: policy.Duration(15 * time.Minute)},
		},
	}
	if diff := cmp.Diff(want, p.Approvals); diff != "" {
		t.Error(diff)
	}
	for i, w := range []string{"slack C0123456789", "pagerduty payments", "oncall platform"} {
		if via, place := p.Approvals.Steps[i].Via(); via+" "+place != w {
			t.Errorf("step %d tells %s %s, want %s", i, via, place, w)
		}
	}
}

func TestFrozen(t *testing.T) {
	p, err := policy.Parse("policy.yaml", []byte(approvalsHead+"freezes: [{name: may-day, schedule: '0 0 1 5 *', duration: 1d, namespaces: [shop]}]\n"), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	if name, until := p.Frozen("any", "shop", noon); name != "may-day" || !until.Equal(noon.Add(12*time.Hour)) {
		t.Errorf("frozen by %q until %v", name, until)
	}
	for _, tt := range []struct {
		namespace string
		now       time.Time
	}{{"other", noon}, {"shop", noon.Add(12 * time.Hour)}} {
		if name, _ := p.Frozen("any", tt.namespace, tt.now); name != "" {
			t.Errorf("%s is frozen by %s at %v", tt.namespace, name, tt.now)
		}
	}
}

func TestApprovalsMistakes(t *testing.T) {
	tests := map[string]struct{ approvals, want string }{
		"no steps":         {"{steps: []}", "4:20: expected 1 to 20 steps, found 0"},
		"no place":         {"{steps: [{wait: 5m}]}", "4:21: expected one of slack, pagerduty, oncall, webhook, sns or email, found 0 of them"},
		"two places":       {"{steps: [{oncall: a, webhook: b}]}", "4:21: expected one of slack, pagerduty, oncall, webhook, sns or email, found 2 of them"},
		"name of channel":  {"{approvers: [{name: A, slack: U123, github: a}], steps: [{slack: shop}]}", `4:77: "shop" is not the ID of a channel`},
		"nobody to answer": {"{steps: [{slack: C123}]}", "4:12: a step asks in Slack and nobody may answer; add approvers"},
		"path":             {"{steps: [{pagerduty: ../key}]}", `4:33: "../key" is not a name of at most 39`},
		"name of person":   {"{approvers: [{name: '<!here>', slack: U123, github: a}], steps: [{oncall: a}]}", `4:32: "<!here>" is not the name of a person`},
		"name for ID":      {"{approvers: [{name: A, slack: ada, github: a}], steps: [{oncall: a}]}", `4:42: "ada" is not a member ID`},
		"no login":         {"{approvers: [{name: A, slack: U123}], steps: [{oncall: a}]}", `4:25: missing field "github"`},
		"twice":            {"{approvers: [{name: A, slack: U123, github: a}, {name: B, slack: U123, github: b}], steps: [{oncall: a}]}", `4:77: the member "U123" is the approver in line 4 already`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Parse("policy.yaml", []byte(approvalsHead+"approvals: "+tt.approvals+"\n"), catalogue)
			if err == nil || !strings.Contains(err.Error(), "policy.yaml:"+tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}
