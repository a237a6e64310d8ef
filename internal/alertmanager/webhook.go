package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/amendhq/amend"
)

// One post to the gateway has at most so many alerts and, but for a single alert
// that is longer, so many bytes. It is small, so that what was accepted before a
// failure is known to be.
const (
	batchAlerts = 500
	batchBytes  = 1 << 20
)

// receiver is the name under which the alerts arrive, so that an operator sees
// which of them had to be sent again.
const receiver = "amend-reconcile"

// An Outcome says what a gateway did with the alerts it was sent.
type Outcome struct {
	Accepted int `json:"accepted"`
	// Folded were accepted a short time before.
	Folded int `json:"folded"`
	// Rejected can never be accepted.
	Rejected int `json:"rejected"`
}

// A Webhook posts alerts to a gateway as Alertmanager does.
type Webhook struct {
	address string
	auth    Auth
	http    *http.Client
}

// NewWebhook returns a sender to the gateway at address. It fails as NewClient
// does.
func NewWebhook(address string, auth Auth) (*Webhook, error) {
	root, err := parse(address)
	if err != nil {
		return nil, err
	}
	if err := auth.check(); err != nil {
		return nil, err
	}
	return &Webhook{address: root.JoinPath("v1/alertmanager").String(), auth: auth, http: newHTTP()}, nil
}

// Send posts the alerts in batches until the gateway cannot take one now. What
// it can never take counts as rejected and does not keep the rest out. The
// outcome counts what was sent, also beside an error.
func (w *Webhook) Send(ctx context.Context, alerts []amend.Alert) (Outcome, error) {
	var sum Outcome
	for len(alerts) > 0 {
		batch, err := cut(alerts)
		if err != nil {
			return sum, err
		}
		o, err := w.post(ctx, batch)
		if err != nil {
			return sum, err
		}
		sum.Accepted += o.Accepted
		sum.Folded += o.Folded
		sum.Rejected += o.Rejected
		alerts = alerts[len(batch):]
	}
	return sum, nil
}

// cut encodes the first alerts, at least one.
func cut(alerts []amend.Alert) ([]json.RawMessage, error) {
	var batch []json.RawMessage
	size := 0
	for _, a := range alerts[:min(batchAlerts, len(alerts))] {
		one, err := json.Marshal(a)
		if err != nil {
			return nil, amend.Errorf(amend.Internal, "encode alert", "%w", err)
		}
		size += len(one)
		if len(batch) > 0 && size > batchBytes {
			break
		}
		batch = append(batch, one)
	}
	return batch, nil
}

// A message is the webhook's body, version 4.
type message struct {
	Version  string            `json:"version"`
	GroupKey string            `json:"groupKey"`
	Status   amend.Status      `json:"status"`
	Receiver string            `json:"receiver"`
	Alerts   []json.RawMessage `json:"alerts"`
}

func (w *Webhook) post(ctx context.Context, batch []json.RawMessage) (Outcome, error) {
	body, err := json.Marshal(message{"4", receiver, amend.Firing, receiver, batch})
	if err != nil {
		return Outcome{}, amend.Errorf(amend.Internal, "encode alerts", "%w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address, bytes.NewReader(body))
	if err != nil {
		return Outcome{}, amend.Errorf(amend.Internal, "post alerts", "%w", err)
	}
	if err := w.auth.sign(r); err != nil {
		return Outcome{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := w.http.Do(r)
	if err != nil {
		return Outcome{}, amend.Errorf(amend.Transient, "post alerts", "%w", err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge: // none of them, ever
		return Outcome{Rejected: len(batch)}, nil
	default:
		return Outcome{}, refusal("post alerts", res)
	}
	var answer struct {
		Accepted int               `json:"accepted"`
		Folded   int               `json:"folded"`
		Rejected []json.RawMessage `json:"rejected"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer); err != nil {
		return Outcome{}, amend.Errorf(amend.Transient, "post alerts", "the answer cannot be read: %w", err)
	}
	return Outcome{answer.Accepted, answer.Folded, len(answer.Rejected)}, nil
}
