package alert

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/amendhq/amend"
)

// Expected describes in one sentence what DecodeAlertmanager takes, for the
// answer to a sender that sent something else.
const Expected = `an Alertmanager webhook body, version "4": ` +
	`{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"…"},"startsAt":"2006-01-02T15:04:05Z"}]}`

// ExpectedGrafana is the same for DecodeGrafana.
const ExpectedGrafana = `the default webhook body of Grafana Alerting, version "1": ` +
	`{"version":"1","alerts":[{"status":"firing","labels":{"alertname":"…"},"startsAt":"2006-01-02T15:04:05Z"}]}`

// A Group is what an Alertmanager webhook says about the delivery as a whole.
type Group struct {
	// Key and Receiver are evidence only: neither takes part in an identity.
	Key      string
	Receiver string
	// Truncated is how many alerts Alertmanager left out (max_alerts).
	Truncated uint64
	// Rejected lists the alerts of the delivery that were not understood.
	Rejected []Rejection
}

// A Rejection is one alert of a delivery that was left out. Reason never
// contains text of the alert.
type Rejection struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// DecodeAlertmanager reads one Alertmanager webhook, version 4, and returns its
// good alerts in their order. An alert that is not understood is listed in
// Group.Rejected and does not keep its neighbours out. Values over the limit
// are cut with a visible mark, and invalid UTF-8 becomes U+FFFD.
//
// It fails with amend.Invalid when the body as a whole is no such webhook or
// holds no alert at all (wrapping ErrTooLarge when only its size is wrong), and
// with amend.Transient when r fails. Fields it does not know are skipped,
// because Alertmanager adds some without a new version.
func DecodeAlertmanager(r io.Reader, limits Limits) ([]amend.Alert, Group, error) {
	return decode(r, limits, "4")
}

// DecodeGrafana reads one webhook of Grafana Alerting, version 1, under the same
// rules: its body is Alertmanager's with more in it. The values that made an
// alert fire become the annotation value_string.
func DecodeGrafana(r io.Reader, limits Limits) ([]amend.Alert, Group, error) {
	return decode(r, limits, "1")
}

// valueAnnotation holds the text in which Grafana says what the queries of an
// alert returned. An annotation of this name that the rule has itself stays.
const valueAnnotation = "value_string"

func decode(r io.Reader, limits Limits, version string) ([]amend.Alert, Group, error) {
	d := &decoder{json: json.NewDecoder(limits.Reader(r)), limits: limits}
	if err := d.body(); err != nil {
		return nil, Group{}, err
	}
	if d.version != version {
		return nil, Group{}, invalid("version is %q", clip(d.version, 16))
	}
	if d.seen == 0 {
		return nil, Group{}, invalid("the body holds no alerts")
	}
	for i := range d.alerts {
		d.alerts[i].Receiver = d.group.Receiver
		d.alerts[i].ExternalURL = d.externalURL
	}
	return d.alerts, d.group, nil
}

func invalid(format string, args ...any) error {
	return amend.Errorf(amend.Invalid, "decode alerts", format, args...)
}

// A decoder walks the webhook token by token: only one alert at a time is held
// in its wire form.
type decoder struct {
	json        *json.Decoder
	limits      Limits
	version     string
	externalURL string
	seen        int // alerts met so far, good or not
	alerts      []amend.Alert
	group       Group
}

func (d *decoder) body() error {
	if err := d.delim('{', "a JSON object"); err != nil {
		return err
	}
	for d.json.More() {
		key, err := d.json.Token()
		if err != nil {
			return syntax(err)
		}
		if err := d.field(key); err != nil {
			return err
		}
	}
	if _, err := d.json.Token(); err != nil {
		return syntax(err)
	}
	if _, err := d.json.Token(); err != io.EOF {
		if err == nil {
			return invalid("there is more than one JSON value")
		}
		return syntax(err)
	}
	return nil
}

func (d *decoder) field(key json.Token) error {
	switch key {
	case "alerts":
		return d.list()
	case "version":
		return d.value(&d.version, "version", "a string")
	case "groupKey":
		return d.text(&d.group.Key, "groupKey")
	case "receiver":
		return d.text(&d.group.Receiver, "receiver")
	case "externalURL":
		return d.text(&d.externalURL, "externalURL")
	case "truncatedAlerts":
		return d.value(&d.group.Truncated, "truncatedAlerts", "a number")
	}
	return d.value(&skipped{}, "body", "JSON")
}

// skipped takes any JSON value and keeps nothing of it.
type skipped struct{}

// UnmarshalJSON drops the value.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

func (d *decoder) text(into *string, name string) error {
	err := d.value(into, name, "a string")
	*into = clip(*into, d.limits.ValueBytes)
	return err
}

func (d *decoder) value(into any, name, want string) error {
	err := d.json.Decode(into)
	if wrongType := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrongType) {
		return invalid("%s is not %s", name, want)
	}
	return syntax(err)
}

func (d *decoder) list() error {
	if err := d.delim('[', "an array of alerts"); err != nil {
		return err
	}
	for ; d.json.More(); d.seen++ {
		if d.seen >= d.limits.Alerts {
			return invalid("more than %d alerts: %w", d.limits.Alerts, ErrTooLarge)
		}
		var w wireAlert
		err := d.json.Decode(&w)
		if wrongType := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrongType) {
			d.reject("a field has the wrong type: labels and annotations are objects of strings, the rest are strings")
			continue
		}
		if err != nil {
			return syntax(err)
		}
		a, reason := w.alert(d.limits)
		if reason != "" {
			d.reject(reason)
			continue
		}
		d.alerts = append(d.alerts, a)
	}
	_, err := d.json.Token()
	return syntax(err)
}

func (d *decoder) reject(reason string) {
	d.group.Rejected = append(d.group.Rejected, Rejection{Index: d.seen, Reason: reason})
}

func (d *decoder) delim(want json.Delim, what string) error {
	got, err := d.json.Token()
	if err != nil {
		return syntax(err)
	}
	if got != want {
		return invalid("found something else where %s was expected", what)
	}
	return nil
}

// syntax sorts an error of the JSON decoder: those of our own reader are
// sorted already.
func syntax(err error) error {
	var known *amend.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return invalid("the JSON ends too early")
	}
	return invalid("not JSON: %w", err)
}

// A wireAlert is an alert as the webhook writes it. The times are strings so
// that a bad one costs its own alert only.
type wireAlert struct {
	Status       amend.Status      `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
	ValueString  string            `json:"valueString"` // of Grafana
}

// alert returns the alert within the limits, or why it cannot be taken.
func (w wireAlert) alert(limits Limits) (amend.Alert, string) {
	a := amend.Alert{
		Status: w.Status, Labels: w.Labels, Annotations: w.Annotations,
		GeneratorURL: w.GeneratorURL, Fingerprint: w.Fingerprint,
	}
	var ok bool
	if a.StartsAt, ok = instant(w.StartsAt); !ok {
		return amend.Alert{}, "startsAt is not an RFC 3339 time"
	}
	if a.EndsAt, ok = instant(w.EndsAt); !ok && w.EndsAt != "" {
		return amend.Alert{}, "endsAt is not an RFC 3339 time"
	}
	if _, taken := a.Annotations[valueAnnotation]; w.ValueString != "" && !taken {
		if a.Annotations == nil {
			a.Annotations = map[string]string{}
		}
		a.Annotations[valueAnnotation] = w.ValueString
	}
	return Bound(a, limits)
}

// instant reads an RFC 3339 time.
func instant(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	t = t.UTC()
	return t, err == nil && writable(t)
}

// writable reports whether t can also be written again: JSON knows the years 0
// to 9999 only, and the change to UTC may leave them.
func writable(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }
