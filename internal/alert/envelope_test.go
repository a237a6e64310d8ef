package alert_test

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// hostileTexts are values that somebody would love to see evaluated.
var hostileTexts = []string{
	"{{workflow.parameters.token}}", "{{=sprig.getHostByName('x.example.com')}}", `{{ "{{" }}`, "${{ secrets.TOKEN }}",
	"$(touch /tmp/x)", "`id`", "'; DROP TABLE x;--", "../../../etc/passwd", "a\r\nb: c", "\x00\x1b[31m", "\u2028\u202e", "\xff\xfe",
	"&a [*a,*a]", "- !!python/object:os.system", "<script>", "[x](javascript:y)", "@team", strings.Repeat("<", 5000),
}

// outerForm is what an envelope may look like, whatever the alert holds.
var outerForm = regexp.MustCompile(`^\{"specversion":"1\.0","id":"[0-9a-f]{32}\.(firing|resolved)","source":"amend/gateway",` +
	`"type":"dev\.amend\.alert\.(firing|resolved)\.v1","subject":"[0-9a-f]{32}","datacontenttype":"application/cloudevents\+json",` +
	`"time":"[0-9T:.-]{19,29}Z","data_base64":"([A-Za-z0-9+/]+={0,2})"\}$`)

// enveloped packs an alert both ways and checks what they promise.
func enveloped(t *testing.T, a amend.Alert) string {
	t.Helper()
	e := alert.NewEvent(a, at, ids)
	outer, err := alert.Envelop(e)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	m := outerForm.FindStringSubmatch(string(wire))
	if m == nil {
		t.Fatalf("the envelope is not in the safe alphabet: %.600s", wire)
	}
	packed, err := alert.Pack(e)
	if err != nil || packed != m[3] {
		t.Fatalf("Pack gives %.100q, %v; the envelope holds %.100q", packed, err, m[3])
	}
	got, err := alert.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	again, err := alert.Pack(got)
	if err != nil || again != packed {
		t.Fatalf("packed again it became %.100q, %v", again, err)
	}
	return packed
}

func TestEnvelopeHidesHostileAlerts(t *testing.T) {
	for _, text := range hostileTexts {
		text = strings.ToValidUTF8(text, "\ufffd") // as the decoder does
		a := firing(map[string]string{"alertname": text, "namespace": text, text: "x"})
		a.Annotations = map[string]string{text: text}
		a.GeneratorURL, a.Fingerprint, a.ExternalURL, a.Receiver = text, text, text, text
		enveloped(t, a)
		a.Status = amend.Resolved
		enveloped(t, a)
	}
}

func TestUnpack(t *testing.T) {
	want := alert.NewEvent(firing(map[string]string{"alertname": "A", "namespace": "shop"}), at, ids)
	packed, err := alert.Pack(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := alert.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := alert.Pack(amend.Event{ID: "x", Alert: want.Alert}); amend.KindOf(err) != amend.Internal {
		t.Errorf("Pack of a foreign event: %v, want Internal", err)
	}
	if _, err := alert.Envelop(amend.Event{ID: "x", Alert: want.Alert}); amend.KindOf(err) != amend.Internal {
		t.Errorf("Envelop of a foreign event: %v, want Internal", err)
	}
}

func TestUnpackIsStrict(t *testing.T) {
	packed, err := alert.Pack(alert.NewEvent(firing(map[string]string{"alertname": "A"}), at, ids))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	replace := func(old, to string) string { return encode(strings.Replace(string(plain), old, to, 1)) }
	for name, text := range map[string]string{
		"empty":              "",
		"plain JSON":         string(plain),
		"one sign less":      packed[1:],
		"cut short":          packed[:len(packed)/8*4],
		"packed twice":       encode(packed),
		"text behind it":     packed + "{{x}}",
		"two documents":      encode(string(plain) + string(plain)),
		"null":               encode("null"),
		"no attributes":      encode("{}"),
		"deep":               encode(strings.Repeat(`{"a":`, 100_000)),
		"larger than a bus":  encode(strings.Repeat(" ", 1<<20) + string(plain)),
		"template as id":     replace(".firing", ".{{x}}"),
		"identity of others": replace(`"subject":"`, `"subject":"0`),
		"another type":       replace("firing.v1", "resolved.v1"),
		"another source":     replace("amend/gateway", "amend/getaway"),
		"time far away":      replace("2026-03-02T09:15:00.123456789Z", "9999-12-31T23:59:59-12:00"),
	} {
		if e, err := alert.Unpack(text); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %+v, %v; want Invalid", name, e, err)
		}
	}
}

func TestIdentityOf(t *testing.T) {
	for id, want := range map[string]string{
		"bfc0dde33f825d1368c82f8ab90f0b5f.firing":   "bfc0dde33f825d1368c82f8ab90f0b5f",
		"bfc0dde33f825d1368c82f8ab90f0b5f.resolved": "bfc0dde33f825d1368c82f8ab90f0b5f",
		"bfc0dde33f825d1368c82f8ab90f0b5f":          "",
		"bfc0.firing.firing":                        "",
		".firing":                                   "",
		"":                                          "",
		"{{x}}.firing":                              "",
		"a\nb.firing":                               "",
	} {
		got, ok := alert.IdentityOf(id)
		if ok != (want != "") || (ok && got != want) {
			t.Errorf("IdentityOf(%q) = %q, %v", id, got, ok)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, text := range hostileTexts {
		packed, err := alert.Pack(alert.NewEvent(firing(map[string]string{"alertname": text}), at, ids))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, text)
	}
	f.Fuzz(func(t *testing.T, packed, text string) {
		e, err := alert.Unpack(packed)
		if err != nil && amend.KindOf(err) != amend.Invalid {
			t.Fatalf("kind of %v", err)
		}
		if err == nil {
			again, err := alert.Pack(e)
			if err != nil {
				t.Fatal(err)
			}
			same, err := alert.Unpack(again)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, same); diff != "" {
				t.Fatal(diff)
			}
		}
		text = strings.ToValidUTF8(text, "\ufffd")
		a := firing(map[string]string{"alertname": text, text: "x"})
		a.Annotations = map[string]string{"packed": strings.ToValidUTF8(packed, "\ufffd")}
		enveloped(t, a)
	})
}
