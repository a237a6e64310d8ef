package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

// choose returns the playbook that an alert is for.
func choose(p *policy.Policy, a amend.Alert) (policy.Playbook, bool) {
	b, _, ok, _ := p.Choose(amend.Event{Alert: a}, time.Time{})
	return b, ok
}

func TestMatchIsTheFirst(t *testing.T) {
	p := load(t, "testdata/good/narrow-first.txtar")
	for _, c := range []struct {
		name   string
		labels map[string]string
		want   string
	}{
		{"both match", map[string]string{"alertname": "WebDown", "team": "a"}, "narrow"},
		{"second matches", map[string]string{"alertname": "WebDown", "team": "b"}, "wide"},
		{"label is missing", map[string]string{"alertname": "WebDown"}, "wide"},
		{"none matches", map[string]string{"alertname": "Other", "team": "a"}, ""},
		{"a prefix is no match", map[string]string{"alertname": "WebDownAgain"}, ""},
		{"no labels", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, ok := choose(p, amend.Alert{Labels: c.labels})
			if b.Name != c.want || ok != (c.want != "") {
				t.Errorf("Match = %q, %v; want %q", b.Name, ok, c.want)
			}
		})
	}
}

func TestMatchFollowsAlertmanager(t *testing.T) {
	p := load(t, "testdata/good/full.txtar")
	for severity, want := range map[string]string{"critical": "webapp-anomaly", "page": "webapp-anomaly", "pager": "", "": ""} {
		b, _ := choose(p, amend.Alert{Labels: map[string]string{"alertname": "WebAppHighAnomalyScore", "severity": severity}})
		if b.Name != want {
			t.Errorf("severity %q matches %q, want %q", severity, b.Name, want)
		}
	}
}

func TestRequest(t *testing.T) {
	p := load(t, "testdata/good/full.txtar")
	e := amend.Event{ID: "e1", Time: time.Unix(1, 0), Alert: amend.Alert{Labels: map[string]string{
		"namespace": "shop", "deployment": "web.v1", "container": "app", "kind": "StatefulSet", "workload": "db",
	}}}
	workload := func(kind, namespace, name, container string) amend.Workload {
		return amend.Workload{ObjectRef: amend.ObjectRef{Kind: kind, Namespace: namespace, Name: name}, Container: container}
	}
	want := []amend.Request{
		{Event: e, Playbook: "webapp-anomaly", Action: "restart", Mode: amend.Commit, Workload: workload("Deployment", "shop", "web.v1", "app")},
		{Event: e, Playbook: "out-of-memory", Action: "raise-memory-limit", Mode: amend.PullRequest, Workload: workload("StatefulSet", "shop", "db", "app"),
			Params: map[string]string{"factor": "2", "ceiling": "4Gi"}},
		{Event: e, Playbook: "load", Action: "scale-replicas", Mode: amend.Suggest, Workload: workload("StatefulSet", "shop", "db.primary", ""),
			Params: map[string]string{"max": "6", "by": "1"}},
	}
	for i, b := range p.Playbooks {
		got, err := b.Request(e)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", b.Name, diff)
		}
		for k := range got.Params {
			got.Params[k] = "changed"
		}
		if again, _ := b.Request(e); cmp.Diff(want[i], again) != "" {
			t.Errorf("%s: a request shares its parameters with the policy", b.Name)
		}
	}
}

func TestRequestRefusesLabelsThatNameNoWorkload(t *testing.T) {
	p := load(t, "testdata/good/full.txtar")
	for _, c := range []struct {
		name, label, value string
		playbook           int
		want               string // in the error, "" for no error
	}{
		{"namespace missing", "namespace", "", 0, `no label "namespace"`},
		{"namespace with a dot", "namespace", "a.b", 0, `label "namespace"`},
		{"name missing", "deployment", "", 0, `no label "deployment"`},
		{"path", "deployment", "../../etc", 0, `label "deployment"`},
		{"template", "deployment", "{{workflow.name}}", 0, `label "deployment"`},
		{"control bytes", "deployment", "web\x1b[2J\n::error::x", 0, `"web\x1b[2J\n::error::x"`},
		{"other scripts", "deployment", "wеb", 0, `"w\u0435b"`},
		{"no UTF-8", "deployment", "web\xff", 0, `"web\xff"`},
		{"too long", "deployment", strings.Repeat("a", 300), 0, "and more"},
		{"container missing", "container", "", 0, ""},
		{"container", "container", "POD", 0, `label "container"`},
		{"kind missing", "kind", "", 1, `no label "kind"`},
		{"kind not allowed", "kind", "DaemonSet", 1, "allows Deployment or StatefulSet"},
		{"kind in another case", "kind", "deployment", 1, "allows Deployment or StatefulSet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			labels := map[string]string{"namespace": "shop", "deployment": "web", "container": "app", "kind": "Deployment", "workload": "db"}
			labels[c.label] = c.value
			req, err := p.Playbooks[c.playbook].Request(amend.Event{Alert: amend.Alert{Labels: labels}})
			if c.want == "" {
				if err != nil || req.Workload.Container != "" {
					t.Errorf("Request = %+v, %v", req.Workload, err)
				}
				return
			}
			if amend.ReasonOf(err) != amend.ReasonNoWorkload || amend.KindOf(err) != amend.Refused {
				t.Fatalf("error %v, want a refusal with no-workload", err)
			}
			if said := err.Error(); !strings.Contains(said, c.want) || len(said) > 400 {
				t.Errorf("said %q, want %q in it", said, c.want)
			}
			for _, r := range err.Error() {
				if r < ' ' || r > '~' {
					t.Errorf("the error holds %q as such", r)
				}
			}
		})
	}
}

// asking is the event of a RemediationRequest with some labels changed; an
// empty value takes the label away.
func asking(labels ...string) amend.Event {
	all := map[string]string{
		"alertname": amend.RequestAlert, amend.RequestLabel: "r1", amend.ActionLabel: "raise-memory-limit",
		"kind": "Deployment", "namespace": "shop", "name": "web",
	}
	for i := 0; i < len(labels); i += 2 {
		if all[labels[i]] = labels[i+1]; labels[i+1] == "" {
			delete(all, labels[i])
		}
	}
	return amend.Event{Alert: amend.Alert{Status: amend.Firing, Labels: all}}
}

func TestRequestsReachThePlaybookOfTheirAction(t *testing.T) {
	p := load(t, "testdata/good/requests.txtar")
	for _, c := range []struct{ label, value, want string }{
		{"action", "restart", "asked-restart"},
		{"action", "raise-memory-limit", "asked-memory"},
		{"action", "scale-replicas", "asked-scale"},
		{"action", "roll-back-image", ""},
		{"action", "", ""},
		{"namespace", "kube-system", ""},
		{"alertname", "WebOverloaded", ""},
	} {
		b, ok := choose(p, asking(c.label, c.value).Alert)
		if b.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s=%q reaches %q, want %q", c.label, c.value, b.Name, c.want)
		}
	}
	// An alert asks for no action, whatever its label says.
	overloaded := amend.Alert{Labels: map[string]string{"alertname": "WebOverloaded"}}
	if b, _ := choose(p, overloaded); b.Name != "asked-scale" {
		t.Errorf("an alert reaches %q", b.Name)
	}
}

func TestRequestedParameters(t *testing.T) {
	p := load(t, "testdata/good/requests.txtar")
	for _, c := range []struct {
		name   string
		labels []string
		want   map[string]string
		refuse string // in the error
	}{
		{"none", nil, map[string]string{"factor": "1.5", "ceiling": "4Gi"}, ""},
		{"both", []string{"parameter_factor", "2", "parameter_ceiling", "1Gi"}, map[string]string{"factor": "2", "ceiling": "1Gi"}, ""},
		{"outside its type", []string{"parameter_factor", "0.5"}, nil, `the parameter "factor" is "0.5"; expected a decimal number greater than 1`},
		{"template", []string{"parameter_ceiling", "{{=1}}"}, nil, `the parameter "ceiling" is "{{=1}}"; expected a quantity`},
		{"long", []string{"parameter_ceiling", strings.Repeat("9", 300)}, nil, `and more; expected a quantity`},
		{"other scripts", []string{"parameter_ceiling", "1Gі"}, nil, `"1G\u0456"`},
		{"of nobody", []string{"parameter_color", "red"}, nil, `accepts no parameter "color"`},
		{"without a name", []string{"parameter_", "red"}, nil, `accepts no parameter ""`},
		{"beside a good one", []string{"parameter_factor", "2", "parameter_z", "1"}, nil, `accepts no parameter "z"`},
		{"of another playbook", []string{"action", "scale-replicas", "parameter_max", "9"}, nil, `the playbook asked-scale accepts no parameter "max"`},
		{"of its own", []string{"action", "scale-replicas", "parameter_by", "3"}, map[string]string{"max": "6", "by": "3"}, ""},
		{"below its bound", []string{"action", "scale-replicas", "parameter_by", "0"}, nil, "a whole number of at least 1"},
		{"of an action without", []string{"action", "restart", "parameter_by", "1"}, nil, `accepts no parameter "by"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := asking(c.labels...)
			b, ok := choose(p, e.Alert)
			if !ok {
				t.Fatal("no playbook matches")
			}
			req, err := b.Request(e)
			if c.refuse == "" {
				if diff := cmp.Diff(c.want, req.Params); err != nil || diff != "" {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				return
			}
			if amend.KindOf(err) != amend.Refused || amend.ReasonOf(err) != amend.ReasonParameter || !strings.Contains(err.Error(), c.refuse) {
				t.Errorf("error %v, want a refusal with %q", err, c.refuse)
			}
			if len(err.Error()) > 400 {
				t.Errorf("said %d bytes", len(err.Error()))
			}
		})
	}
	// An alert can set what is accepted, and nothing else, in the same way.
	e := amend.Event{Alert: amend.Alert{Labels: map[string]string{"alertname": "WebOverloaded", "parameter_by": "2"}}}
	if req, err := p.Playbooks[2].Request(e); err != nil || req.Params["by"] != "2" {
		t.Errorf("an alert: %v, %v", req.Params, err)
	}
	e.Alert.Labels["parameter_max"] = "100"
	if _, err := p.Playbooks[2].Request(e); amend.ReasonOf(err) != amend.ReasonParameter {
		t.Errorf("an alert with a parameter that is not accepted: %v", err)
	}
	if got := p.Playbooks[2].With; got["by"] != "1" {
		t.Errorf("a request changed the policy: %v", got)
	}
}

func TestRequestsGetTheirOwnWorkloadOrNone(t *testing.T) {
	p := load(t, "testdata/good/requests.txtar")
	for _, c := range []struct {
		name    string
		labels  []string
		refused string // in the error, "" for no error
	}{
		{"its own", nil, ""},
		{"its own container", []string{"container", "app"}, ""},
		{"the policy's", []string{"action", "scale-replicas"}, ""},
		{"another name", []string{"action", "scale-replicas", "name", "api"}, `the name "api", and the playbook would change "web"`},
		{"another namespace", []string{"action", "scale-replicas", "namespace", "pay"}, `the namespace "pay", and the playbook would change "shop"`},
		{"another kind", []string{"action", "scale-replicas", "kind", "StatefulSet"}, `the kind "StatefulSet"`},
		{"another container", []string{"action", "scale-replicas", "container", "app"}, `the container "app", and the playbook would change ""`},
		{"no name", []string{"action", "scale-replicas", "name", ""}, `the name ""`},
		{"text", []string{"action", "scale-replicas", "name", "{{x}}\n" + strings.Repeat("y", 300)}, `the name "{{x}}\n`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := asking(c.labels...)
			b, ok := choose(p, e.Alert)
			if !ok {
				t.Fatal("no playbook matches")
			}
			req, err := b.Request(e)
			if c.refused == "" {
				if err != nil || req.Workload.Name != "web" || req.Workload.Container != e.Alert.Labels["container"] {
					t.Errorf("Request = %+v, %v", req.Workload, err)
				}
				return
			}
			if amend.KindOf(err) != amend.Refused || amend.ReasonOf(err) != amend.ReasonNoWorkload || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("error %v, want a refusal with %q", err, c.refused)
			}
		})
	}
}
