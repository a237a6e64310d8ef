package kube_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
)

const (
	audience = "amend-writer"
	token    = "caller-token"
)

func TestReviewTokenReturnsItsOwner(t *testing.T) {
	s := &server{status: 201, answer: authenticationv1.TokenReview{Status: authenticationv1.TokenReviewStatus{
		Authenticated: true, Audiences: []string{"other", audience},
		User: authenticationv1.UserInfo{
			Username: "system:serviceaccount:amend:step", UID: "u1", Groups: []string{"system:authenticated"},
			Extra: map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/pod-name": {"p"}},
		},
	}}}
	got, err := s.connect(t).ReviewToken(t.Context(), token, audience)
	if err != nil {
		t.Fatal(err)
	}
	want := kube.User{
		Name: "system:serviceaccount:amend:step", UID: "u1", Groups: []string{"system:authenticated"},
		Extra: map[string][]string{"authentication.kubernetes.io/pod-name": {"p"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var sent authenticationv1.TokenReview
	r := s.sent(t, &sent)
	if r.method != "POST" || r.path != "/apis/authentication.k8s.io/v1/tokenreviews?timeout=15s" || r.contentType != "application/json" {
		t.Errorf("%+v", r)
	}
	wantSent := authenticationv1.TokenReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"},
		Spec:     authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience}},
	}
	if diff := cmp.Diff(wantSent, sent); diff != "" {
		t.Error(diff)
	}
}

func TestReviewTokenRefuses(t *testing.T) {
	somebody := authenticationv1.UserInfo{Username: "system:serviceaccount:amend:step"}
	for _, c := range []struct {
		name   string
		status authenticationv1.TokenReviewStatus
	}{
		{"expired", authenticationv1.TokenReviewStatus{Error: "token has expired: " + token}},
		{"unknown", authenticationv1.TokenReviewStatus{}},
		{"not authenticated, and yet a user", authenticationv1.TokenReviewStatus{User: somebody, Audiences: []string{audience}}},
		{"another audience", authenticationv1.TokenReviewStatus{Authenticated: true, User: somebody, Audiences: []string{"https://kubernetes.default.svc"}}},
		{"a server that knows no audiences", authenticationv1.TokenReviewStatus{Authenticated: true, User: somebody}},
		{"nobody", authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{audience}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &server{status: 201, answer: authenticationv1.TokenReview{Status: c.status}}
			user, err := s.connect(t).ReviewToken(t.Context(), token, audience)
			if amend.KindOf(err) != amend.Refused || amend.ReasonOf(err) != amend.ReasonForbidden || user.Name != "" {
				t.Errorf("%+v, %v", user, err)
			}
			if strings.Contains(err.Error(), token) {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
}

func TestReviewTokenNeedsBoth(t *testing.T) {
	s := &server{}
	c := s.connect(t)
	for _, args := range [][2]string{{"", audience}, {token, ""}} {
		if _, err := c.ReviewToken(t.Context(), args[0], args[1]); amend.ReasonOf(err) != amend.ReasonForbidden {
			t.Errorf("%q: %v", args, err)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("asked %v", s.asked)
	}
}

func TestReviewTokenTellsTheCallersFaultFromOurs(t *testing.T) {
	for _, c := range []struct {
		server *server
		want   amend.Kind
	}{
		{failure(403, metav1.StatusReasonForbidden, `cannot create resource "tokenreviews"`), amend.Refused},
		{failure(503, metav1.StatusReasonServiceUnavailable, "starting"), amend.Transient},
	} {
		_, err := c.server.connect(t).ReviewToken(t.Context(), token, audience)
		if amend.KindOf(err) != c.want || amend.ReasonOf(err) != "" || strings.Contains(err.Error(), token) {
			t.Errorf("%s %s: %v", amend.KindOf(err), amend.ReasonOf(err), err)
		}
	}
}

var (
	caller = kube.User{Name: "bob", UID: "u1", Groups: []string{"devs"}, Extra: map[string][]string{"scopes": {"a", "b"}}}
	create = kube.Access{Verb: "create", Group: "amend.dev", Resource: "changes", Namespace: "shop"}
)

func TestAllowedAsksForTheWholeUser(t *testing.T) {
	for _, c := range []struct {
		status authorizationv1.SubjectAccessReviewStatus
		want   bool
	}{
		{authorizationv1.SubjectAccessReviewStatus{Allowed: true}, true},
		{authorizationv1.SubjectAccessReviewStatus{}, false},
		{authorizationv1.SubjectAccessReviewStatus{Denied: true}, false},
		{authorizationv1.SubjectAccessReviewStatus{Allowed: true, Denied: true}, false},
	} {
		s := &server{status: 201, answer: authorizationv1.SubjectAccessReview{Status: c.status}}
		got, err := s.connect(t).Allowed(t.Context(), caller, create)
		if err != nil || got != c.want {
			t.Errorf("%+v: %t, %v", c.status, got, err)
		}
		var sent authorizationv1.SubjectAccessReview
		if r := s.sent(t, &sent); r.method != "POST" || r.path != "/apis/authorization.k8s.io/v1/subjectaccessreviews?timeout=15s" {
			t.Errorf("%+v", r)
		}
		want := authorizationv1.SubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "create", Group: "amend.dev", Resource: "changes", Namespace: "shop"},
			User:               "bob", UID: "u1", Groups: []string{"devs"}, Extra: map[string]authorizationv1.ExtraValue{"scopes": {"a", "b"}},
		}
		if diff := cmp.Diff(want, sent.Spec); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAllowedNeverAsksForAllNamespaces(t *testing.T) {
	s := &server{answer: authorizationv1.SubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}}
	c := s.connect(t)
	for _, access := range []kube.Access{
		{Verb: "create", Group: "amend.dev", Resource: "changes"},
		{Group: "amend.dev", Resource: "changes", Namespace: "shop"},
		{Verb: "create", Group: "amend.dev", Namespace: "shop"},
	} {
		if ok, err := c.Allowed(t.Context(), caller, access); ok || amend.KindOf(err) != amend.Invalid {
			t.Errorf("%+v: %t, %v", access, ok, err)
		}
	}
	if ok, err := c.Allowed(t.Context(), kube.User{}, create); ok || amend.KindOf(err) != amend.Invalid || len(s.asked) > 0 {
		t.Errorf("%t, %v, asked %v", ok, err, s.asked)
	}
}

func TestAllowedIsFalseOnErrors(t *testing.T) {
	s := failure(500, metav1.StatusReasonInternalError, "webhook")
	if ok, err := s.connect(t).Allowed(t.Context(), caller, create); ok || amend.KindOf(err) != amend.Transient {
		t.Errorf("%t, %v", ok, err)
	}
}
