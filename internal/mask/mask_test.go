package mask_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/mask"
)

// fill returns n characters of an alphabet that change with the seed.
func fill(seed, n int, alphabet string) string {
	var b strings.Builder
	for x := uint32(seed)*2654435761 + 12345; b.Len() < n; x = x*1664525 + 1013904223 {
		b.WriteByte(alphabet[int(x>>16)%len(alphabet)])
	}
	return b.String()
}

const (
	alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	hex   = "0123456789abcdef"
	digit = "0123456789"
)

// credentials are secrets that tell what they are, put together here so that no
// scanner takes this file for a leak.
func credentials(i int) map[string]string {
	a := func(n int) string { return fill(i, n, alnum) }
	h := func(n int) string { return fill(i, n, hex) }
	return map[string]string{
		"jwt":          "ey" + "J" + a(20) + ".ey" + "J" + a(30) + "." + a(43),
		"aws":          "AK" + "IA" + fill(i, 16, upper),
		"bedrock":      "AB" + "SK" + a(60),
		"github":       "gh" + "p_" + a(36),
		"github-fine":  "github" + "_pat_" + a(22) + "_" + a(59),
		"gitlab":       "gl" + "pat-" + a(20),
		"slack":        "xo" + "xb-" + fill(i, 12, digit) + "-" + a(24),
		"slack-hook":   "https://hooks." + "slack.com/services/T" + a(8) + "/B" + a(8) + "/" + a(24),
		"google":       "AI" + "za" + a(35),
		"google-oauth": "ya" + "29." + a(60),
		"stripe":       "sk" + "_live_" + a(24),
		"openai":       "sk" + "-proj-" + a(48),
		"anthropic":    "sk" + "-ant-api03-" + a(90),
		"huggingface":  "hf" + "_" + a(34),
		"npm":          "npm" + "_" + a(36),
		"pypi":         "py" + "pi-" + a(60),
		"docker":       "dckr" + "_pat_" + a(27),
		"vault":        "hv" + "s." + a(24),
		"sendgrid":     "S" + "G." + a(22) + "." + a(43),
		"twilio":       "S" + "K" + h(32),
		"digitalocean": "dop" + "_v1_" + h(64),
		"databricks":   "da" + "pi" + h(32),
		"grafana":      "gl" + "sa_" + a(32) + "_" + h(8),
		"newrelic":     "NR" + "AK-" + fill(i, 27, upper),
		"telegram":     fill(i, 9, "123456789") + ":A" + "A" + a(33),
		"shopify":      "shp" + "at_" + h(32),
	}
}

func TestKnownFormats(t *testing.T) {
	var m mask.Masker
	for name, secret := range credentials(1) {
		for _, form := range []string{"%s", "got %s from it", `{"a":"%s"}`, "x=%s;", "<%s>", "a\n%s\nb", "https://example.com/?q=%s&r=1"} {
			got := m.Text(fmt.Sprintf(form, secret))
			if strings.Contains(got, secret[len(secret)-12:]) || !strings.Contains(got, mask.Masked) {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

func TestText(t *testing.T) {
	var m mask.Masker
	pem := "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\nabc+/=\n-----END RSA " + "PRIVATE KEY-----"
	for in, want := range map[string]string{
		// Behind a name.
		"password=hunter2 user=bob":              "password=[masked] user=bob",
		"DB_PASSWORD: hunter2":                   "DB_PASSWORD: [masked]",
		`{"password":"hun\"ter2","user":"bob"}`:  `{"password":"[masked]","user":"bob"}`,
		`"{\"apiKey\":\"abc\",\"n\":1}"`:         `"{\"apiKey\":\"[masked]\",\"n\":1}"`,
		"client_secret => 'a b c' ok":            "client_secret => '[masked]' ok",
		"--db-password hunter2 --port 5432":      "--db-password [masked] --port 5432",
		"GET /x?access_token=abc.def&page=2":     "GET /x?access_token=[masked]&page=2",
		"name: DB_PASSWORD\n  value: hunter2\n":  "name: DB_PASSWORD\n  value: [masked]\n",
		`{"name":"API_TOKEN","value":"hunter2"}`: `{"name":"API_TOKEN","value":"[masked]"}`,
		"Authorization: Basic aGVsbG86d29ybGQ=":  "Authorization: [masked]",
		"sent Bearer abcdef.123456 to it":        "sent Bearer [masked] to it",
		"Set-Cookie: sid=1; Path=/":              "Set-Cookie: [masked]",
		"password=true":                          "password=true",
		`token: ""`:                              `token: ""`,
		// In addresses.
		"postgres://bob:p/w@db:5432/x":       "postgres://[masked]@db:5432/x",
		"https://tok3n@git.example/x":        "https://[masked]@git.example/x",
		"bob:hunter2@tcp(db:3306)/shop":      "[masked]@tcp(db:3306)/shop",
		"AccountName=a;AccountKey=Zm9v+/==;": "AccountName=a;[masked];",
		// Keys on several lines, and what is left of one.
		"a\n" + pem + "\nb":                            "a\n[masked]\nb",
		pem[:60] + "\nMIIEow":                          "[masked]",
		strings.ReplaceAll(pem, "\n", `\n`):            "[masked]",
		"log\n" + fill(1, 64, alnum) + "\n" + pem[39:]: "log\n[masked]",
		// Personal data.
		"mail bob.smith+x@example.co.uk now":    "mail [masked] now",
		"card 4111 1111 1111 1111 refused":      "card [masked] refused",
		"order 4111 1111 1111 1112 refused":     "order 4111 1111 1111 1112 refused",
		"from 203.0.113.9:443 and 10.0.0.7":     "from [masked]:443 and 10.0.0.7",
		"from [2001:db8::7]:443, ::1, fe80::1 ": "from [masked]:443, ::1, fe80::1 ",
		// What is no secret stays.
		"Back-off restarting failed container app in pod web-5d9c-x2x4b":       "Back-off restarting failed container app in pod web-5d9c-x2x4b",
		"ghcr.io/acme/web@sha256:0123456789abcdef0123456789abcdef":             "ghcr.io/acme/web@sha256:0123456789abcdef0123456789abcdef",
		"2026-11-21T10:00:05.123456789Z 00:1a:2b:3c:4d:5e commit 1f0c2d4e5a6b": "2026-11-21T10:00:05.123456789Z 00:1a:2b:3c:4d:5e commit 1f0c2d4e5a6b",
		`secret "web-tls" not found`:                                           `secret "web-tls" not found`,
		"":                                                                     "",
	} {
		if got := m.Text(in); got != want {
			t.Errorf("Text(%q)\n = %q\nwant %q", in, got, want)
		}
	}
}

func TestAddressesMayStay(t *testing.T) {
	const text = "from 203.0.113.9"
	if got := mask.New(mask.Options{KeepAddresses: true}).Text(text); got != text {
		t.Errorf("got %q", got)
	}
}

func TestDeepMasksEveryText(t *testing.T) {
	secret := credentials(2)["github"]
	path, err := amend.ParseRepoPath("apps/web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	used := 0.5
	before := amend.Evidence{
		At:    time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Event: amend.Event{Alert: amend.Alert{Labels: map[string]string{"password": "hunter2", "x" + secret: "y", "pod": "web-1"}}},
		Decision: &amend.Decision{Plan: &amend.Plan{Diff: "+ " + secret, Edits: []amend.Edit{{
			Field: "spec.template.spec.containers[name=app].env[name=DB_PASSWORD].value", Old: "old", New: "new", Target: amend.Target{Path: path},
		}}}},
		Commits: []amend.SuspectCommit{{Why: []string{secret}, Changes: []amend.FieldChange{{Field: `data["api-token"]`, Old: "a", New: "b"}}}},
		Claims:  []amend.Claim{{Used: &used}},
	}
	kept := fmt.Sprintf("%+v %+v", before, *before.Decision.Plan)
	after := mask.Deep(mask.Masker{}, before)
	if fmt.Sprintf("%+v %+v", before, *before.Decision.Plan) != kept {
		t.Error("Deep changed what it was given")
	}
	want := before
	want.Event.Alert.Labels = map[string]string{"password": mask.Masked, "x" + mask.Masked: "y", "pod": "web-1"}
	plan := *before.Decision.Plan
	plan.Diff = "+ " + mask.Masked
	plan.Edits = []amend.Edit{plan.Edits[0]}
	plan.Edits[0].Old, plan.Edits[0].New = mask.Masked, mask.Masked
	want.Decision = &amend.Decision{Plan: &plan}
	want.Commits = []amend.SuspectCommit{{Why: []string{mask.Masked}, Changes: []amend.FieldChange{{Field: `data["api-token"]`, Old: mask.Masked, New: mask.Masked}}}}
	if diff := cmp.Diff(want, after, cmp.AllowUnexported(amend.RepoPath{})); diff != "" {
		t.Error(diff)
	}
}

func TestDeepMasksWhatHasNoType(t *testing.T) {
	secret := credentials(3)["vault"]
	got := mask.Deep(mask.Masker{}, map[string]any{"a": []any{secret, 1, nil}, "token": "x", "b": []byte(secret), "c": [1]string{secret}})
	want := map[string]any{"a": []any{mask.Masked, 1, nil}, "token": mask.Masked, "b": []byte(mask.Masked), "c": [1]string{mask.Masked}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

var long = regexp.MustCompile(`[A-Za-z0-9_-]{24,}`)

// FuzzText plants credentials between texts: none may be left, and a text that
// was masked stays as it is where it matters.
func FuzzText(f *testing.F) {
	f.Add("password=", " x", 1)
	f.Add(`{"a":"`, `"}`, 2)
	f.Add("https://u:", "@host/", 3)
	f.Add("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", 4)
	f.Add("é\xff", "\x00", 5)
	f.Fuzz(func(t *testing.T, before, after string, seed int) {
		var m mask.Masker
		for name, secret := range credentials(seed) {
			core := long.FindString(secret)
			got := m.Text(before + " " + secret + " " + after)
			if core != "" && !strings.Contains(before+after, core) && strings.Contains(got, core) {
				t.Fatalf("%s is left in %q", name, got)
			}
			if again := m.Text(got); strings.Count(again, mask.Masked) < min(1, strings.Count(got, mask.Masked)) {
				t.Fatalf("masking %q again gives %q", got, again)
			}
		}
	})
}
