package kube

import (
	"context"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend"
)

// A User is who the API server says that a token belongs to. A service account
// is called system:serviceaccount:NAMESPACE:NAME.
type User struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

// ReviewToken returns whose token it is (TokenReview). A token that the API
// server does not know, that has expired, or that was made for another audience
// is amend.Refused with ReasonForbidden. A refusal without that reason means that
// amend itself may not create TokenReviews. The token is in no error.
func (c *Client) ReviewToken(ctx context.Context, token, audience string) (User, error) {
	const op = "review token"
	if token == "" || audience == "" {
		return User{}, forbidden(op, "a token and the audience that it has to be for are needed")
	}
	review := authenticationv1.TokenReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authentication.String(), Kind: "TokenReview"},
		Spec:     authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience}},
	}
	err := do(ctx, op, c.authentication.Post().Resource("tokenreviews"), review, &review)
	if err != nil {
		return User{}, err
	}
	status := review.Status
	switch {
	case !status.Authenticated:
		return User{}, forbidden(op, "the cluster does not accept the token; it has expired, is of another cluster, or is not for audience %q", audience)
	case !slices.Contains(status.Audiences, audience):
		// A server that knows no audiences leaves the field empty, and would take
		// any token of the cluster.
		return User{}, forbidden(op, "the token is for %q, not for audience %q", status.Audiences, audience)
	case status.User.Username == "":
		return User{}, forbidden(op, "the token belongs to nobody")
	}
	return user(status.User), nil
}

func forbidden(op, format string, args ...any) error {
	err := amend.Refusef(amend.ReasonForbidden, format, args...)
	err.Op = op
	return err
}

func user(info authenticationv1.UserInfo) User {
	u := User{Name: info.Username, UID: info.UID, Groups: info.Groups}
	for key, values := range info.Extra {
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		u.Extra[key] = values
	}
	return u
}

// Access is something that a user may want to do to the objects of a resource
// in one namespace, in the words of RBAC.
type Access struct {
	Verb      string
	Group     string
	Resource  string
	Namespace string
}

// Allowed reports whether the cluster's own rules let the user do something
// (SubjectAccessReview). An access that leaves a word out is amend.Invalid,
// because to the API server an empty namespace means all of them.
func (c *Client) Allowed(ctx context.Context, user User, access Access) (bool, error) {
	const op = "review access"
	if user.Name == "" || access.Verb == "" || access.Resource == "" || access.Namespace == "" {
		return false, amend.Errorf(amend.Invalid, op, "a user, a verb, a resource and a namespace are needed")
	}
	review := authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorization.String(), Kind: "SubjectAccessReview"},
		Spec: authorizationv1.SubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: access.Verb, Group: access.Group, Resource: access.Resource, Namespace: access.Namespace,
			},
			User: user.Name, UID: user.UID, Groups: user.Groups, Extra: map[string]authorizationv1.ExtraValue{},
		},
	}
	for key, values := range user.Extra {
		review.Spec.Extra[key] = values
	}
	err := do(ctx, op, c.authorization.Post().Resource("subjectaccessreviews"), review, &review)
	if err != nil {
		return false, err
	}
	return review.Status.Allowed && !review.Status.Denied, nil
}
