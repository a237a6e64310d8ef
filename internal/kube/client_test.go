package kube_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
)

func TestAnswersAreSortedIntoKinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		server *server
		want   amend.Kind
		says   string
	}{
		{"not found", failure(404, metav1.StatusReasonNotFound, `applications "web" not found`), amend.NotFound, `"web" not found`},
		{"gone", failure(410, metav1.StatusReasonGone, "gone"), amend.NotFound, "gone"},
		{"conflict", failure(409, metav1.StatusReasonConflict, "the object has been modified"), amend.Conflict, "modified"},
		{"unauthorized", failure(401, metav1.StatusReasonUnauthorized, "Unauthorized"), amend.Refused, "Unauthorized"},
		{"forbidden", failure(403, metav1.StatusReasonForbidden, `User "x" cannot get resource "applications" in API group "argoproj.io"`), amend.Refused, `cannot get resource "applications"`},
		{"invalid", failure(422, metav1.StatusReasonInvalid, "spec.x: too long"), amend.Invalid, "too long"},
		{"bad request", failure(400, metav1.StatusReasonBadRequest, "no"), amend.Invalid, "no"},
		{"too many", failure(429, metav1.StatusReasonTooManyRequests, "slow down"), amend.Transient, "slow down"},
		{"internal", failure(500, metav1.StatusReasonInternalError, "etcd"), amend.Transient, "etcd"},
		{"unavailable", failure(503, metav1.StatusReasonServiceUnavailable, "starting"), amend.Transient, "starting"},
		{"a proxy's page", &server{status: 502, answer: "<html>bad gateway"}, amend.Transient, "bad gateway"},
		{"no such resource", &server{status: 404, answer: "404 page not found"}, amend.NotFound, ""},
		{"not JSON", &server{answer: "<html>"}, amend.Transient, "not what the API promises"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.server.connect(t).Application(t.Context(), "argocd", "web")
			if amend.KindOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", amend.KindOf(err), err)
			}
		})
	}
}

func TestNoAnswerIsTransient(t *testing.T) {
	_, err := client(t, "https://127.0.0.1:1", nil).Application(t.Context(), "argocd", "web")
	if text := amend.Public(err); strings.Contains(text, "127.0.0.1") || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("everybody is told %q", text)
	}
	if amend.KindOf(err) != amend.Transient {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = (&server{}).connect(t).Application(ctx, "argocd", "web")
	if amend.KindOf(err) != amend.Transient || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNamesDoNotLeaveTheirPlaceInThePath(t *testing.T) {
	s := &server{}
	c := s.connect(t)
	for _, name := range []string{"", "..", "a/b", "../../secrets/x", "a%2fb"} {
		if _, err := c.Application(t.Context(), "argocd", name); amend.KindOf(err) != amend.Invalid {
			t.Errorf("name %q: %v", name, err)
		}
		if _, err := c.RemediationRequest(t.Context(), name, "web"); name != "" && amend.KindOf(err) != amend.Invalid {
			t.Errorf("namespace %q: %v", name, err)
		}
	}
	for _, r := range s.asked {
		if r.path != "/apis/amend.dev/v1alpha1/remediationrequests/web" {
			t.Errorf("asked for %s", r.path)
		}
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	broken := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"", broken, filepath.Join(t.TempDir(), "none")} {
		if _, err := kube.New(file); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestRequestsCarryTheCredentialOfTheConfig(t *testing.T) {
	s := &server{answer: struct{}{}}
	if _, err := s.connect(t).Application(t.Context(), "argocd", "web"); err != nil {
		t.Fatal(err)
	}
	if r := s.sent(t, nil); r.authorization != "Bearer own-token" || r.method != http.MethodGet {
		t.Errorf("%+v", r)
	}
}
