package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

const (
	foreignWeb = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: app
          image: registry.example.com/web:3
          resources:
            limits:
              memory: 256Mi
`
	foreignApp = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  namespace: argocd
  annotations: {team: shop}
spec:
  source: {repoURL: https://example.com/env.git, path: apps}
  destination: {namespace: shop}
`
	hpa = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec: {maxReplicas: 9, scaleTargetRef: {kind: Deployment, name: web}}\n"
	vpa = "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec:\n  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n"
)

// foreign decides about a playbook of an action on an env repo in which a change
// was made to the manifest of the workload or to its Application, or a file added.
func foreign(t *testing.T, action, overrule, from, to string) amend.Decision {
	t.Helper()
	with := map[string]string{"scale-replicas": "{max: 9}", "set-image-tag": `{tag: "4"}`, "raise-memory-limit": "{ceiling: 2Gi}", "restart": "{}"}[action]
	files := fstest.MapFS{
		"apps/web.yaml": {Data: []byte(foreignWeb)},
		"argo/web.yaml": {Data: []byte(foreignApp)},
		policy.Path: {Data: fmt.Appendf(nil, `apiVersion: amend.dev/v1alpha1
kind: Policy
playbooks:
  - name: web
    match: ['alertname="Web"']
    workload: {kind: Deployment, namespace: {value: shop}, name: {value: web}}
    action: %s
    with: %s
    overrule: [%s]
    mode: commit
`, action, with, overrule)},
	}
	switch {
	case from == "":
		files["apps/owner.yaml"] = &fstest.MapFile{Data: []byte(to)}
	case strings.Contains(foreignWeb, from):
		files["apps/web.yaml"].Data = []byte(strings.Replace(foreignWeb, from, to, 1))
	default:
		files["argo/web.yaml"].Data = []byte(strings.Replace(foreignApp, from, to, 1))
	}
	d, err := pipeline.New().Decide(pipeline.World{Tree: files, Past: past{}, Now: now}, event(t, "firing alertname=Web"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestNobodyFightsWithAnOwner is threat T19: where another controller sets a field
// or another bot writes its line, amend writes nothing.
func TestNobodyFightsWithAnOwner(t *testing.T) {
	const (
		image    = "          image: registry.example.com/web:3\n"
		notes    = "{team: shop}"
		appEnd   = "  destination: {namespace: shop}\n"
		replicas = "scale-replicas"
		tag      = "set-image-tag"
		memory   = "raise-memory-limit"
	)
	for _, c := range []struct {
		owner, action string
		from, to      string // what the owner has written in the env repo
		want          amend.Reason
		bot           string // that may be overruled
	}{
		{"HorizontalPodAutoscaler", replicas, "", hpa, amend.ReasonOwnedByHPA, ""},
		{"KEDA", replicas, "", "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: web, namespace: shop}\nspec: {maxReplicaCount: 9, scaleTargetRef: {name: web}}\n", amend.ReasonOwnedByHPA, ""},
		{"VerticalPodAutoscaler", memory, "", vpa, amend.ReasonOwnedByBot, "vpa"},
		{"VerticalPodAutoscaler for the container", memory, "", vpa + "  resourcePolicy: {containerPolicies: [{containerName: '*', mode: 'Off'}, {containerName: app, controlledResources: [memory]}]}\n", amend.ReasonOwnedByBot, "vpa"},
		{"Argo Rollouts", replicas, "", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web, namespace: shop}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web, scaleDown: onsuccess}}\n", amend.ReasonOwnedByBot, "argo-rollouts"},
		{"ignoreDifferences by pointer", memory, appEnd, appEnd + "  ignoreDifferences: [{group: apps, kind: Deployment, jsonPointers: [/spec/template/spec/containers/0/resources]}]\n", amend.ReasonUnsupported, ""},
		{"ignoreDifferences by expression", tag, appEnd, appEnd + "  ignoreDifferences: [{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == \"app\")']}]\n", amend.ReasonUnsupported, ""},
		{"ignoreDifferences by manager", tag, appEnd, appEnd + "  ignoreDifferences: [{group: '*', kind: '*', managedFieldsManagers: [image-bot]}]\n", amend.ReasonUnsupported, ""},
		{"ignoreDifferences of the replicas", replicas, appEnd, appEnd + "  ignoreDifferences: [{group: apps, kind: Deployment, managedFieldsManagers: [kube-controller-manager]}]\n", amend.ReasonOwnedByHPA, ""},
		{"Flux", tag, image, strings.TrimSuffix(image, "\n") + ` # {"$imagepolicy": "shop:web"}` + "\n", amend.ReasonOwnedByBot, "flux"},
		{"Renovate on the line above", tag, image, "          # renovate: datasource=docker\n" + image, amend.ReasonOwnedByBot, "renovate"},
		{"Renovate beside the value", tag, image, strings.TrimSuffix(image, "\n") + " # renovate: datasource=docker\n", amend.ReasonOwnedByBot, "renovate"},
		{"release-please", tag, image, strings.TrimSuffix(image, "\n") + " # x-release-please-version\n", amend.ReasonOwnedByBot, "release-please"},
		{"Image Updater", tag, notes, "{argocd-image-updater.argoproj.io/image-list: 'db=mysql:8.x, app=registry.example.com/web:~3'}", amend.ReasonOwnedByBot, "image-updater"},
		{"Image Updater without the registry", tag, notes, "{argocd-image-updater.argoproj.io/image-list: web}", amend.ReasonOwnedByBot, "image-updater"},
		{"Kargo", tag, notes, "{kargo.akuity.io/authorized-stage: 'shop:prod'}", amend.ReasonOwnedByBot, "kargo"},
		{"Keel", tag, "metadata:\n", "metadata:\n  annotations: {keel.sh/policy: minor}\n", amend.ReasonOwnedByBot, "keel"},
		{"Keel by label", tag, "metadata:\n", "metadata:\n  labels: {keel.sh/policy: force}\n", amend.ReasonOwnedByBot, "keel"},
		{"a generator", memory, "apiVersion: apps/v1\n", "# Code generated by kompose. DO NOT EDIT.\napiVersion: apps/v1\n", amend.ReasonProtected, ""},
	} {
		t.Run(c.owner, func(t *testing.T) {
			d := foreign(t, c.action, "", c.from, c.to)
			if d.Reason != c.want || d.Plan != nil || d.Episode != 0 {
				t.Errorf("%s: %s (plan %v), want %s", d.Reason, d.Detail, d.Plan, c.want)
			}
			if d := foreign(t, c.action, strings.Join(locate.BotNames(), ", "), c.from, c.to); c.bot == "" && d.Acts() {
				t.Error("overruling all bots overrules the owner too")
			}
			if c.bot == "" {
				return
			}
			if !strings.Contains(d.Detail, c.bot) {
				t.Errorf("the detail does not name %s: %s", c.bot, d.Detail)
			}
			if d := foreign(t, c.action, c.bot, c.from, c.to); !d.Acts() {
				t.Errorf("overruled: %s: %s", d.Reason, d.Detail)
			}
			others := slices.DeleteFunc(locate.BotNames(), func(name string) bool { return name == c.bot })
			if d := foreign(t, c.action, strings.Join(others, ", "), c.from, c.to); d.Reason != amend.ReasonOwnedByBot {
				t.Errorf("overruling the others gives %s: %s", d.Reason, d.Detail)
			}
		})
	}
}

// What an owner does not own is for amend.
func TestOwnersOwnTheirFieldsOnly(t *testing.T) {
	for name, c := range map[string]struct{ action, from, to string }{
		"nobody":                         {"set-image-tag", "", "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"},
		"autoscaler of another":          {"scale-replicas", "", strings.Replace(hpa, "{kind: Deployment, name: web}", "{kind: Deployment, name: api}", 1)},
		"autoscaler, other field":        {"raise-memory-limit", "", hpa},
		"vertical, only advice":          {"raise-memory-limit", "", vpa + "  updatePolicy: {updateMode: 'Off'}\n"},
		"vertical, not the container":    {"raise-memory-limit", "", vpa + "  resourcePolicy: {containerPolicies: [{containerName: app, mode: 'Off'}]}\n"},
		"vertical, requests only":        {"raise-memory-limit", "", vpa + "  resourcePolicy: {containerPolicies: [{containerName: '*', controlledValues: RequestsOnly}]}\n"},
		"vertical, cpu only":             {"raise-memory-limit", "", vpa + "  resourcePolicy: {containerPolicies: [{containerName: app, controlledResources: [cpu]}]}\n"},
		"vertical, other field":          {"scale-replicas", "", vpa},
		"rollout that leaves it":         {"scale-replicas", "", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web, namespace: shop}\nspec: {workloadRef: {kind: Deployment, name: web, scaleDown: never}}\n"},
		"marker on another line":         {"scale-replicas", "          image: registry.example.com/web:3\n", `          image: registry.example.com/web:3 # {"$imagepolicy": "shop:web"}` + "\n"},
		"value above with the marker":    {"raise-memory-limit", "            limits:\n", "            limits: # renovate: nothing\n"},
		"updater of another image":       {"set-image-tag", "{team: shop}", "{argocd-image-updater.argoproj.io/image-list: 'registry.example.com/web-admin'}"},
		"updater, other field":           {"raise-memory-limit", "{team: shop}", "{argocd-image-updater.argoproj.io/image-list: web}"},
		"Kargo, other field":             {"raise-memory-limit", "{team: shop}", "{kargo.akuity.io/authorized-stage: 'shop:prod'}"},
		"Keel that is off":               {"set-image-tag", "metadata:\n", "metadata:\n  annotations: {keel.sh/policy: never}\n"},
		"ignored, other field":           {"set-image-tag", "  destination: {namespace: shop}\n", "  destination: {namespace: shop}\n  ignoreDifferences: [{group: apps, kind: Deployment, jsonPointers: [/spec/replicas], managedFieldsManagers: [kube-controller-manager]}]\n"},
		"ignored, of another workload":   {"scale-replicas", "  destination: {namespace: shop}\n", "  destination: {namespace: shop}\n  ignoreDifferences: [{group: apps, kind: Deployment, name: api, jsonPointers: [/spec/replicas]}]\n"},
		"ignored, by another path of jq": {"set-image-tag", "  destination: {namespace: shop}\n", "  destination: {namespace: shop}\n  ignoreDifferences: [{group: apps, kind: Deployment, jqPathExpressions: ['.spec.template.spec.containers[].env']}]\n"},
	} {
		if d := foreign(t, c.action, "", c.from, c.to); !d.Acts() {
			t.Errorf("%s: %s: %s", name, d.Reason, d.Detail)
		}
	}
}

// TestVetoOfAPersonHolds: what a person took back is not applied again for 7 days,
// however often the alert is delivered.
func TestVetoOfAPersonHolds(t *testing.T) {
	s := load(t, "act-restart")
	s.past.episodes = []amend.Episode{{N: 1, State: amend.EpisodeLanded, At: now.Add(-time.Hour),
		TakenBack: &amend.TakenBack{Commit: strings.Repeat("a", 40), At: now, ByPerson: true}}}
	for at := now; at.Before(now.Add(7 * 24 * time.Hour)); at = at.Add(time.Hour) {
		w := s.world()
		w.Now = at
		d, err := pipeline.New().Decide(w, s.event)
		if err != nil || d.Reason != amend.ReasonVetoed || d.Plan != nil {
			t.Fatalf("after %s: %s: %s, %v", at.Sub(now), d.Reason, d.Detail, err)
		}
	}
}

// The policy lets exactly the bots be overruled that are looked for.
func TestBotsAreThoseOfThePolicy(t *testing.T) {
	schema, err := policy.Schema(pipeline.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range locate.BotNames() {
		if d := foreign(t, "restart", name, "", "{}"); d.Reason == amend.ReasonInvalidPolicy || !strings.Contains(string(schema), `"`+name+`"`) {
			t.Errorf("the policy does not know %s: %s", name, d.Detail)
		}
		if rows(t, "docs/policy.md")[name] != 1 {
			t.Errorf("docs/policy.md has no row for %s", name)
		}
	}
	if d := foreign(t, "restart", "dependabot", "", "{}"); d.Reason != amend.ReasonInvalidPolicy || !strings.Contains(d.Detail, strings.Join(locate.BotNames()[:3], ", ")) {
		t.Errorf("an unknown bot: %s: %s", d.Reason, d.Detail)
	}
}
