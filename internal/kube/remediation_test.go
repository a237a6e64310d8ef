package kube_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
)

var created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func remediation() kube.RemediationRequest {
	return kube.RemediationRequest{
		TypeMeta:   metav1.TypeMeta{APIVersion: "amend.dev/v1alpha1", Kind: "RemediationRequest"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "more-memory", UID: "u1", ResourceVersion: "7", CreationTimestamp: metav1.NewTime(created)},
		Spec: kube.RemediationRequestSpec{
			Target: kube.RemediationTarget{Kind: "Deployment", Name: "web", Container: "app"}, Action: "raise-memory-limit",
			Reason: "the import needs more", Parameters: map[string]string{"factor": "2", "upper-bound": "4Gi"},
		},
	}
}

func TestRequestTravelsAsAnAlert(t *testing.T) {
	want := amend.Alert{
		Status: amend.Firing,
		Labels: map[string]string{
			"alertname": "RemediationRequest", "request": "more-memory", "namespace": "shop", "kind": "Deployment", "name": "web",
			"container": "app", "action": "raise-memory-limit", "parameter_factor": "2", "parameter_upper_bound": "4Gi",
		},
		Annotations: map[string]string{"summary": "the import needs more"},
		StartsAt:    created,
	}
	if diff := cmp.Diff(want, remediation().Alert()); diff != "" {
		t.Error(diff)
	}
	bare := remediation()
	bare.Spec = kube.RemediationRequestSpec{Target: kube.RemediationTarget{Kind: "StatefulSet", Name: "db"}, Action: "restart"}
	want = amend.Alert{
		Status:   amend.Firing,
		Labels:   map[string]string{"alertname": "RemediationRequest", "request": "more-memory", "namespace": "shop", "kind": "StatefulSet", "name": "db", "action": "restart"},
		StartsAt: created,
	}
	if diff := cmp.Diff(want, bare.Alert()); diff != "" {
		t.Error(diff)
	}
}

// A phase is further than those before it, and both ends are as far.
func TestPhasesOnlyMoveForward(t *testing.T) {
	for _, steps := range [][]kube.Phase{
		{kube.Pending, kube.Running, kube.Proposed, kube.Succeeded}, {"", kube.Running, kube.Failed}, {"of a newer version", kube.Running},
	} {
		for i, later := range steps[1:] {
			if steps[i].Progress() >= later.Progress() {
				t.Errorf("%q is not further than %q", later, steps[i])
			}
		}
	}
	if kube.Failed.Progress() != kube.Succeeded.Progress() || kube.Pending.Progress() != 0 {
		t.Error("one end is further than the other, or a request that nobody took has got somewhere")
	}
}

func TestRemediationRequestIsRead(t *testing.T) {
	s := &server{answer: remediation()}
	got, err := s.connect(t).RemediationRequest(t.Context(), "shop", "more-memory")
	if diff := cmp.Diff(remediation(), got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if r := s.sent(t, nil); r.method != "GET" || r.path != "/apis/amend.dev/v1alpha1/namespaces/shop/remediationrequests/more-memory?timeout=15s" {
		t.Errorf("%+v", r)
	}
}

func TestRemediationRequestsAreListed(t *testing.T) {
	for namespace, path := range map[string]string{
		"shop": "/apis/amend.dev/v1alpha1/namespaces/shop/remediationrequests?timeout=15s",
		"":     "/apis/amend.dev/v1alpha1/remediationrequests?timeout=15s",
	} {
		s := &server{answer: map[string][]kube.RemediationRequest{"items": {remediation()}}}
		got, err := s.connect(t).RemediationRequests(t.Context(), namespace)
		if diff := cmp.Diff([]kube.RemediationRequest{remediation()}, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if r := s.sent(t, nil); r.path != path {
			t.Errorf("%+v", r)
		}
	}
}

func TestUpdateStatusWritesWhatWasRead(t *testing.T) {
	in := remediation()
	in.TypeMeta = metav1.TypeMeta{} // items of a list have none
	in.Status = kube.RemediationRequestStatus{
		ObservedGeneration: 1, Phase: kube.Proposed, Reason: string(amend.ReasonAct), Message: "opened #7",
		Change:     &kube.RemediationChange{Kind: amend.KindPullRequest, Number: 7, URL: "https://git.example.com/7"},
		Conditions: []metav1.Condition{{Type: kube.Decided, Status: metav1.ConditionTrue, Reason: "act", LastTransitionTime: metav1.NewTime(created)}},
	}
	answer := in
	answer.ResourceVersion = "8"
	s := &server{answer: answer}
	got, err := s.connect(t).UpdateStatus(t.Context(), in)
	if diff := cmp.Diff(answer, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	var sent kube.RemediationRequest
	if r := s.sent(t, &sent); r.method != "PUT" || r.path != "/apis/amend.dev/v1alpha1/namespaces/shop/remediationrequests/more-memory/status?timeout=15s" {
		t.Errorf("%+v", r)
	}
	want := in
	want.TypeMeta = remediation().TypeMeta
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
}

func TestUpdateStatusLosesAgainstANewerWrite(t *testing.T) {
	s := failure(409, metav1.StatusReasonConflict, "the object has been modified")
	if _, err := s.connect(t).UpdateStatus(t.Context(), remediation()); amend.KindOf(err) != amend.Conflict {
		t.Error(err)
	}
}

func TestUpdateStatusNeverWritesBlindly(t *testing.T) {
	s := &server{}
	unread := remediation()
	unread.ResourceVersion = ""
	if _, err := s.connect(t).UpdateStatus(t.Context(), unread); amend.KindOf(err) != amend.Internal || len(s.asked) > 0 {
		t.Errorf("%v, asked %v", err, s.asked)
	}
}
