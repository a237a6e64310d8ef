package kube

import (
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/amendhq/amend"
)

// classify sorts an error of the API server by what the caller can do about
// it. Whatever is no answer at all is a matter of the network.
func classify(op string, err error) error {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return amend.Errorf(amend.Transient, op, "%w", amend.Private(err)) // it names hosts of the cluster
	}
	status := answer.Status()
	switch kind := kindOf(int(status.Code)); kind {
	case amend.Refused:
		return amend.Errorf(kind, op, "the cluster does not let amend do this; grant what its answer names: %w", err)
	case amend.Transient:
		return amend.Errorf(kind, op, "%w", amend.Private(err)) // it may quote what the server could not reach
	default:
		return amend.Errorf(kind, op, "%w", err)
	}
}

// kindOf follows the meanings that the Kubernetes API conventions give to HTTP
// status codes. A 422 is a validation error, and so is a 400 or 415.
func kindOf(code int) amend.Kind {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return amend.Refused
	case http.StatusNotFound, http.StatusGone:
		return amend.NotFound
	case http.StatusConflict:
		return amend.Conflict
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return amend.Transient
	}
	if code >= 500 || code < 400 {
		return amend.Transient
	}
	return amend.Invalid
}
