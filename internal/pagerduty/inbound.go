package pagerduty

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/PagerDuty/go-pagerduty/webhookv3"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/secret"
)

// InboundPath is where PagerDuty posts what people do with incidents; it belongs
// into the URL of a webhook subscription, version 3.
const InboundPath = "/v1/pagerduty/webhooks"

// SecretFile is the file of the folder that holds the signing secret of that
// subscription.
const SecretFile = "pagerduty-signing-secret"

// The bounds of a webhook and of the name of a person, in bytes.
const (
	maxBody = 1 << 20
	maxName = 100
)

// Inbound takes the webhooks and hands each acknowledgement of an incident of this
// env repo to heed, which must not block; false means that it is to be sent again
// later. Nothing else that people do there counts.
func (c *Client) Inbound(heed func(approval.Notice) bool, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := c.receive(w, r, heed)
		if err != nil {
			log.Warn("a webhook of PagerDuty is not taken", "status", status, "error", amend.Public(err))
		}
		w.WriteHeader(status)
	})
}

// A webhook is one of version 3, as far as it matters.
type webhook struct {
	Event struct {
		Type  string    `json:"event_type"`
		At    time.Time `json:"occurred_at"`
		Agent struct {
			Name string `json:"summary"`
		} `json:"agent"`
		Data struct {
			Key string `json:"incident_key"` // the dedup key of what triggered it
		} `json:"data"`
	} `json:"event"`
}

// receive returns the status to answer with. PagerDuty sends again after a 5xx.
func (c *Client) receive(w http.ResponseWriter, r *http.Request, heed func(approval.Notice) bool) (int, error) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, nil
	}
	key, err := secret.Read(filepath.Join(c.dir, SecretFile))
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch err := webhookv3.VerifySignature(r, key); {
	case errors.Is(err, webhookv3.ErrNoValidSignatures):
		return http.StatusForbidden, amend.Errorf(amend.Refused, "verify webhook", "%w", err)
	case err != nil:
		return http.StatusBadRequest, amend.Errorf(amend.Invalid, "verify webhook", "%w", err)
	}
	var hook webhook
	if err := json.NewDecoder(r.Body).Decode(&hook); err != nil {
		return http.StatusBadRequest, amend.Errorf(amend.Invalid, "read webhook", "%w", err)
	}
	matter, ours := strings.CutPrefix(hook.Event.Data.Key, c.dedupKey(""))
	if hook.Event.Type != "incident.acknowledged" || !ours || hook.Event.At.IsZero() {
		return http.StatusAccepted, nil
	}
	by := message.Plain(hook.Event.Agent.Name, maxName)
	if by == "" {
		by = "Somebody"
	}
	if !heed(approval.Notice{Matter: matter, Via: Via, Ref: hook.Event.Data.Key, By: by, At: hook.Event.At}) {
		return http.StatusServiceUnavailable, amend.Errorf(amend.Transient, "take webhook", "too many wait")
	}
	return http.StatusAccepted, nil
}
