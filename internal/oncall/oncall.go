// Package oncall pages people through an integration of Grafana OnCall of the
// type "Formatted webhook".
//
// The address of such an integration is its only secret, so it comes from a file
// and is in no error. OnCall groups by env repo and matter: telling twice opens
// one alert group, and the end of the matter resolves it.
package oncall

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/secret"
)

// Via is the kind of place that the package is for, in approval.Step.
const Via = "oncall"

// callTimeout ends one request.
const callTimeout = 10 * time.Second

// The bounds of what is sent, in bytes.
const (
	maxTitle = 200
	maxText  = 4000
)

// A Client tells integrations. A place is the name of one; the file oncall-NAME
// of the folder holds its address.
type Client struct {
	dir, source string
	http        *http.Client
}

// New returns a client that reads addresses from a folder. Source is the env
// repo, owner/name.
func New(dir, source string) *Client {
	return &Client{dir: dir, source: source, http: &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// An alert is what the integration takes; the names are OnCall's.
type alert struct {
	UID     string `json:"alert_uid"`
	Title   string `json:"title"`
	State   string `json:"state"` // alerting or ok
	Link    string `json:"link_to_upstream_details,omitempty"`
	Message string `json:"message,omitempty"`
}

// Ask opens an alert group and returns its key.
func (c *Client) Ask(ctx context.Context, integration string, q approval.Question) (string, error) {
	a := c.alert(q)
	a.State = "alerting"
	return a.UID, c.send(ctx, integration, a)
}

// Tell resolves the alert group when the question is at its end. OnCall has no
// way to be told that somebody looks after it, and a question that was replaced
// has a newer one with the same key.
func (c *Client) Tell(ctx context.Context, integration, ref string, q approval.Question, o approval.Outcome) error {
	if !o.Final() || o.State == approval.Replaced {
		return nil
	}
	a := c.alert(q)
	a.UID, a.State = ref, "ok"
	return c.send(ctx, integration, a)
}

func (c *Client) alert(q approval.Question) alert {
	return alert{UID: "amend/" + c.source + "/" + q.Matter, Title: message.Plain(q.Title, maxTitle), Link: q.URL, Message: message.Plain(q.Text, maxText)}
}

func (c *Client) send(ctx context.Context, integration string, a alert) error {
	address, err := secret.Read(filepath.Join(c.dir, Via+"-"+integration))
	if err != nil {
		return err
	}
	body, err := json.Marshal(a)
	if err != nil {
		return amend.Errorf(amend.Internal, "tell OnCall", "%w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return amend.Errorf(amend.Invalid, "tell OnCall", "the file %s-%s holds no address", Via, integration)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(r)
	if err != nil {
		return amend.Errorf(amend.Transient, "tell OnCall", "%w", withoutAddress(err))
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode >= 500, res.StatusCode == http.StatusTooManyRequests:
		return amend.Errorf(amend.Transient, "tell OnCall", "the integration answered %s", res.Status)
	}
	return amend.Errorf(amend.Invalid, "tell OnCall", "the integration answered %s", res.Status)
}

// withoutAddress is the error without the address that net/http puts into it.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
