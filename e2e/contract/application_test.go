// Package contract holds what amend believes about Kubernetes and Argo CD
// against their own code, in process. It needs no cluster.
package contract_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var update = flag.Bool("update", false, "write the documents that amend's own tests read")

// internal/kube reads Applications without Argo CD's types. Its tests do so from
// these documents, and here Argo CD's own types write them: a field that Argo CD
// renames changes a document, and amend's test then misses it.
func TestApplicationsAreWrittenAsAmendReadsThem(t *testing.T) {
	for file, app := range map[string]v1alpha1.Application{
		"application.json":         oneSource(),
		"application-sources.json": severalSources(),
	} {
		got, err := json.MarshalIndent(app, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := "../../internal/kube/testdata/" + file
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what Argo CD writes; run the test with -update and then those of internal/kube. Argo CD writes:\n%s", file, got)
		}
	}
}

// The words that internal/verify compares with.
func TestStatesAreCalledAsAmendCallsThem(t *testing.T) {
	for got, want := range map[string]string{
		string(v1alpha1.SyncStatusCodeSynced): "Synced",
		string(health.HealthStatusHealthy):    "Healthy",
		string(health.HealthStatusDegraded):   "Degraded",
		string(common.OperationSucceeded):     "Succeeded",
		v1alpha1.AnnotationKeyRefresh:         "argocd.argoproj.io/refresh",
		string(v1alpha1.RefreshTypeNormal):    "normal",
	} {
		if got != want {
			t.Errorf("Argo CD says %q and amend %q", got, want)
		}
	}
}

func oneSource() v1alpha1.Application {
	source := v1alpha1.ApplicationSource{RepoURL: "https://git.example.com/shop/env.git", TargetRevision: "main", Path: "apps/shop"}
	at := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	return v1alpha1.Application{
		TypeMeta:   metav1.TypeMeta{APIVersion: "argoproj.io/v1alpha1", Kind: "Application"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "shop", ResourceVersion: "7", Annotations: map[string]string{v1alpha1.AnnotationKeyRefresh: "normal"}},
		Spec: v1alpha1.ApplicationSpec{
			Project: "default", Source: &source,
			Destination: v1alpha1.ApplicationDestination{Server: "https://kubernetes.default.svc", Namespace: "shop"},
			SyncPolicy:  &v1alpha1.SyncPolicy{Automated: &v1alpha1.SyncPolicyAutomated{Prune: true, SelfHeal: true}},
		},
		Status: v1alpha1.ApplicationStatus{
			Sync:         v1alpha1.SyncStatus{Status: v1alpha1.SyncStatusCodeSynced, Revision: "compared", ComparedTo: v1alpha1.ComparedTo{Source: source}},
			Health:       v1alpha1.HealthStatus{Status: health.HealthStatusDegraded, LastTransitionTime: &at},
			ReconciledAt: &at,
			OperationState: &v1alpha1.OperationState{
				Operation: v1alpha1.Operation{Sync: &v1alpha1.SyncOperation{Revision: "asked for"}},
				Phase:     common.OperationSucceeded, Message: "what Argo CD says about the operation", StartedAt: at, FinishedAt: &at,
				SyncResult: &v1alpha1.SyncOperationResult{Revision: "applied", Source: source},
			},
			History: v1alpha1.RevisionHistories{{Revision: "in the history", DeployedAt: at, Source: source}},
			Resources: []v1alpha1.ResourceStatus{
				{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "shop", Name: "web", Status: v1alpha1.SyncStatusCodeSynced,
					Health: &v1alpha1.HealthStatus{Status: health.HealthStatusDegraded, Message: "what Argo CD says about the Deployment"}},
				{Version: "v1", Kind: "ConfigMap", Namespace: "shop", Name: "web", Status: v1alpha1.SyncStatusCodeSynced},
			},
		},
	}
}

func severalSources() v1alpha1.Application {
	sources := v1alpha1.ApplicationSources{
		{RepoURL: "https://charts.example.com", Chart: "web", TargetRevision: "1.2.3"},
		{RepoURL: "https://git.example.com/shop/env", TargetRevision: "HEAD", Ref: "values"},
	}
	return v1alpha1.Application{
		TypeMeta:   metav1.TypeMeta{APIVersion: "argoproj.io/v1alpha1", Kind: "Application"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "shop"},
		Spec:       v1alpha1.ApplicationSpec{Sources: sources, Destination: v1alpha1.ApplicationDestination{Name: "in-cluster"}},
		Status: v1alpha1.ApplicationStatus{
			Sync:   v1alpha1.SyncStatus{Status: v1alpha1.SyncStatusCodeOutOfSync, Revisions: []string{"1.2.3", "compared"}},
			Health: v1alpha1.HealthStatus{Status: health.HealthStatusHealthy},
			OperationState: &v1alpha1.OperationState{
				Phase: common.OperationRunning, SyncResult: &v1alpha1.SyncOperationResult{Revisions: []string{"1.2.2", "applied"}, Sources: sources},
			},
		},
	}
}
