package alert

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/amendhq/amend"
)

// Marshal writes an event as a structured CloudEvent: byte for byte what encoding/json
// makes of ToCloudEvent, without a newline. Every alert is written once at least, and
// what is around its data are words of ours that need no escapes, so they are put
// together here. It fails as ToCloudEvent does.
func Marshal(e amend.Event) ([]byte, error) {
	if !made(e) {
		return nil, errNotMade()
	}
	data, err := appendAlert(make([]byte, 0, 1<<10), e.Alert)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "pack event", "%w", err)
	}
	const around = 400 // is more than all that is not the data
	line := make([]byte, 0, around+base64.StdEncoding.EncodedLen(len(data)))
	line = append(line, `{"specversion":"1.0","id":"`...)
	line = append(line, e.ID...)
	line = append(line, `","source":"`+Source+`","type":"`...)
	line = append(line, typeOf(e.Alert.Status)...)
	line = append(line, `","subject":"`...)
	line = append(line, e.Identity...)
	line = append(line, `","datacontenttype":"`+event.ApplicationJSON+`"`...)
	if !e.Time.IsZero() {
		line = append(line, `,"time":"`...)
		line = e.Time.UTC().AppendFormat(line, time.RFC3339Nano)
		line = append(line, '"')
	}
	line = append(line, `,"data_base64":"`...)
	line = base64.StdEncoding.AppendEncode(line, data)
	line = append(line, '"')
	if e.TraceID() != "" {
		line = append(line, `,"`+TraceExtension+`":"`...)
		line = append(line, e.Trace...)
		line = append(line, '"')
	}
	return append(line, '}'), nil
}

// appendAlert appends what encoding/json writes of an alert.
func appendAlert(b []byte, a amend.Alert) ([]byte, error) {
	b = appendText(append(b, `{"status":`...), string(a.Status))
	b = appendPairs(append(b, `,"labels":`...), a.Labels)
	if len(a.Annotations) > 0 {
		b = appendPairs(append(b, `,"annotations":`...), a.Annotations)
	}
	b, err := appendTime(append(b, `,"startsAt":`...), a.StartsAt)
	if err == nil && !a.EndsAt.IsZero() {
		b, err = appendTime(append(b, `,"endsAt":`...), a.EndsAt)
	}
	for _, field := range [...]struct{ name, value string }{
		{`,"generatorURL":`, a.GeneratorURL}, {`,"fingerprint":`, a.Fingerprint},
		{`,"externalURL":`, a.ExternalURL}, {`,"receiver":`, a.Receiver},
	} {
		if field.value != "" {
			b = appendText(append(b, field.name...), field.value)
		}
	}
	return append(b, '}'), err
}

func appendPairs(b []byte, pairs map[string]string) []byte {
	names := make([]string, 0, 16)
	for name := range pairs {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(appendText(b, name), ':'), pairs[name])
	}
	return append(b, '}')
}

// appendText leaves to encoding/json what it may write in another way.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // texts cannot fail
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendTime(b []byte, t time.Time) ([]byte, error) {
	b, err := t.AppendText(append(b, '"'))
	return append(b, '"'), err
}

// Unmarshal is the inverse of Marshal, as strict as FromCloudEvent is: anything that
// Marshal cannot have written is amend.Invalid. No text of the event is in the error.
func Unmarshal(line []byte) (amend.Event, error) {
	var ce event.Event
	if err := json.Unmarshal(line, &ce); err != nil {
		return amend.Event{}, amend.Errorf(amend.Invalid, "unpack event", "not a CloudEvent in JSON")
	}
	return FromCloudEvent(ce)
}

// made reports whether e is what NewEvent makes of an alert within limits, so that
// what is written of it can be read again.
func made(e amend.Event) bool {
	return typeOf(e.Alert.Status) != "" && safeWord(e.Identity) && e.ID == eventID(e.Identity, e.Alert.Status) &&
		len(e.Alert.Labels) > 0 && writable(e.Time.UTC())
}

func errNotMade() error {
	return amend.Errorf(amend.Internal, "pack event", "id, subject and time do not belong to the alert")
}

// safeWord reports whether s can go in clear to systems that may execute what they
// read (Argo Workflows runs {{…}} found in parameter values): up to 50 small letters,
// digits and hyphens.
func safeWord(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 50
}
