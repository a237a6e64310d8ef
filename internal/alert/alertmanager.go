package alert

import (
	"io"
	"strings"
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
	d := &decoder{json: newTexts(limits.Reader(r)), limits: limits}
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

// A decoder walks the webhook value by value: only one alert at a time is held
// in its wire form.
type decoder struct {
	json        *texts
	limits      Limits
	version     string
	externalURL string
	seen        int // alerts met so far, good or not
	alerts      []amend.Alert
	group       Group
}

func (d *decoder) body() error {
	if d.json.next() != '{' {
		return d.unexpected("a JSON object")
	}
	if err := d.json.object(d.field); err != nil {
		return err
	}
	return d.json.end()
}

// unexpected says that something else begins than what was expected, unless it is no
// JSON at all.
func (d *decoder) unexpected(what string) error {
	if err := d.json.skip(); err != nil {
		return err
	}
	return invalid("found something else where %s was expected", what)
}

func (d *decoder) field(key string) error {
	switch key {
	case "alerts":
		return d.list()
	case "version":
		return d.text(&d.version, key)
	case "groupKey":
		return d.text(&d.group.Key, key)
	case "receiver":
		return d.text(&d.group.Receiver, key)
	case "externalURL":
		return d.text(&d.externalURL, key)
	case "truncatedAlerts":
		ok, err := d.json.number(&d.group.Truncated)
		if err == nil && !ok {
			err = invalid("%s is not a number", key)
		}
		return err
	}
	return d.json.skip()
}

func (d *decoder) text(into *string, name string) error {
	ok, err := d.json.text(into)
	if err == nil && !ok {
		err = invalid("%s is not a string", name)
	}
	*into = clip(*into, d.limits.ValueBytes)
	return err
}

func (d *decoder) list() error {
	if d.json.next() != '[' {
		return d.unexpected("an array of alerts")
	}
	return d.json.array(func() error {
		if d.seen >= d.limits.Alerts {
			return invalid("more than %d alerts: %w", d.limits.Alerts, ErrTooLarge)
		}
		var w wireAlert
		ok, err := w.read(d.json)
		if err != nil {
			return err
		}
		a, reason := amend.Alert{}, "a field has the wrong type: labels and annotations are objects of strings, the rest are strings"
		if ok {
			a, reason = w.alert(d.limits)
		}
		if reason == "" {
			d.alerts = append(d.alerts, a)
		} else {
			d.group.Rejected = append(d.group.Rejected, Rejection{Index: d.seen, Reason: reason})
		}
		d.seen++
		return nil
	})
}

// A wireAlert is an alert as the webhook writes it. The times are strings so
// that a bad one costs its own alert only.
type wireAlert struct {
	status, startsAt, endsAt  string
	generatorURL, fingerprint string
	valueString               string // of Grafana
	labels, annotations       map[string]string
}

// read reads an alert, and reports whether all that it knows of it has the right type.
func (w *wireAlert) read(json *texts) (bool, error) {
	switch json.next() {
	case '{':
	case 'n':
		return true, json.skip()
	default:
		return false, json.skip()
	}
	good := true
	err := json.object(func(key string) error {
		ok, err := true, error(nil)
		switch field(key) {
		case "status":
			ok, err = json.text(&w.status)
		case "labels":
			ok, err = json.pairs(&w.labels)
		case "annotations":
			ok, err = json.pairs(&w.annotations)
		case "startsAt":
			ok, err = json.text(&w.startsAt)
		case "endsAt":
			ok, err = json.text(&w.endsAt)
		case "generatorURL":
			ok, err = json.text(&w.generatorURL)
		case "fingerprint":
			ok, err = json.text(&w.fingerprint)
		case "valueString":
			ok, err = json.text(&w.valueString)
		default:
			err = json.skip()
		}
		good = good && ok
		return err
	})
	return good, err
}

var alertFields = []string{"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint", "valueString"}

// field returns the name of the field that is meant: how it is spelled in large and
// small letters does not count.
func field(key string) string {
	for _, name := range alertFields {
		if strings.EqualFold(key, name) {
			return name
		}
	}
	return ""
}

// alert returns the alert within the limits, or why it cannot be taken.
func (w wireAlert) alert(limits Limits) (amend.Alert, string) {
	a := amend.Alert{
		Status: amend.Status(w.status), Labels: w.labels, Annotations: w.annotations,
		GeneratorURL: w.generatorURL, Fingerprint: w.fingerprint,
	}
	var ok bool
	if a.StartsAt, ok = instant(w.startsAt); !ok {
		return amend.Alert{}, "startsAt is not an RFC 3339 time"
	}
	if a.EndsAt, ok = instant(w.endsAt); !ok && w.endsAt != "" {
		return amend.Alert{}, "endsAt is not an RFC 3339 time"
	}
	if _, taken := a.Annotations[valueAnnotation]; w.valueString != "" && !taken {
		if a.Annotations == nil {
			a.Annotations = map[string]string{}
		}
		a.Annotations[valueAnnotation] = w.valueString
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
