package alert

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/amendhq/amend"
)

// The CloudEvents types of an alert, and the source that the gateway names.
const (
	TypeFiring   = "dev.amend.alert.firing.v1"
	TypeResolved = "dev.amend.alert.resolved.v1"
	Source       = "amend/gateway"
)

// TraceExtension is the attribute of CloudEvents' Distributed Tracing extension
// that holds amend.Event.Trace.
const TraceExtension = "traceparent"

// ExpectedEvent describes in one sentence which CloudEvents DecodeCloudEvent
// takes, for the answer to a sender that sent something else.
const ExpectedEvent = `a CloudEvent 1.0 of type "` + TypeFiring + `" or "` + TypeResolved + `", ` +
	`datacontenttype application/json, whose data is one alert: ` +
	`{"status":"firing","labels":{"alertname":"…"},"startsAt":"2006-01-02T15:04:05Z"}`

// ToCloudEvent packs an event as a CloudEvent 1.0. The alert is data of type
// []byte, which structured mode writes as data_base64, so no alert text is ever
// in clear. It fails with amend.Internal for an event that NewEvent did not make.
func ToCloudEvent(e amend.Event) (event.Event, error) {
	if !made(e) {
		return event.Event{}, errNotMade()
	}
	data, err := json.Marshal(e.Alert)
	if err != nil {
		return event.Event{}, amend.Errorf(amend.Internal, "pack event", "%w", err)
	}
	ce := event.New(event.CloudEventsVersionV1)
	ce.SetID(e.ID)
	ce.SetType(typeOf(e.Alert.Status))
	ce.SetSource(Source)
	ce.SetSubject(e.Identity)
	ce.SetTime(e.Time)
	if e.TraceID() != "" {
		ce.SetExtension(TraceExtension, e.Trace)
	}
	if err := ce.SetData(event.ApplicationJSON, data); err != nil {
		return event.Event{}, amend.Errorf(amend.Internal, "pack event", "%w", err)
	}
	if err := ce.Validate(); err != nil {
		return event.Event{}, amend.Errorf(amend.Internal, "pack event", "%w", err)
	}
	return ce, nil
}

// FromCloudEvent is the inverse of ToCloudEvent. It is strict: anything that
// ToCloudEvent cannot have written is amend.Invalid, unknown fields included.
func FromCloudEvent(ce event.Event) (amend.Event, error) {
	a, err := decodeData(ce)
	if err != nil {
		return amend.Event{}, err
	}
	e := amend.Event{ID: ce.ID(), Identity: ce.Subject(), Time: ce.Time().UTC(), Alert: a}
	if ce.Source() != Source || !made(e) {
		return amend.Event{}, amend.Errorf(amend.Invalid, "decode event", "source, id, subject, time and data do not belong together")
	}
	if traced, ok := ce.Extensions()[TraceExtension]; ok {
		e.Trace, _ = traced.(string)
		if e.TraceID() == "" {
			return amend.Event{}, amend.Errorf(amend.Invalid, "decode event", "%s is no traceparent", TraceExtension)
		}
	}
	return e, nil
}

// DecodeCloudEvent reads the alert of a CloudEvent that somebody else made,
// within the limits. Its id and subject are not looked at: NewEvent computes
// both again, because an id that a sender chose could be another trouble's.
func DecodeCloudEvent(ce event.Event, limits Limits) (amend.Alert, error) {
	a, err := decodeData(ce)
	if err != nil {
		return amend.Alert{}, err
	}
	a, reason := Bound(a, limits)
	if reason != "" {
		return amend.Alert{}, amend.Errorf(amend.Invalid, "decode event", "%s", reason)
	}
	return a, nil
}

func decodeData(ce event.Event) (amend.Alert, error) {
	if err := ce.Validate(); err != nil {
		return amend.Alert{}, amend.Errorf(amend.Invalid, "decode event", "%w", err)
	}
	if ce.SpecVersion() != event.CloudEventsVersionV1 || ce.DataMediaType() != event.ApplicationJSON {
		return amend.Alert{}, amend.Errorf(amend.Invalid, "decode event", "not CloudEvents 1.0 with JSON data")
	}
	var a amend.Alert
	dec := json.NewDecoder(bytes.NewReader(ce.Data()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return amend.Alert{}, amend.Errorf(amend.Invalid, "decode event", "data is not one alert: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return amend.Alert{}, amend.Errorf(amend.Invalid, "decode event", "data goes on after the alert")
	}
	if typeOf(a.Status) == "" || ce.Type() != typeOf(a.Status) {
		return amend.Alert{}, amend.Errorf(amend.Invalid, "decode event", "the type is not that of an alert with its status")
	}
	a.StartsAt, a.EndsAt = a.StartsAt.UTC(), a.EndsAt.UTC()
	if !writable(a.StartsAt) || !writable(a.EndsAt) {
		return amend.Alert{}, amend.Errorf(amend.Invalid, "decode event", "a time is outside of the years 0 to 9999")
	}
	return a, nil
}

// typeOf returns the CloudEvents type of an alert, "" for an unknown status.
func typeOf(s amend.Status) string {
	switch s {
	case amend.Firing:
		return TypeFiring
	case amend.Resolved:
		return TypeResolved
	}
	return ""
}
