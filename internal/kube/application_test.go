package kube_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
)

// As Argo CD 2.14 writes it, shortened.
const oneSource = `{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"shop","namespace":"argocd","uid":"u"},
"spec":{"destination":{"namespace":"shop","server":"https://kubernetes.default.svc"},"project":"default",
 "source":{"path":"apps/shop","repoURL":"https://git.example.com/shop/env.git","targetRevision":"main"}},
"status":{"health":{"status":"Degraded"},"reconciledAt":"2026-01-02T03:04:05Z",
 "operationState":{"phase":"Succeeded","message":"successfully synced (all tasks run)","syncResult":{"revision":"bbb","source":{"repoURL":"x"}}},
 "resources":[{"group":"apps","kind":"Deployment","name":"web","namespace":"shop","status":"Synced","version":"v1","health":{"message":"crash","status":"Degraded"}},
  {"kind":"Namespace","name":"shop","status":"Synced","version":"v1"}],
 "sync":{"comparedTo":{"destination":{}},"revision":"aaa","status":"Synced"}}}`

const twoSources = `{"metadata":{"name":"shop","namespace":"argocd"},
"spec":{"sources":[{"repoURL":"https://charts.example.com","chart":"web","targetRevision":"1.2.3"},{"repoURL":"https://git.example.com/shop/env","targetRevision":"HEAD","ref":"values"}]},
"status":{"sync":{"status":"OutOfSync","revisions":["1.2.3","aaa"]},"health":{"status":"Healthy"},
 "operationState":{"phase":"Running","syncResult":{"revision":"","revisions":["1.2.2"]}}}}`

var (
	shop = amend.Application{
		Namespace: "argocd", Name: "shop", Sync: "Synced", Health: "Degraded", Phase: "Succeeded", Message: "successfully synced (all tasks run)",
		Sources: []amend.ApplicationSource{{RepoURL: "https://git.example.com/shop/env.git", TargetRevision: "main", Compared: "aaa", Applied: "bbb"}},
		Objects: []amend.ApplicationObject{
			{ObjectRef: amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Health: "Degraded", Message: "crash"},
			{ObjectRef: amend.ObjectRef{Kind: "Namespace", Name: "shop"}},
		},
	}
	charted = amend.Application{
		Namespace: "argocd", Name: "shop", Sync: "OutOfSync", Health: "Healthy", Phase: "Running",
		Sources: []amend.ApplicationSource{
			{RepoURL: "https://charts.example.com", TargetRevision: "1.2.3", Compared: "1.2.3", Applied: "1.2.2"},
			{RepoURL: "https://git.example.com/shop/env", TargetRevision: "HEAD", Compared: "aaa"},
		},
	}
)

func TestApplicationIsRead(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		want         amend.Application
	}{
		{"one source", oneSource, shop},
		{"several sources", twoSources, charted},
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
		s := &server{answer: `{"kind":"ApplicationList","items":[` + oneSource + `,` + twoSources + `]}`}
		got, err := s.connect(t).Applications(t.Context(), namespace)
		if diff := cmp.Diff([]amend.Application{shop, charted}, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if r := s.sent(t, nil); r.path != path {
			t.Errorf("%+v", r)
		}
	}
}

func TestRefreshPatchesTheAnnotationOnly(t *testing.T) {
	s := &server{answer: oneSource}
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
