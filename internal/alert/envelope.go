package alert

import (
	"encoding/base64"
	"io"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/amendhq/amend"
)

// maxPacked is the longest packed event that is read; an Argo Events bus takes
// no longer message.
const maxPacked = 1 << 20

// Envelop puts the CloudEvent of an event into another one as its data. The
// outer one has the same id, type, subject and time, and its data_base64 is all
// of the inner one, which is what a Sensor can hand over as a single parameter:
// Unpack makes an event of it again. Whatever the alert holds, everything of the
// outer one is words of ours, hexadecimal digits, a time and base64.
//
// It fails with amend.Internal for an event that NewEvent did not make.
func Envelop(e amend.Event) (event.Event, error) {
	data, err := Marshal(e)
	if err != nil {
		return event.Event{}, err
	}
	outer := event.New(event.CloudEventsVersionV1)
	outer.SetID(e.ID)
	outer.SetType(typeOf(e.Alert.Status))
	outer.SetSource(Source)
	outer.SetSubject(e.Identity)
	outer.SetTime(e.Time)
	if err := outer.SetData(event.ApplicationCloudEventsJSON, data); err != nil {
		return event.Event{}, amend.Errorf(amend.Internal, "envelop event", "%w", err)
	}
	return outer, nil
}

// Pack writes an event as base64 of its structured CloudEvent: the text that
// data_base64 of its envelope holds. It fails with amend.Internal for an event
// that NewEvent did not make.
func Pack(e amend.Event) (string, error) {
	data, err := Marshal(e)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// Unpack is the inverse of Pack, as strict as FromCloudEvent is: anything that
// Pack cannot have written is amend.Invalid. No text of the event is in the
// error.
func Unpack(packed string) (amend.Event, error) {
	limits := DefaultLimits()
	limits.Bytes = maxPacked
	text := base64.NewDecoder(base64.StdEncoding.Strict(), strings.NewReader(packed))
	data, err := io.ReadAll(limits.Reader(text))
	if err != nil {
		return amend.Event{}, amend.Errorf(amend.Invalid, "unpack event", "not the base64 of an event")
	}
	return Unmarshal(data)
}
