// Package pagerduty pages people through the Events API of PagerDuty, version 2,
// and hears by its webhooks, version 3, that one of them looks after it.
//
// The dedup key of an incident there is the env repo and the key of the matter, so
// telling twice opens one incident.
package pagerduty

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/PagerDuty/go-pagerduty"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/secret"
)

// Via is the kind of place that the package is for, in approval.Step.
const Via = "pagerduty"

// callTimeout ends one request.
const callTimeout = 10 * time.Second

// The bounds of what is sent, in bytes. PagerDuty takes 1,024 characters of a
// summary and 512 kB in all.
const (
	maxSummary = 1000
	maxText    = 4000
	maxDiff    = 20_000
)

// A Client triggers and ends incidents. A place is the name of a service; the
// file pagerduty-NAME of the folder holds the integration key of it.
type Client struct {
	dir, source string
	api         *pagerduty.Client
}

// New returns a client that reads keys from a folder. Source is the env repo,
// owner/name. The root of the API is the one of PagerDuty's US region when
// empty.
func New(dir, source, api string) *Client {
	if api == "" {
		api = "https://events.pagerduty.com"
	}
	c := pagerduty.NewClient("", pagerduty.WithV2EventsAPIEndpoint(api))
	c.HTTPClient = &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Client{dir: dir, source: source, api: c}
}

// Ask triggers an incident and returns its dedup key.
func (c *Client) Ask(ctx context.Context, service string, q approval.Question) (string, error) {
	e := pagerduty.V2Event{Action: "trigger", DedupKey: c.dedupKey(q.Matter), Client: "amend", ClientURL: q.URL, Payload: &pagerduty.V2Payload{
		Summary: message.Plain(q.Title, maxSummary), Source: c.source, Severity: severity(q), Class: "amend",
		Details: details{Text: message.Plain(q.Text, maxText), Commit: q.SHA, Diff: q.Diff[:min(len(q.Diff), maxDiff)], Until: q.Until.UTC()},
	}}
	return e.DedupKey, c.send(ctx, service, e)
}

// dedupKey is what PagerDuty calls the incident of a matter.
func (c *Client) dedupKey(matter string) string { return "amend/" + c.source + "/" + matter }

// details is what an incident shows beside its summary.
type details struct {
	Text   string    `json:"text,omitempty"`
	Commit string    `json:"commit,omitempty"`
	Diff   string    `json:"diff,omitempty"`
	Until  time.Time `json:"answer_until"`
}

// severity is an error for trouble that amend can do nothing about, and else a
// warning: a change waits that would help.
func severity(q approval.Question) string {
	if q.SHA == "" {
		return "error"
	}
	return "warning"
}

// Tell acknowledges the incident when somebody looks after the matter, and
// resolves it when the question is at its end. A question that was replaced has
// a newer one with the same key, so its incident stays.
func (c *Client) Tell(ctx context.Context, service, ref string, _ approval.Question, o approval.Outcome) error {
	action := "resolve"
	switch o.State {
	case approval.Waiting, approval.Replaced:
		return nil
	case approval.Taken:
		action = "acknowledge"
	}
	return c.send(ctx, service, pagerduty.V2Event{Action: action, DedupKey: ref})
}

func (c *Client) send(ctx context.Context, service string, e pagerduty.V2Event) error {
	key, err := secret.Read(filepath.Join(c.dir, Via+"-"+service))
	if err != nil {
		return err
	}
	e.RoutingKey = key
	_, err = c.api.ManageEventWithContext(ctx, &e)
	return typed(err)
}

// typed sorts an error of the library: what PagerDuty does not understand stays
// wrong, and all else may pass. The key travels in the body and is in no error.
func typed(err error) error {
	var refused pagerduty.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && !refused.Temporary():
		return amend.Errorf(amend.Invalid, "tell PagerDuty", "%w", err)
	}
	return amend.Errorf(amend.Transient, "tell PagerDuty", "%w", err)
}
