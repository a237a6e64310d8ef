package verify_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

// renders is an Argo CD whose renders tell which Application they are of and at
// which revisions.
type renders struct {
	apps []amend.Application
	live map[string]amend.Application // where it is not as listed
	fail string                       // the call that fails
}

func (r renders) Applications(context.Context) ([]amend.Application, error) {
	return r.apps, r.failing("list")
}

func (r renders) Application(_ context.Context, namespace, name string) (amend.Application, error) {
	if app, ok := r.live[namespace+"/"+name]; ok {
		return app, nil
	}
	i := slices.IndexFunc(r.apps, func(a amend.Application) bool { return a.Namespace == namespace && a.Name == name })
	if i < 0 {
		return amend.Application{}, amend.Errorf(amend.NotFound, "read application", "no %s", name)
	}
	return r.apps[i], r.failing("read")
}

func (r renders) Manifests(_ context.Context, namespace, name string, revisions map[int]string) ([]string, error) {
	at := ""
	for _, i := range slices.Sorted(maps.Keys(revisions)) {
		at += fmt.Sprintf(" %d=%s", i, revisions[i])
	}
	return []string{namespace + "/" + name + at}, r.failing(revisions[0])
}

func (r renders) failing(call string) error {
	if call == r.fail && call != "" {
		return amend.Errorf(amend.Refused, "ask", "the token has expired")
	}
	return nil
}

const envURL = "https://git.example.com/shop/env.git"

// follower is an Application with one source and these objects.
func follower(name, revision string, objects ...amend.ObjectRef) amend.Application {
	app := amend.Application{Namespace: "argocd", Name: name, Sources: []amend.ApplicationSource{{RepoURL: envURL, TargetRevision: revision}}}
	for _, o := range objects {
		app.Objects = append(app.Objects, amend.ApplicationObject{ObjectRef: o})
	}
	return app
}

func TestProve(t *testing.T) {
	deployment := amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	config := amend.ObjectRef{Kind: "ConfigMap", Namespace: "shop", Name: "web"}
	application := amend.ObjectRef{Group: "argoproj.io", Kind: "Application", Namespace: "argocd", Name: "web"}
	replicas := amend.FieldChange{Object: deployment, Field: "spec.replicas", Old: "2", New: "3"}
	lever := amend.FieldChange{Object: application, Field: "spec.source.helm.parameters[name=replicas].value", Old: "2", New: "3"}
	bare := amend.FieldChange{Object: amend.ObjectRef{Kind: "ConfigMap", Name: "web"}, Field: "data.a"}
	web, root := follower("web", "main", deployment, config), follower("root", "HEAD", application)
	other := follower("other", "main", amend.ObjectRef{Kind: "ConfigMap", Namespace: "dev", Name: "web"})
	several := web
	several.Sources = []amend.ApplicationSource{{RepoURL: "https://charts.example.com", TargetRevision: "1.2.3"}, {RepoURL: "git@git.example.com:shop/env", TargetRevision: "refs/heads/main"}, {RepoURL: envURL, TargetRevision: "v1"}}
	hydrated := web
	hydrated.Sources = nil
	for _, c := range []struct {
		name    string
		argo    renders
		changes []amend.FieldChange
		want    []string // what is compared, and the fields wanted of it
		kind    amend.Kind
		says    string
	}{
		{name: "one Application", argo: renders{apps: []amend.Application{other, web, root}}, changes: []amend.FieldChange{replicas},
			want: []string{"argocd/web 0=base → argocd/web 0=new: spec.replicas"}},
		{name: "a field without a namespace", argo: renders{apps: []amend.Application{other, web}}, changes: []amend.FieldChange{replicas, bare},
			want: []string{"argocd/web 0=base → argocd/web 0=new: spec.replicas data.a"}},
		{name: "by way of an Application", argo: renders{apps: []amend.Application{web, root}}, changes: []amend.FieldChange{replicas, lever},
			want: []string{"argocd/web 0=base → argocd/web 0=new:", "argocd/root 0=base → argocd/root 0=new: " + lever.Field}},
		{name: "several sources", argo: renders{apps: []amend.Application{several}}, changes: []amend.FieldChange{replicas},
			want: []string{"argocd/web 1=base → argocd/web 1=new: spec.replicas"}},
		{name: "the list is older than the cluster", argo: renders{apps: []amend.Application{follower("web", strings.Repeat("a", 40), deployment)}, live: map[string]amend.Application{"argocd/web": web}},
			changes: []amend.FieldChange{replicas}, want: []string{"argocd/web 0=base → argocd/web 0=new: spec.replicas"}},

		{name: "nobody deploys it", argo: renders{apps: []amend.Application{root}}, changes: []amend.FieldChange{replicas}, kind: amend.Refused, says: "no Application of Argo CD manages"},
		{name: "two deploy it", argo: renders{apps: []amend.Application{web, follower("copy", "main", deployment)}}, changes: []amend.FieldChange{replicas}, kind: amend.Refused, says: "argocd/web, argocd/copy"},
		{name: "it follows a tag", argo: renders{apps: []amend.Application{follower("web", "v1", deployment)}}, changes: []amend.FieldChange{replicas}, kind: amend.Refused, says: "follows the branch main"},
		{name: "a hydrator writes it", argo: renders{apps: []amend.Application{web}, live: map[string]amend.Application{"argocd/web": hydrated}}, changes: []amend.FieldChange{replicas}, kind: amend.Refused, says: "follows the branch main"},
		{name: "an ApplicationSet generates the Application", argo: renders{apps: []amend.Application{web}}, changes: []amend.FieldChange{replicas, lever}, kind: amend.Refused, says: "no Application of Argo CD manages argoproj.io/Application/argocd/web"},
		{name: "nothing to compare with", argo: renders{apps: []amend.Application{web}}, kind: amend.Refused, says: "not known which fields"},

		{name: "it cannot be listed", argo: renders{fail: "list"}, changes: []amend.FieldChange{replicas}, kind: amend.Transient, says: "the token has expired"},
		{name: "it cannot be read", argo: renders{apps: []amend.Application{web}, fail: "read"}, changes: []amend.FieldChange{replicas}, kind: amend.Transient, says: "the token has expired"},
		{name: "it does not render before", argo: renders{apps: []amend.Application{web}, fail: "base"}, changes: []amend.FieldChange{replicas}, kind: amend.Transient, says: "rendering argocd/web at base"},
		{name: "it does not render after", argo: renders{apps: []amend.Application{web}, fail: "new"}, changes: []amend.FieldChange{replicas}, kind: amend.Transient, says: "rendering argocd/web at new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var compared []string
			p := verify.Prover{Argo: c.argo, Repo: envURL, Branch: "main", Compare: func(before, after []string, want []amend.FieldChange) error {
				line := before[0] + " → " + after[0] + ":"
				for _, w := range want {
					line += " " + w.Field
				}
				compared = append(compared, line)
				return nil
			}}
			err := p.Prove(t.Context(), verify.Proposal{Base: "base", Commit: "new", Changes: c.changes})
			if amend.KindOf(err) != c.kind || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", amend.KindOf(err), err)
			}
			if c.kind == amend.Refused && amend.ReasonOf(err) != amend.ReasonUnproven {
				t.Errorf("the reason is %q", amend.ReasonOf(err))
			}
			if diff := cmp.Diff(c.want, compared); err == nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProveSaysWhichApplicationDiffers(t *testing.T) {
	deployment := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	p := verify.Prover{Argo: renders{apps: []amend.Application{follower("web", "main", deployment)}}, Repo: envURL, Branch: "main",
		Compare: func([]string, []string, []amend.FieldChange) error {
			return amend.Refusef(amend.ReasonUnproven, "spec.paused changes too")
		}}
	err := p.Prove(t.Context(), verify.Proposal{Changes: []amend.FieldChange{{Object: deployment}}})
	if amend.ReasonOf(err) != amend.ReasonUnproven || !strings.Contains(err.Error(), "argocd/web") || !strings.Contains(err.Error(), "spec.paused changes too") {
		t.Error(err)
	}
}
