package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

const verifying = `
apiVersion: amend.dev/v1alpha1
kind: Policy
defaults: DEFAULTS
playbooks:
  - name: web
    match: ['alertname="WebDown"']
    workload: {kind: Deployment, namespace: {label: namespace}, name: {label: name}}
    action: restart
    mode: MODE
    verify: VERIFY
`

func TestCheck(t *testing.T) {
	web := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web.v2"}
	const minutes = time.Minute
	for name, c := range map[string]struct {
		defaults, mode, verify, playbook string
		want                             amend.Check
	}{
		"nothing said, commit":       {"{}", "commit", "{}", "web", amend.Check{After: 2 * minutes, Deadline: 15 * minutes, OnFailure: amend.TakeBack}},
		"nothing said, pull request": {"{}", "pull-request", "{}", "web", amend.Check{After: 2 * minutes, Deadline: 15 * minutes, OnFailure: amend.ProposeTakeBack}},
		"the defaults of the file": {"{verify: {after: 1m, probe: up, onFailure: keep}}", "commit", "{}", "web",
			amend.Check{After: minutes, Deadline: 15 * minutes, Probe: "up", OnFailure: amend.Keep}},
		"the playbook's own": {"{verify: {after: 1m, probe: up, onFailure: keep}}", "commit", "{deadline: 5m, probe: down, onFailure: revert}", "web",
			amend.Check{After: minutes, Deadline: 5 * minutes, Probe: "down", OnFailure: amend.TakeBack}},
		"names of the workload": {"{}", "commit", `{probe: 'a{k="$kind",n="$namespace",p=~"$name-.*$"}'}`, "web",
			amend.Check{After: 2 * minutes, Deadline: 15 * minutes, Probe: `a{k="Deployment",n="shop",p=~"web.v2-.*$"}`, OnFailure: amend.TakeBack}},
		"a playbook that is gone": {"{verify: {probe: up}}", "commit", "{}", "old",
			amend.Check{After: 2 * minutes, Deadline: 15 * minutes, Probe: "up", OnFailure: amend.Keep}},
	} {
		text := strings.NewReplacer("DEFAULTS", c.defaults, "MODE", c.mode, "VERIFY", c.verify).Replace(verifying)
		p, err := policy.Parse(policyFile, []byte(text), catalogue)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := p.Check(c.playbook, web)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whatever a label holds, none of it gets into a query unless it is a name.
func TestProbeTakesNamesOnly(t *testing.T) {
	text := strings.NewReplacer("DEFAULTS", "{}", "MODE", "commit", "VERIFY", `{probe: 'up{n="$name"}'}`).Replace(verifying)
	p, err := policy.Parse(policyFile, []byte(text), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []amend.ObjectRef{
		{Kind: "Deployment", Namespace: "shop", Name: `web"} or vector(1) #`},
		{Kind: "Deployment", Namespace: "shop", Name: "$namespace"},
		{Kind: "Deployment", Namespace: "shop", Name: ""},
		{Kind: "Deployment", Namespace: "Shop", Name: "web"},
		{Kind: `D"`, Namespace: "shop", Name: "web"},
		{Kind: "Deployment", Namespace: "shop", Name: "web\n"},
	} {
		if check, err := p.Check("web", w); amend.ReasonOf(err) != amend.ReasonNoWorkload || check.Probe != "" {
			t.Errorf("%q: probe %q, error %v", w, check.Probe, err)
		}
	}
}
