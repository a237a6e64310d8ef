package alert_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// decoded is the golden form of one decoded webhook.
type decoded struct {
	Group  alert.Group
	Alerts []amend.Alert
}

func TestDecodeAlertmanagerGolden(t *testing.T) {
	inputs, _ := filepath.Glob("testdata/group-*.json")
	if len(inputs) == 0 {
		t.Fatal("no payloads in testdata")
	}
	for _, in := range inputs {
		t.Run(filepath.Base(in), func(t *testing.T) {
			f, err := os.Open(in)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			// One byte at a time: the limits must not depend on how reads fall.
			alerts, group, err := alert.DecodeAlertmanager(iotest.OneByteReader(f), alert.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(decoded{group, alerts}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(in, ".json")+".golden", append(got, '\n'))
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("differs from %s (-want +got; -update rewrites it):\n%s", file, diff)
	}
}

const oneAlert = `{"status":"firing","labels":{"alertname":"A"},"startsAt":"2026-03-02T09:05:00Z"}`

func group(alerts ...string) string {
	return `{"alerts":[` + strings.Join(alerts, ",") + `],"version":"4"}`
}

func TestDecodeAlertmanagerRefusesTheBody(t *testing.T) {
	small := alert.DefaultLimits()
	small.Bytes, small.Alerts, small.Depth = 4096, 3, 8
	tests := []struct {
		name, body string
		want       string
		tooLarge   bool
	}{
		{name: "empty", body: "", want: "ends too early"},
		{name: "not JSON", body: "alertname=x", want: "not JSON"},
		{name: "array", body: "[]", want: "a JSON object was expected"},
		{name: "null", body: "null", want: "a JSON object was expected"},
		{name: "cut short", body: `{"alerts":[` + oneAlert, want: "ends too early"},
		{name: "syntax error after a good alert", body: `{"alerts":[` + oneAlert + `,}]}`, want: "not JSON"},
		{name: "two values", body: group(oneAlert) + "{}", want: "more than one JSON value"},
		{name: "no version", body: `{"alerts":[` + oneAlert + `]}`, want: `version is ""`},
		{name: "old version", body: `{"version":"3","alerts":[` + oneAlert + `]}`, want: `version is "3"`},
		{name: "version is a number", body: `{"version":4,"alerts":[` + oneAlert + `]}`, want: "version is not a string"},
		{name: "long version", body: `{"version":"` + strings.Repeat("4", 999) + `"}`, want: "cut: 999 bytes"},
		{name: "alerts is an object", body: `{"version":"4","alerts":{}}`, want: "an array of alerts was expected"},
		{name: "no alerts", body: group(), want: "no alerts"},
		{name: "no alerts field", body: `{"version":"4"}`, want: "no alerts"},
		{name: "truncatedAlerts is negative", body: `{"version":"4","truncatedAlerts":-1}`, want: "truncatedAlerts is not a number"},
		{name: "nested", body: group(strings.Repeat("[", 20)), want: "nested deeper than 8"},
		{name: "nested in a field that is skipped", body: `{"x":` + strings.Repeat(`{"a":`, 100000), want: "nested deeper than 8"},
		{name: "too many alerts", body: group(oneAlert, oneAlert, oneAlert, oneAlert), want: "more than 3 alerts", tooLarge: true},
		{name: "too many bytes", body: group(oneAlert) + strings.Repeat(" ", 4096), want: "larger than the limit of", tooLarge: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := alert.DecodeAlertmanager(strings.NewReader(tt.body), small)
			if amend.KindOf(err) != amend.Invalid || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("err = %v, want Invalid with %q", err, tt.want)
			}
			if got := errors.Is(err, alert.ErrTooLarge); got != tt.tooLarge {
				t.Errorf("ErrTooLarge = %v, want %v", got, tt.tooLarge)
			}
		})
	}
}

func TestDecodeAlertmanagerBrokenConnectionIsTransient(t *testing.T) {
	body := io.MultiReader(strings.NewReader(`{"alerts":[`+oneAlert), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, _, err := alert.DecodeAlertmanager(body, alert.DefaultLimits())
	if amend.KindOf(err) != amend.Transient {
		t.Errorf("err = %v, want Transient", err)
	}
}

func TestDecodeAlertmanagerBracketsInStringsAreNotDepth(t *testing.T) {
	hostile := `{"status":"firing","labels":{"alertname":"` + strings.Repeat(`[{\"`, 50) + `"},"startsAt":"2026-03-02T09:05:00Z"}`
	alerts, _, err := alert.DecodeAlertmanager(strings.NewReader(group(hostile)), alert.DefaultLimits())
	if err != nil || len(alerts) != 1 {
		t.Fatalf("got %d alerts, %v", len(alerts), err)
	}
}

func TestDecodeAlertmanagerCutsLongValues(t *testing.T) {
	long := func(end string) string {
		return `{"status":"firing","labels":{"alertname":"A","v":"` + strings.Repeat("é", 50_000) + end + `"},"startsAt":"2026-03-02T09:05:00Z"}`
	}
	alerts, g, err := alert.DecodeAlertmanager(strings.NewReader(group(long("x"), oneAlert, long("y"))), alert.DefaultLimits())
	if err != nil || len(alerts) != 3 || len(g.Rejected) != 0 {
		t.Fatalf("got %d alerts, %+v, %v; want all three", len(alerts), g, err)
	}
	x, y := alerts[0].Labels["v"], alerts[2].Labels["v"]
	if len(x) > 4096+100 || !strings.Contains(x, "…[cut: 100001 bytes") || !utf8.ValidString(x) {
		t.Errorf("cut value has %d bytes and ends in %q", len(x), x[len(x)-60:])
	}
	if x == y {
		t.Error("two values that differ in their end only became the same")
	}
}

func TestDecodeAlertmanagerRejectsOneAlert(t *testing.T) {
	many, big := map[string]string{}, map[string]string{"alertname": "A"}
	for i := range 129 {
		many[fmt.Sprintf("label_%d", i)] = "x"
	}
	for i := range 100 {
		big[fmt.Sprintf("label_%d", i)] = strings.Repeat("x", 4000)
	}
	tests := []struct {
		name   string
		labels map[string]string
		want   string
	}{
		{"too many labels", many, "there are more than 128 labels or annotations"},
		{"too much text", big, "its text is longer than 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			labels, _ := json.Marshal(tt.labels)
			bad := `{"status":"firing","labels":` + string(labels) + `,"startsAt":"2026-03-02T09:05:00Z"}`
			alerts, g, err := alert.DecodeAlertmanager(strings.NewReader(group(oneAlert, bad)), alert.DefaultLimits())
			if err != nil || len(alerts) != 1 {
				t.Fatalf("got %d alerts, %v", len(alerts), err)
			}
			if diff := cmp.Diff([]alert.Rejection{{Index: 1, Reason: tt.want}}, g.Rejected); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeAlertmanagerReplacesInvalidUTF8(t *testing.T) {
	bad := "{\"status\":\"firing\",\"labels\":{\"alertname\":\"a\xff\xfeb\\ud800\"},\"startsAt\":\"2026-03-02T09:05:00Z\"}"
	alerts, _, err := alert.DecodeAlertmanager(strings.NewReader(group(bad)), alert.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if got := alerts[0].Name(); got != "a��b�" {
		t.Errorf("name = %q", got)
	}
}

// What senders may write although Alertmanager does not is read as encoding/json reads it.
func TestDecodeAlertmanagerIsTolerant(t *testing.T) {
	wrong := alert.Rejection{Reason: "a field has the wrong type: labels and annotations are objects of strings, the rest are strings"}
	want := amend.Alert{Status: amend.Firing, Labels: map[string]string{"alertname": "A"}, StartsAt: at.Truncate(time.Minute)}
	with := func(change func(*amend.Alert)) *amend.Alert {
		a := want
		change(&a)
		return &a
	}
	for body, want := range map[string]*amend.Alert{
		`"labels":{"alertname":"A"}`:                                     &want,
		`"Labels":{"alertname":"A"}`:                                     &want,
		`"labels":{"\u0061lertname":"\u0041"}`:                           &want,
		`"labels":{"alertname":"B","alertname":"A"}`:                     &want,
		`"labels":{"alertname":"A"},"annotations":null`:                  &want,
		`"labels":{"alertname":"A"},"generatorURL":null`:                 &want,
		`"labels":{"alertname":"A"},"later":[{"x":[1,true,null]}]`:       &want,
		`"labels":{"alertname":"B","x":null},"labels":{"alertname":"A"}`: with(func(a *amend.Alert) { a.Labels = map[string]string{"alertname": "A", "x": ""} }),
		`"labels":{"x":"y"},"labels":null,"LABELS":{"alertname":"A"}`:    &want,
		`"labels":{"alertname":1}`:                                       nil,
		`"labels":{"alertname":{"x":"y"}}`:                               nil,
		`"labels":["alertname"]`:                                         nil,
		`"labels":{"alertname":"A"},"fingerprint":[]`:                    nil,
		`"labels":{"alertname":"A"},"annotations":"x"`:                   nil,
	} {
		post := `{"version":null,"version":"4","truncatedAlerts":null,"alerts":[` + oneAlert + `],"alerts":[{"status":"firing","startsAt":"2026-03-02T09:15:00Z",` + body + `}]}`
		alerts, g, err := alert.DecodeAlertmanager(strings.NewReader(post), alert.DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if want == nil {
			wrong.Index = 1
			if diff := cmp.Diff([]alert.Rejection{wrong}, g.Rejected); diff != "" {
				t.Errorf("%s: %s", body, diff)
			}
			continue
		}
		if len(alerts) != 2 || !cmp.Equal(*want, alerts[1]) {
			t.Errorf("%s is read as %+v", body, alerts)
		}
	}
	for post, want := range map[string]string{
		`{"version":"4","alerts":[null]}`: "startsAt is not an RFC 3339 time", `{"version":"4","alerts":["x"]}`: wrong.Reason, `{"version":"4","alerts":[[]]}`: wrong.Reason,
	} {
		if _, g, err := alert.DecodeAlertmanager(strings.NewReader(post), alert.DefaultLimits()); err != nil || len(g.Rejected) != 1 || g.Rejected[0].Reason != want {
			t.Errorf("%s: %+v, %v", post, g.Rejected, err)
		}
	}
	for _, number := range []string{"1.5", "1e3", "18446744073709551616", `"1"`} {
		if _, _, err := alert.DecodeAlertmanager(strings.NewReader(`{"version":"4","truncatedAlerts":`+number+`}`), alert.DefaultLimits()); !strings.Contains(fmt.Sprint(err), "truncatedAlerts is not a number") {
			t.Errorf("%s: %v", number, err)
		}
	}
}

// An error holds none of the text that came before it.
func TestDecodeAlertmanagerErrorsQuoteNoAlert(t *testing.T) {
	post := `{"version":"4","alerts":[{"labels":{"SECRET-NAME":"SECRET-VALUE","SECRET-OTHER":x}}]}`
	_, _, err := alert.DecodeAlertmanager(strings.NewReader(post), alert.DefaultLimits())
	if amend.KindOf(err) != amend.Invalid || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("err = %v", err)
	}
}

func storm(n int) string {
	var b strings.Builder
	b.WriteString(`{"receiver":"amend","alerts":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":"firing","labels":{"alertname":"KubePodCrashLooping","cluster":"prod-eu-1","container":"app","namespace":"team-%d","pod":"app-%d-6d5f7c9b8-x2x7q","deployment":"app-%d","severity":"warning"},"annotations":{"summary":"Pod is crash looping.","description":"Pod app-%d restarts all the time, more than 3 times in ten minutes."},"startsAt":"2026-03-02T09:14:21.417Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus-k8s-0:9090/graph?g0.expr=x&g0.tab=1","fingerprint":"%016x"}`, i%100, i, i, i, i)
	}
	b.WriteString(`],"externalURL":"http://am:9093","version":"4","groupKey":"{}:{}","truncatedAlerts":0}`)
	return b.String()
}

func BenchmarkDecodeAlertmanager10000(b *testing.B) {
	body := storm(10_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		alerts, _, err := alert.DecodeAlertmanager(strings.NewReader(body), alert.DefaultLimits())
		if err != nil || len(alerts) != 10_000 {
			b.Fatal(len(alerts), err)
		}
	}
}

func FuzzDecodeAlertmanager(f *testing.F) {
	inputs, _ := filepath.Glob("testdata/group-*.json")
	for _, in := range inputs {
		body, err := os.ReadFile(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(group(oneAlert)))
	limits := alert.DefaultLimits()
	limits.ValueBytes, limits.Alerts = 64, 20
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, g, err := alert.DecodeAlertmanager(strings.NewReader(string(body)), limits)
		if err != nil {
			if amend.KindOf(err) != amend.Invalid {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		if n := len(alerts) + len(g.Rejected); n == 0 || n > limits.Alerts {
			t.Fatalf("%d alerts", n)
		}
		for _, a := range alerts {
			roundTrip(t, a)
		}
	})
}
