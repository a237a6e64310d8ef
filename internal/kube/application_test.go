package kube_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
)

// document returns what Argo CD's own types write; see e2e/contract, which also
// says how to write it anew.
func document(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var (
	oneSource = amend.Application{
		Namespace: "argocd", Name: "shop", Sync: "Synced", Health: "Degraded", Phase: "Succeeded", Message: "what Argo CD says about the operation",
		Sources: []amend.ApplicationSource{{RepoURL: "https://git.example.com/shop/env.git", TargetRevision: "main", Compared: "compared", Applied: "applied"}},
		Objects: []amend.ApplicationObject{
			{ObjectRef: amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Health: "Degraded", Message: "what Argo CD says about the Deployment"},
			{ObjectRef: amend.ObjectRef{Kind: "ConfigMap", Namespace: "shop", Name: "web"}},
		},
	}
	severalSources = amend.Application{
		Namespace: "argocd", Name: "shop", Sync: "OutOfSync", Health: "Healthy", Phase: "Running",
		Sources: []amend.ApplicationSource{
			{RepoURL: "https://charts.example.com", TargetRevision: "1.2.3", Compared: "1.2.3", Applied: "1.2.2"},
			{RepoURL: "https://git.example.com/shop/env", TargetRevision: "HEAD", Compared: "compared", Applied: "applied"},
		},
	}
)

func TestApplicationIsRead(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         amend.Application
	}{
		{"one source", document(t, "application.json"), oneSource},
		{"several sources", document(t, "application-sources.json"), severalSources},
		{"a source more than was synced", `{"spec":{"sources":[{"repoURL":"a"},{"repoURL":"b"}]},"status":{"sync":{"revisions":["1"]}}}`,
			amend.Application{Sources: []amend.ApplicationSource{{RepoURL: "a", Compared: "1"}, {RepoURL: "b"}}}},
		{"never synced", `{"metadata":{"name":"shop","namespace":"argocd"},"spec":{"source":{"repoURL":"r"}},"status":{}}`,
			amend.Application{Namespace: "argocd", Name: "shop", Sources: []amend.ApplicationSource{{RepoURL: "r"}}}},
		{"no source", `{"metadata":{"name":"shop","namespace":"argocd"}}`, amend.Application{Namespace: "argocd", Name: "shop"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &server{answer: c.answer}
			got, err := s.connect(t).Application(t.Context(), "argocd", "shop")
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
			if r := s.sent(t, nil); r.path != "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop?timeout=15s" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestApplicationsAreListed(t *testing.T) {
	for namespace, path := range map[string]string{
		"argocd": "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications?timeout=15s",
		"":       "/apis/argoproj.io/v1alpha1/applications?timeout=15s",
	} {
		items := document(t, "application.json") + "," + document(t, "application-sources.json")
		s := &server{answer: `{"kind":"ApplicationList","items":[` + items + `]}`}
		got, err := s.connect(t).Applications(t.Context(), namespace)
		if diff := cmp.Diff([]amend.Application{oneSource, severalSources}, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if r := s.sent(t, nil); r.path != path {
			t.Errorf("%+v", r)
		}
	}
}

func TestRefreshPatchesTheAnnotationOnly(t *testing.T) {
	s := &server{answer: document(t, "application.json")}
	if err := s.connect(t).Refresh(t.Context(), "argocd", "shop"); err != nil {
		t.Fatal(err)
	}
	r := s.sent(t, nil)
	if r.method != "PATCH" || r.path != "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop?timeout=15s" ||
		r.contentType != "application/merge-patch+json" ||
		r.body != `{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal"}}}` {
		t.Errorf("%+v", r)
	}
}
