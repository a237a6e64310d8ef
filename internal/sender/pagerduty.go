package sender

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// PagerDutySignature is the header of PagerDuty's signatures: "v1=" and the
// HMAC-SHA256 of the body in hexadecimal, several with commas between them while
// a secret is replaced.
const PagerDutySignature = "X-PagerDuty-Signature"

const expectedPagerDuty = `a PagerDuty webhook, version 3, about an incident: ` +
	`{"event":{"id":"…","event_type":"incident.triggered","occurred_at":"2006-01-02T15:04:05Z","data":{…}}}`

// NewPagerDuty returns the source for V3 webhooks of PagerDuty that are signed
// with one of the secrets. PagerDuty repeats a post until it is answered, and the
// time in the body is that of the event, so the window is a day. It fails with
// amend.Invalid when a secret cannot be read.
func NewPagerDuty(keys Keys, limits alert.Limits) (Source, error) {
	if err := keys.Check(); err != nil {
		return Source{}, err
	}
	limits.NoRequests = true
	return Source{
		Name: "pagerduty", Bytes: 1 << 20, Window: 24 * time.Hour, Expected: expectedPagerDuty,
		Open: func(_ context.Context, header http.Header, body []byte) (Delivery, error) {
			signatures := pagerDutySignatures(header)
			if len(signatures) == 0 {
				return Delivery{}, Refusal(Unsigned)
			}
			file, err := keys.verify(signatures, body)
			if err != nil {
				return Delivery{}, err
			}
			d, err := decodePagerDuty(body, limits)
			d.Credential = file
			return d, err
		},
	}, nil
}

// maxSignatures bounds the work on one header. PagerDuty sends two.
const maxSignatures = 8

func pagerDutySignatures(header http.Header) [][]byte {
	var all [][]byte
	for _, s := range strings.SplitN(header.Get(PagerDutySignature), ",", maxSignatures+1) {
		if hex, v1 := strings.CutPrefix(strings.TrimSpace(s), "v1="); v1 && len(all) < maxSignatures {
			all = append(all, digest(hex))
		}
	}
	return all
}

// A reference names another object of PagerDuty.
type reference struct {
	ID      string `json:"id"`
	Summary string `json:"summary"`
}

// An incidentEvent is a V3 webhook as far as it matters.
type incidentEvent struct {
	Event struct {
		ID         string    `json:"id"`
		EventType  string    `json:"event_type"`
		OccurredAt time.Time `json:"occurred_at"`
		Data       incident  `json:"data"`
	} `json:"event"`
}

type incident struct {
	ID        string    `json:"id"`
	HTMLURL   string    `json:"html_url"`
	Title     string    `json:"title"`
	CreatedAt time.Time `json:"created_at"`
	Urgency   string    `json:"urgency"`
	Service   reference `json:"service"`
	Priority  reference `json:"priority"`
}

// pagerDutyStatus says which events change whether an incident is open; what
// people do with it in between does not concern us.
func pagerDutyStatus(eventType string) (amend.Status, bool) {
	switch eventType {
	case "incident.triggered", "incident.reopened":
		return amend.Firing, true
	case "incident.resolved":
		return amend.Resolved, true
	}
	return "", false
}

func decodePagerDuty(body []byte, limits alert.Limits) (Delivery, error) {
	var w incidentEvent
	if err := decode(bytes.NewReader(body), limits, &w); err != nil {
		return Delivery{}, err
	}
	e := w.Event
	if e.ID == "" || e.OccurredAt.IsZero() {
		return Delivery{}, invalid("the event has no id or no time")
	}
	d := Delivery{ID: e.ID, SentAt: e.OccurredAt}
	status, known := pagerDutyStatus(e.EventType)
	if !known {
		d.Rejected = rejected("the event neither opens nor closes an incident")
		return d, nil
	}
	a, reason := alert.Bound(e.Data.alert(status, e.OccurredAt), limits)
	if reason != "" {
		d.Rejected = rejected(reason)
		return d, nil
	}
	d.Alerts = []amend.Alert{a}
	return d, nil
}

// alert maps an incident. What people may change while it is open is an
// annotation, so that its end has the labels of its beginning.
func (i incident) alert(status amend.Status, at time.Time) amend.Alert {
	a := amend.Alert{
		Status:       status,
		Labels:       present("alertname", i.Title, "service", i.Service.Summary, "service_id", i.Service.ID),
		Annotations:  present("urgency", i.Urgency, "priority", i.Priority.Summary, "incident", i.ID),
		StartsAt:     i.CreatedAt.UTC(),
		GeneratorURL: i.HTMLURL,
	}
	if status == amend.Resolved {
		a.EndsAt = at.UTC()
	}
	if a.StartsAt.IsZero() { // of accounts whose webhooks lack it
		a.StartsAt = at.UTC()
	}
	return a
}

// present makes a map of names and values, without those whose value is empty.
func present(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}
