package alert_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

var (
	ids = alert.NewIdentity(alert.DefaultVolatile())
	at  = time.Date(2026, 3, 2, 9, 15, 0, 123456789, time.UTC)
)

func firing(labels map[string]string) amend.Alert {
	return amend.Alert{Status: amend.Firing, Labels: labels, StartsAt: at}
}

// roundTrip checks what every accepted alert promises, whatever its text.
func roundTrip(t *testing.T, a amend.Alert) {
	t.Helper()
	e := alert.NewEvent(a, at, ids)
	if !regexp.MustCompile(`^[a-z0-9.-]{1,63}$`).MatchString(e.ID) {
		t.Fatalf("id %q is not in the safe alphabet", e.ID)
	}
	ce, err := alert.ToCloudEvent(e)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(ce)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := alert.Marshal(e); err != nil || string(line) != string(wire) {
		t.Fatalf("Marshal gives %.600s, %v; the CloudEvent is %.600s", line, err, wire)
	}
	got, err := alert.Unmarshal(wire)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Alert.Annotations) == 0 { // omitted when written
		e.Alert.Annotations = nil
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Fatalf("changed on its way through a CloudEvent:\n%s", diff)
	}
}

func TestIdentity(t *testing.T) {
	base := map[string]string{"alertname": "KubeNodeNotReady", "node": "a", "pod": "p-1", "instance": "10.0.0.1:80", "replica": "r0"}
	with := func(pairs ...string) map[string]string {
		m := maps.Clone(base)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	tests := []struct {
		name   string
		labels map[string]string
		same   bool
	}{
		{"another pod", with("pod", "p-2"), true},
		{"another instance and replica", with("instance", "10.0.0.2:80", "replica", "r1"), true},
		{"an empty label", with("zone", ""), true},
		{"another node", with("node", "b"), false},
		{"another alert", with("alertname", "KubeNodeUnreachable"), false},
		{"one more label", with("zone", "z"), false},
		{"a value that pretends to be a label", map[string]string{"alertname": "KubeNodeNotReady\x00node\x00a"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ids.Of(tt.labels) == ids.Of(base); got != tt.same {
				t.Errorf("same identity = %v, want %v", got, tt.same)
			}
		})
	}
	if ids.Of(map[string]string{"pod": "a"}) == ids.Of(map[string]string{"pod": "b"}) {
		t.Error("alerts with volatile labels only share one identity")
	}
	if every := (alert.Identity{}); every.Of(base) == every.Of(with("pod", "p-2")) {
		t.Error("without volatile labels the pod must count")
	}
}

func TestNewEventDependsOnIdentityAndStatusOnly(t *testing.T) {
	a := firing(map[string]string{"alertname": "A", "namespace": "shop"})
	e := alert.NewEvent(a, at, ids)
	// The id names workflows and claims of running systems: it must never change.
	if want := "bfc0dde33f825d1368c82f8ab90f0b5f.firing"; e.ID != want {
		t.Errorf("id = %s, want %s", e.ID, want)
	}
	moved := a
	moved.StartsAt, moved.Fingerprint, moved.Receiver = at.Add(time.Hour), "x", "other"
	moved.Annotations = map[string]string{"summary": "now 95%"}
	if got := alert.NewEvent(moved, at.Add(time.Minute), ids); got.ID != e.ID {
		t.Errorf("id moved from %s to %s", e.ID, got.ID)
	}
	a.Status = amend.Resolved
	if got := alert.NewEvent(a, at, ids); got.Identity != e.Identity || got.ID != e.Identity+".resolved" {
		t.Errorf("resolved = %+v", got)
	}
}

func TestCloudEventHidesTheAlert(t *testing.T) {
	hostile := firing(map[string]string{"alertname": "{{workflow.parameters.token}}", "pod": "../../x\n@team\x1b[31m"})
	roundTrip(t, hostile)
	ce, err := alert.ToCloudEvent(alert.NewEvent(hostile, at, ids))
	if err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(ce)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/cloudevent.golden", append(wire, '\n'))
	if strings.Contains(string(wire), "{{") || !strings.Contains(string(wire), `"data_base64"`) {
		t.Errorf("the alert travels in clear: %s", wire)
	}
}

// Marshal writes what the library of CloudEvents does, whatever an event has.
func TestMarshalWritesACloudEvent(t *testing.T) {
	plain := alert.NewEvent(firing(map[string]string{"alertname": "A"}), at, ids)
	traced, timeless, elsewhere := plain, plain, plain
	traced.Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	timeless.Time = time.Time{}
	elsewhere.Time = at.In(time.FixedZone("", 3600))
	foreign := plain
	foreign.Trace = "{{x}}"
	full := plain // so that no field is forgotten that an alert gets one day
	for i := range reflect.TypeFor[amend.Alert]().NumField() {
		switch f := reflect.ValueOf(&full.Alert).Elem().Field(i).Addr().Interface().(type) {
		case *string:
			*f = "x<y>\"&\\\n\u2028ü"
		case *map[string]string:
			*f = map[string]string{"b": "", "a": "1", "ü<": "\x00"}
		case *time.Time:
			*f = at.Add(time.Duration(i))
		case *amend.Status:
		default:
			t.Fatalf("nobody has said how field %d is written", i)
		}
	}
	for name, e := range map[string]amend.Event{"plain": plain, "full": full, "traced": traced, "no time": timeless, "another zone": elsewhere, "no trace": foreign} {
		ce, err := alert.ToCloudEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(ce)
		if err != nil {
			t.Fatal(err)
		}
		got, err := alert.Marshal(e)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
		if name == "no trace" {
			e.Trace = ""
		}
		if read, err := alert.Unmarshal(got); err != nil || !cmp.Equal(e, read) {
			t.Errorf("%s: it is read as\n%s%v", name, cmp.Diff(e, read), err)
		}
	}
}

func TestToCloudEventRefusesForeignIDs(t *testing.T) {
	good := alert.NewEvent(firing(map[string]string{"alertname": "A"}), at, ids)
	for name, change := range map[string]func(*amend.Event){
		"identity with a dot":  func(e *amend.Event) { e.Identity = "a.b"; e.ID = "a.b.firing" },
		"template in identity": func(e *amend.Event) { e.Identity = "{{x}}"; e.ID = "{{x}}.firing" },
		"id of the opposite":   func(e *amend.Event) { e.ID = e.Identity + ".resolved" },
		"no status":            func(e *amend.Event) { e.Alert.Status = "" },
		"no labels":            func(e *amend.Event) { e.Alert.Labels = nil },
		"identity too long":    func(e *amend.Event) { e.Identity = strings.Repeat("a", 51); e.ID = e.Identity + ".firing" },
		"no identity":          func(e *amend.Event) { e.Identity, e.ID = "", ".firing" },
		"time far away":        func(e *amend.Event) { e.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		e := good
		change(&e)
		if _, err := alert.ToCloudEvent(e); amend.KindOf(err) != amend.Internal {
			t.Errorf("%s: err = %v, want Internal", name, err)
		}
		if _, err := alert.Marshal(e); amend.KindOf(err) != amend.Internal {
			t.Errorf("%s: Marshal: err = %v, want Internal", name, err)
		}
	}
}

func TestCloudEventStrict(t *testing.T) {
	good, err := alert.ToCloudEvent(alert.NewEvent(firing(map[string]string{"alertname": "A"}), at, ids))
	if err != nil {
		t.Fatal(err)
	}
	data := func(s string) func(*event.Event) {
		return func(e *event.Event) { _ = e.SetData(event.ApplicationJSON, []byte(s)) }
	}
	tests := []struct {
		name    string
		change  func(*event.Event)
		foreign bool // DecodeCloudEvent takes it, FromCloudEvent does not
	}{
		{"another type", func(e *event.Event) { e.SetType("com.example.x") }, false},
		{"type of the other status", func(e *event.Event) { e.SetType(alert.TypeResolved) }, false},
		{"no data", data(""), false},
		{"data is not JSON", data("x"), false},
		{"data is null", data("null"), false},
		{"unknown field", data(`{"status":"firing","labels":{"a":"b"},"startsAt":"2026-03-02T09:05:00Z","x":1}`), false},
		{"two alerts", data(`{"status":"firing","labels":{"a":"b"},"startsAt":"2026-03-02T09:05:00Z"}{}`), false},
		{"no labels", data(`{"status":"firing","labels":{},"startsAt":"2026-03-02T09:05:00Z"}`), false},
		{"time that cannot be written", data(`{"status":"firing","labels":{"a":"b"},"startsAt":"9999-12-31T23:59:59-12:00"}`), false},
		{"text", func(e *event.Event) { e.SetDataContentType("text/plain") }, false},
		{"old version", func(e *event.Event) { e.SetSpecVersion(event.CloudEventsVersionV03) }, false},
		{"no id", func(e *event.Event) { e.SetID("") }, false},
		{"another id", func(e *event.Event) { e.SetID("my-id") }, true},
		{"another subject", func(e *event.Event) { e.SetSubject("{{x}}") }, true},
		{"a trace that is none", func(e *event.Event) { e.SetExtension(alert.TraceExtension, "00-{{x}}") }, true},
		{"a trace of zeros", func(e *event.Event) {
			e.SetExtension(alert.TraceExtension, "00-"+strings.Repeat("0", 32)+"-00f067aa0ba902b7-01")
		}, true},
		{"another source", func(e *event.Event) { e.SetSource("https://example.com") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ce := good.Clone()
			tt.change(&ce)
			if _, err := alert.FromCloudEvent(ce); amend.KindOf(err) != amend.Invalid {
				t.Errorf("FromCloudEvent: err = %v, want Invalid", err)
			}
			_, err := alert.DecodeCloudEvent(ce, alert.DefaultLimits())
			if tt.foreign && err != nil {
				t.Errorf("DecodeCloudEvent: %v", err)
			}
			if !tt.foreign && amend.KindOf(err) != amend.Invalid {
				t.Errorf("DecodeCloudEvent: err = %v, want Invalid", err)
			}
		})
	}
}

func TestDecodeCloudEventWantsStartsAt(t *testing.T) {
	ce, err := alert.ToCloudEvent(alert.NewEvent(firing(map[string]string{"alertname": "A"}), at, ids))
	if err != nil {
		t.Fatal(err)
	}
	_ = ce.SetData(event.ApplicationJSON, []byte(`{"status":"firing","labels":{"alertname":"A"}}`))
	_, err = alert.DecodeCloudEvent(ce, alert.DefaultLimits())
	if amend.KindOf(err) != amend.Invalid || !strings.Contains(err.Error(), "there is no startsAt") {
		t.Errorf("err = %v, want Invalid", err)
	}
}

func TestDecodeCloudEventBoundsTheAlert(t *testing.T) {
	ce, err := alert.ToCloudEvent(alert.NewEvent(firing(map[string]string{"alertname": strings.Repeat("A", 100_000)}), at, ids))
	if err != nil {
		t.Fatal(err)
	}
	a, err := alert.DecodeCloudEvent(ce, alert.DefaultLimits())
	if err != nil || len(a.Name()) > 5000 {
		t.Errorf("name has %d bytes, %v", len(a.Name()), err)
	}
}

func FuzzFromCloudEvent(f *testing.F) {
	f.Add("bfc0dde33f825d1368c82f8ab90f0b5f", []byte(`{"status":"firing","labels":{"a":"b"},"startsAt":"2026-03-02T09:05:00Z"}`))
	f.Add("a", []byte(`{"status":"resolved","labels":{"a":"b"},"startsAt":"0001-01-01T00:00:00Z","endsAt":"2026-03-02T09:05:00Z"}`))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		ce := event.New()
		ce.SetID(subject + ".firing")
		ce.SetSubject(subject)
		ce.SetSource(alert.Source)
		ce.SetType(alert.TypeFiring)
		ce.SetTime(at)
		_ = ce.SetData(event.ApplicationJSON, data)
		if _, err := alert.FromCloudEvent(ce); err != nil && amend.KindOf(err) != amend.Invalid {
			t.Fatalf("kind of %v", err)
		}
		if a, err := alert.DecodeCloudEvent(ce, alert.DefaultLimits()); err == nil {
			roundTrip(t, a)
		}
	})
}
