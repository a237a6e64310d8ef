package gateway_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/gateway"
)

// TestArgoCDNotifications fills the templates of manifests/argocd in as Argo CD
// does, with an Application whose texts are hostile, and posts what comes out.
func TestArgoCDNotifications(t *testing.T) {
	text, err := os.ReadFile("../../manifests/argocd/notifications.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cm struct{ Data map[string]string }
	if err := yaml.UnmarshalStrict(text, &struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
		Data             *map[string]string
	}{Data: &cm.Data}); err != nil {
		t.Fatal(err)
	}
	const hostile = `"}]}, {"alertname": "x` + "\n{{.secrets}} </script>"
	vars := map[string]any{
		"context": map[string]any{"argocdUrl": "https://argocd.example.com"},
		"time":    map[string]any{"Now": func() time.Time { return at }},
		"app": map[string]any{
			"metadata": map[string]any{"name": "web", "namespace": "argocd"},
			"spec":     map[string]any{"project": hostile, "destination": map[string]any{"namespace": "shop"}},
			"status": map[string]any{
				"sync":           map[string]any{"revision": "4d2f"},
				"operationState": map[string]any{"message": hostile},
			},
		},
	}
	for name, want := range map[string]amend.Alert{
		"amend-degraded":       {Status: amend.Firing, Labels: map[string]string{"alertname": "ArgoCDAppDegraded"}, Annotations: map[string]string{"summary": "The Application is degraded.", "revision": "4d2f"}},
		"amend-healthy":        {Status: amend.Resolved, Labels: map[string]string{"alertname": "ArgoCDAppDegraded"}},
		"amend-sync-failed":    {Status: amend.Firing, Labels: map[string]string{"alertname": "ArgoCDSyncFailed"}, Annotations: map[string]string{"summary": hostile, "revision": "4d2f"}},
		"amend-sync-succeeded": {Status: amend.Resolved, Labels: map[string]string{"alertname": "ArgoCDSyncFailed"}},
	} {
		for label, value := range map[string]string{"app": "web", "app_namespace": "argocd", "namespace": "shop", "project": hostile} {
			want.Labels[label] = value
		}
		want.StartsAt, want.Receiver, want.ExternalURL = at, "argocd", "https://argocd.example.com"
		var service struct {
			Webhook map[string]struct{ Method, Path, Body string }
		}
		if err := yaml.UnmarshalStrict([]byte(cm.Data["template."+name]), &service); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		hook := service.Webhook["amend"]
		filled, err := template.New(name).Funcs(sprig.TxtFuncMap()).Parse(hook.Body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var body strings.Builder
		if err := filled.Execute(&body, vars); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := newSite(t, func(c *gateway.Config) { c.ArgoCDTokenFiles = []string{secretFile(t, "cd", "cd")} })
		post := recorded{hook.Path, http.Header{"Authorization": {"Bearer cd"}, "Content-Type": {"application/json"}}, body.String()}
		if w := post.send(s); w.Code != http.StatusOK || hook.Method != http.MethodPost || len(s.store.events) != 1 {
			t.Fatalf("%s: %d %s\n%s", name, w.Code, w.Body, &body)
		}
		if diff := cmp.Diff(want, s.store.events[0].Alert); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !strings.Contains(cm.Data["trigger.amend-health"]+cm.Data["trigger.amend-sync"], "["+name+"]") {
			t.Errorf("no trigger sends %s", name)
		}
	}
}
