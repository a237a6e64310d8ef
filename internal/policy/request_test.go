package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
)

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
			b, ok := p.Match(amend.Alert{Labels: c.labels})
			if b.Name != c.want || ok != (c.want != "") {
				t.Errorf("Match = %q, %v; want %q", b.Name, ok, c.want)
			}
		})
	}
}

func TestMatchFollowsAlertmanager(t *testing.T) {
	p := load(t, "testdata/good/full.txtar")
	for severity, want := range map[string]string{"critical": "webapp-anomaly", "page": "webapp-anomaly", "pager": "", "": ""} {
		b, _ := p.Match(amend.Alert{Labels: map[string]string{"alertname": "WebAppHighAnomalyScore", "severity": severity}})
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
