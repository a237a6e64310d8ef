package kube

import (
	"context"

	"github.com/amendhq/amend"
)

// RemediationRequest reads one request.
func (c *Client) RemediationRequest(ctx context.Context, namespace, name string) (RemediationRequest, error) {
	var r RemediationRequest
	err := do(ctx, "read request", c.own.Get().Namespace(namespace).Resource(Requests).Name(name), nil, &r)
	return r, err
}

// RemediationRequests lists the requests of a namespace, or of all of them when
// it is empty.
func (c *Client) RemediationRequests(ctx context.Context, namespace string) ([]RemediationRequest, error) {
	var list struct {
		Items []RemediationRequest `json:"items"`
	}
	err := do(ctx, "list requests", c.own.Get().NamespaceIfScoped(namespace, namespace != "").Resource(Requests), nil, &list)
	return list.Items, err
}

// UpdateStatus writes the status of a request that was read before, and returns
// the request as it is then. It is amend.Conflict when somebody wrote the
// request since it was read.
func (c *Client) UpdateStatus(ctx context.Context, r RemediationRequest) (RemediationRequest, error) {
	const op = "update request status"
	if r.ResourceVersion == "" {
		return RemediationRequest{}, amend.Errorf(amend.Internal, op, "the request was not read before")
	}
	r.APIVersion, r.Kind = own.String(), "RemediationRequest"
	req := c.own.Put().Namespace(r.Namespace).Resource(Requests).Name(r.Name).SubResource("status")
	var updated RemediationRequest
	err := do(ctx, op, req, r, &updated)
	return updated, err
}
