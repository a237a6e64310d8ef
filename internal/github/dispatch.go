package github

import (
	"context"
	"encoding/json"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// The limits of repository_dispatch. The host's own for the payload is 64 KB,
// counted in a way that its documentation does not agree on; ours stays below.
const (
	maxEventType   = 100
	maxPayload     = 60_000
	maxPayloadKeys = 10
)

// Dispatch starts the workflows that listen for an event, with payload, which
// must be a JSON object of at most ten keys and less than 60,000 bytes, as
// client_payload. It may be delivered twice, when an answer is lost, and the
// host may drop it later: the receiver must be idempotent and not rely on it.
func (c *Client) Dispatch(ctx context.Context, eventType string, payload any) error {
	if eventType == "" || len(eventType) > maxEventType {
		return amend.Errorf(amend.Invalid, "dispatch", "the event type has %d bytes, allowed are 1 to %d", len(eventType), maxEventType)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return amend.Errorf(amend.Invalid, "dispatch", "%w", err)
	}
	if len(raw) >= maxPayload {
		return amend.Errorf(amend.Invalid, "dispatch", "the payload has %d bytes, the limit is %d", len(raw), maxPayload)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil || keys == nil || len(keys) > maxPayloadKeys {
		return amend.Errorf(amend.Invalid, "dispatch", "the payload must be an object of at most %d keys", maxPayloadKeys)
	}
	message := json.RawMessage(raw)
	_, _, err = c.again.Repositories.Dispatch(ctx, c.owner, c.repo, github.DispatchRequestOptions{EventType: eventType, ClientPayload: &message})
	return typed("dispatch", err)
}
