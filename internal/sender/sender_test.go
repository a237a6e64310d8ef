package sender_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/sender"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// at is when the fixtures were sent.
var at = time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC)

func secretFile(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mac(secret string, parts ...string) string {
	m := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		m.Write([]byte(p))
	}
	return hex.EncodeToString(m.Sum(nil))
}

// byGrafana signs as Grafana does.
func byGrafana(secret string, body []byte) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := http.Header{}
	h.Set(sender.GrafanaTimestamp, stamp)
	h.Set(sender.GrafanaSignature, mac(secret, stamp, ":", string(body)))
	return h
}

func byPagerDuty(secret string, body []byte) http.Header {
	return signedWith("v1=" + mac(secret, string(body)))
}

func signedWith(pagerDuty string) http.Header {
	h := http.Header{}
	h.Set(sender.PagerDutySignature, pagerDuty)
	return h
}

func grafana(t testing.TB, files ...string) sender.Source {
	t.Helper()
	s, err := sender.NewGrafana(files, alert.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pagerDuty(t testing.TB, files ...string) sender.Source {
	t.Helper()
	s, err := sender.NewPagerDuty(files, alert.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMappings: what each sender documents, and the alerts that are made of it.
func TestMappings(t *testing.T) {
	aws := newAWS(t)
	secret := secretFile(t, "k")
	for _, c := range []struct {
		file   string
		source sender.Source
		sign   func([]byte) (http.Header, []byte)
	}{
		{"grafana.json", grafana(t, secret), func(b []byte) (http.Header, []byte) { return byGrafana("k", b), b }},
		{"pagerduty-triggered.json", pagerDuty(t, secret), func(b []byte) (http.Header, []byte) { return byPagerDuty("k", b), b }},
		{"pagerduty-resolved.json", pagerDuty(t, secret), func(b []byte) (http.Header, []byte) { return byPagerDuty("k", b), b }},
		{"pagerduty-acknowledged.json", pagerDuty(t, secret), func(b []byte) (http.Header, []byte) { return byPagerDuty("k", b), b }},
		{"pagerduty-ping.json", pagerDuty(t, secret), func(b []byte) (http.Header, []byte) { return byPagerDuty("k", b), b }},
		{"alarm-sqs.json", aws.source, func(b []byte) (http.Header, []byte) { return nil, aws.notify(string(b)) }},
		{"alarm-sqs-ok.json", aws.source, func(b []byte) (http.Header, []byte) { return nil, aws.notify(string(b)) }},
		{"alarm-composite.json", aws.source, func(b []byte) (http.Header, []byte) { return nil, aws.notify(string(b)) }},
	} {
		t.Run(c.file, func(t *testing.T) {
			header, body := c.sign(fixture(t, c.file))
			d, err := c.source.Open(t.Context(), header, body)
			if err != nil {
				t.Fatal(err)
			}
			if d.ID == "" || d.SentAt.IsZero() {
				t.Errorf("id %q of %v", d.ID, d.SentAt)
			}
			got, err := json.MarshalIndent(struct {
				Alerts   []amend.Alert
				Rejected []alert.Rejection
			}{d.Alerts, d.Rejected}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(c.file, ".json")+".golden", append(got, '\n'))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(fixture(t, name)), string(got)); diff != "" {
		t.Errorf("differs from %s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

// TestEndHasTheIdentityOfTheBeginning, or it would end nothing.
func TestEndHasTheIdentityOfTheBeginning(t *testing.T) {
	aws, pager := newAWS(t), pagerDuty(t, secretFile(t, "k"))
	identity := func(s sender.Source, h http.Header, body []byte, want amend.Status) string {
		t.Helper()
		d, err := s.Open(t.Context(), h, body)
		if err != nil || len(d.Alerts) != 1 || d.Alerts[0].Status != want {
			t.Fatalf("%s: %+v, %v", s.Name, d, err)
		}
		return alert.NewIdentity(alert.DefaultVolatile()).Of(d.Alerts[0].Labels)
	}
	opened, closed := fixture(t, "pagerduty-triggered.json"), fixture(t, "pagerduty-resolved.json")
	if a, b := identity(pager, byPagerDuty("k", opened), opened, amend.Firing), identity(pager, byPagerDuty("k", closed), closed, amend.Resolved); a != b {
		t.Errorf("PagerDuty: %s and %s", a, b)
	}
	high, ok := aws.notify(string(fixture(t, "alarm-sqs.json"))), aws.notify(string(fixture(t, "alarm-sqs-ok.json")))
	if a, b := identity(aws.source, nil, high, amend.Firing), identity(aws.source, nil, ok, amend.Resolved); a != b {
		t.Errorf("CloudWatch: %s and %s", a, b)
	}
}

// TestPagerDutysOwnSignature: body, secret and signature are those of PagerDuty's
// own Go library.
func TestPagerDutysOwnSignature(t *testing.T) {
	const (
		secret    = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"
		signature = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
	)
	body := []byte(strings.TrimSuffix(string(fixture(t, "pagerduty-signed.txt")), "\n"))
	d, err := pagerDuty(t, secretFile(t, secret)).Open(t.Context(), signedWith(signature), body)
	if err != nil || d.ID != "01BWDWL3NYY7LUFPZCC28QUCMK" || len(d.Rejected) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestKeys: the matrix of right, wrong, absent and rotated secrets.
func TestKeys(t *testing.T) {
	older, newer := secretFile(t, "old"), secretFile(t, "new")
	bodies := map[string][]byte{"grafana": fixture(t, "grafana.json"), "pagerduty": fixture(t, "pagerduty-triggered.json")}
	sign := map[string]func(string, []byte) http.Header{"grafana": byGrafana, "pagerduty": byPagerDuty}
	headers := map[string]string{"grafana": sender.GrafanaSignature, "pagerduty": sender.PagerDutySignature}
	for _, s := range []sender.Source{grafana(t, newer, older), pagerDuty(t, newer, older)} {
		body := bodies[s.Name]
		with := func(value string) http.Header {
			h := sign[s.Name]("new", body)
			h.Set(headers[s.Name], value)
			return h
		}
		right := sign[s.Name]("new", body).Get(headers[s.Name])
		for _, c := range []struct {
			name   string
			header http.Header
			body   []byte
			want   sender.Refusal // "" for accepted
		}{
			{"new", sign[s.Name]("new", body), body, ""},
			{"old", sign[s.Name]("old", body), body, ""},
			{"unknown", sign[s.Name]("other", body), body, sender.Signature},
			{"empty secret", sign[s.Name]("", body), body, sender.Signature},
			{"another body", sign[s.Name]("new", body), append([]byte(" "), body...), sender.Signature},
			{"no header", http.Header{}, body, sender.Unsigned},
			{"empty header", with(""), body, sender.Unsigned},
			{"not hexadecimal", with("v1=x"), body, sender.Signature},
			{"half", with(right[:len(right)/2]), body, sender.Signature},
			{"twice", with(right + right), body, sender.Signature},
			{"empty digest", with("v1="), body, sender.Signature},
		} {
			d, err := s.Open(t.Context(), c.header, c.body)
			if with := map[string]string{"new": newer, "old": older}[c.name]; d.Credential != with {
				t.Errorf("%s: %s: signed with %q, want %q", s.Name, c.name, d.Credential, with)
			}
			var got sender.Refusal
			if errors.As(err, &got); got != c.want || c.want == "" && err != nil {
				t.Errorf("%s: %s: %v, want %q", s.Name, c.name, err, c.want)
			}
		}
	}
}

// TestPagerDutyRotation: while a secret is replaced the header holds several
// signatures, of other versions too.
func TestPagerDutyRotation(t *testing.T) {
	body := fixture(t, "pagerduty-triggered.json")
	s := pagerDuty(t, secretFile(t, "k"))
	good, bad := "v1="+mac("k", string(body)), "v1="+mac("x", string(body))
	for header, want := range map[string]error{
		bad + "," + good:                               nil,
		good + ", " + bad:                              nil,
		"v2=abc," + good:                               nil,
		bad + "," + bad:                                sender.Refusal(sender.Signature),
		"v2=" + mac("k", string(body)):                 sender.Refusal(sender.Unsigned),
		strings.Repeat(bad+",", 100) + good:            sender.Refusal(sender.Signature), // not without end
		"V1=" + strings.TrimPrefix(good, "v1=") + ",,": sender.Refusal(sender.Unsigned),
	} {
		if _, err := s.Open(t.Context(), signedWith(header), body); !errors.Is(err, want) {
			t.Errorf("%.60s: %v, want %v", header, err, want)
		}
	}
}

// TestGrafanaTimestampIsSigned: it cannot be replaced, and nothing is taken
// without it.
func TestGrafanaTimestampIsSigned(t *testing.T) {
	body := fixture(t, "grafana.json")
	s := grafana(t, secretFile(t, "k"))
	later := byGrafana("k", body)
	later.Set(sender.GrafanaTimestamp, strconv.FormatInt(at.Add(time.Hour).Unix(), 10))
	without := byGrafana("k", body)
	without.Del(sender.GrafanaTimestamp)
	without.Set(sender.GrafanaSignature, mac("k", string(body)))
	moved := http.Header{} // "1772442900:{…" signs what "1772442900" and ":{…" sign
	moved.Set(sender.GrafanaTimestamp, strconv.FormatInt(at.Unix(), 10)+":"+string(body[:1]))
	moved.Set(sender.GrafanaSignature, byGrafana("k", body).Get(sender.GrafanaSignature))
	for name, h := range map[string]http.Header{"replaced": later, "left out": without, "moved": moved} {
		var refused sender.Refusal
		if _, err := s.Open(t.Context(), h, body); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := http.Header{}
	bad.Set(sender.GrafanaTimestamp, "now")
	bad.Set(sender.GrafanaSignature, mac("k", "now:", string(body)))
	if _, err := s.Open(t.Context(), bad, body); amend.KindOf(err) != amend.Invalid {
		t.Errorf("no number: %v", err)
	}
}

// TestSecretThatIsGone: nobody can say that a signature is wrong while a secret
// cannot be read; one that is right stays right.
func TestSecretThatIsGone(t *testing.T) {
	first, second := secretFile(t, "one"), secretFile(t, "two")
	body := fixture(t, "pagerduty-triggered.json")
	s := pagerDuty(t, first, second)
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]amend.Kind{"two": "", "one": amend.Transient, "three": amend.Transient} {
		_, err := s.Open(t.Context(), byPagerDuty(secret, body), body)
		if amend.KindOf(err) != want || err != nil && strings.Contains(err.Error(), "one\n") {
			t.Errorf("%s: %v", secret, err)
		}
	}
	if err := os.WriteFile(first, []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), byPagerDuty("three", body), body); err != nil {
		t.Errorf("a replaced file does not count at once: %v", err)
	}
	for name, construct := range map[string]func(sender.Keys, alert.Limits) (sender.Source, error){"grafana": sender.NewGrafana, "pagerduty": sender.NewPagerDuty} {
		if _, err := construct(sender.Keys{filepath.Join(t.TempDir(), "none")}, alert.DefaultLimits()); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s without its secret: %v", name, err)
		}
	}
}

// TestForeignBodies: a known sender that sends something else is told so.
func TestForeignBodies(t *testing.T) {
	aws, secret := newAWS(t), secretFile(t, "k")
	deep := strings.Repeat(`{"a":`, 100_000)
	for _, body := range []string{"", "x", "null", "[]", "7", `{}`, `{"event":7}`, `{"version":"4","alerts":[]}`, deep, `{"event":{"id":"x","event_type":"incident.triggered"}}`} {
		for name, open := range map[string]func() (sender.Delivery, error){
			"grafana": func() (sender.Delivery, error) {
				return grafana(t, secret).Open(t.Context(), byGrafana("k", []byte(body)), []byte(body))
			},
			"pagerduty": func() (sender.Delivery, error) {
				return pagerDuty(t, secret).Open(t.Context(), byPagerDuty("k", []byte(body)), []byte(body))
			},
			"sns": func() (sender.Delivery, error) { return aws.open(aws.notify(body)) },
		} {
			if _, err := open(); amend.KindOf(err) != amend.Invalid {
				t.Errorf("%s: %.40q: %v", name, body, err)
			}
		}
	}
}

// FuzzSources: whatever a known sender signs becomes alerts within the limits, or
// an error that is its own fault.
func FuzzSources(f *testing.F) {
	for _, name := range []string{"grafana.json", "pagerduty-triggered.json", "pagerduty-resolved.json", "pagerduty-ping.json"} {
		f.Add(fixture(f, name))
	}
	secret := secretFile(f, "k")
	ofGrafana, ofPagerDuty := grafana(f, secret), pagerDuty(f, secret)
	f.Fuzz(func(t *testing.T, body []byte) {
		checkDelivery(t)(ofGrafana.Open(context.Background(), byGrafana("k", body), body))
		checkDelivery(t)(ofPagerDuty.Open(context.Background(), byPagerDuty("k", body), body))
	})
}

// FuzzAlarms is the same for what a topic says.
func FuzzAlarms(f *testing.F) {
	for _, name := range []string{"alarm-sqs.json", "alarm-composite.json"} {
		f.Add(string(fixture(f, name)))
	}
	f.Add(`{"AlarmName":"a","NewStateValue":"ALARM","StateChangeTime":"2026-03-02T09:14:35.472+0000","Trigger":{"Dimensions":[{"name":"A","value":"1"},{"name":"a","value":"2"}]}}`)
	topic := newAWS(f)
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "?") // as JSON is, once a sender has written it
		checkDelivery(t)(topic.open(topic.notify(text)))
	})
}

// checkDelivery returns a check of what Open returned.
func checkDelivery(t *testing.T) func(sender.Delivery, error) {
	return func(d sender.Delivery, err error) {
		if err != nil && amend.KindOf(err) != amend.Invalid {
			t.Fatal(err)
		}
		ids := alert.NewIdentity(alert.DefaultVolatile())
		for _, a := range d.Alerts {
			if _, err := alert.ToCloudEvent(alert.NewEvent(a, at, ids)); err != nil {
				t.Fatalf("%+v: %v", a, err)
			}
		}
	}
}
