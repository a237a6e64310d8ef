package message_test

import (
	"time"

	"github.com/amendhq/amend"
)

// plan returns the plan that the golden texts show.
func plan() amend.Plan {
	return amend.Plan{
		Request: amend.Request{
			Event: amend.Event{
				ID:   "firing.4f0c2d7e91ab",
				Time: time.Date(2026, 3, 1, 10, 0, 20, 0, time.UTC),
				Alert: amend.Alert{
					Status: amend.Firing,
					Labels: map[string]string{"alertname": "WebAppHighAnomalyScore", "namespace": "shop"},
					Annotations: map[string]string{
						"summary": "Anomaly score of web is 0.93, ask @oncall, see #12",
						"value":   "0.93",
					},
					StartsAt:     time.Date(2026, 3, 1, 9, 58, 0, 0, time.UTC),
					GeneratorURL: "https://prometheus.example/graph?g0.expr=anomaly_score",
				},
			},
			Playbook: "web-anomaly",
			Action:   "restart",
			Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}},
			Mode:     amend.PullRequest,
		},
		Episode: 2,
		Edits: []amend.Edit{{
			Object: amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"},
			Field:  "spec.replicas",
			Target: amend.Target{Path: repoPath("apps/web/deploy.yaml"), Line: 12, EndLine: 12},
			Old:    "3", New: "5",
		}},
		Diff: "--- a/apps/web/deploy.yaml\n+++ b/apps/web/deploy.yaml\n@@ -12 +12 @@\n-  replicas: 3\n+  replicas: 5\n",
	}
}

// repoPath parses a path that is known to be good, and is zero otherwise.
func repoPath(s string) amend.RepoPath {
	p, _ := amend.ParseRepoPath(s)
	return p
}

// hostilePlan puts text wherever somebody else's text can be.
func hostilePlan(text string) amend.Plan {
	p := plan()
	a := &p.Request.Event.Alert
	a.Labels["alertname"] = text
	a.Annotations = map[string]string{"summary": text, "description": text, "value": text}
	a.GeneratorURL = text
	p.Request.Event.ID = text
	p.Request.Workload.Kind = text
	p.Request.Workload.Namespace = text
	p.Request.Workload.Name = text
	e := &p.Edits[0]
	e.Object = p.Request.Workload.ObjectRef
	e.Field, e.Old, e.New = text, text, text
	if path, err := amend.ParseRepoPath("apps/" + text + ".yaml"); err == nil {
		e.Target.Path = path
	}
	p.Diff += " " + text + "\n"
	return p
}
