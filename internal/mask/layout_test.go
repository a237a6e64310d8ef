package mask_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/mask"
)

// TestValuesOverLines: a value need not stand in the line of its name.
func TestValuesOverLines(t *testing.T) {
	const m = mask.Masked
	for name, c := range map[string]struct{ in, want string }{
		"literal":          {"password: |\n  hunter2\n\n  more\nuser: bob\n", "password: |\n  " + m + "\n\n  " + m + "\nuser: bob\n"},
		"folded":           {"a:\n  api_token: >-\n    hunter2\n    more\n  user: bob", "a:\n  api_token: >-\n    " + m + "\n    " + m + "\n  user: bob"},
		"indicators":       {"secret: &x !!str |2+ # why\n   hunter2", "secret: &x !!str |2+ # why\n   " + m},
		"in a list":        {"- password: |\n    hunter2\n- user: bob", "- password: |\n    " + m + "\n- user: bob"},
		"with crlf":        {"password: |\r\n  hunter2\r\nuser: bob\r\n", "password: |\r\n  " + m + "\r\nuser: bob\r\n"},
		"in a diff":        {" a: 1\n+password: |\n+  hunter2\n-  hunter3\n b: 2\n", " a: 1\n+password: |\n+  " + m + "\n-  " + m + "\n b: 2\n"},
		"in a comment":     {"# password: |\n#   hunter2\n# user: bob", "# password: |\n#   " + m + "\n# user: bob"},
		"next line":        {"password:\n  hunter2\nuser: bob", "password:\n  " + m + "\nuser: bob"},
		"plain, folded":    {"password: hunter2\n  more\nuser: bob", "password: " + m + "\n  " + m + "\nuser: bob"},
		"plain, words":     {"passphrase: correct horse staple\nuser: bob", "passphrase: " + m + "\nuser: bob"},
		"double quotes":    {"password: \"hunter2\n  mo\\\"re\" # x\nuser: bob", "password: \"" + m + "\n  " + m + "\" # x\nuser: bob"},
		"single quotes":    {"token: 'hunter2\n\n  it''s\n  more'\nuser: bob", "token: '" + m + "\n\n  " + m + "\n  " + m + "'\nuser: bob"},
		"quotes of shells": {"export DB_PASSWORD=\"hunter2\nmore\"\nexport USER=bob", "export DB_PASSWORD=\"" + m + "\n" + m + "\"\nexport USER=bob"},
		"quotes in flow":   {"db: {user: bob, password: 'hunter2\n    more'}\nx: y", "db: {user: bob, password: '" + m + "\n    " + m + "'}\nx: y"},
		"quotes that stay": {"password: \"hunter2\n  more\nuser: bob", "password: \"" + m + "\n  " + m + "\nuser: bob"},
		"json":             {"{\n  \"password\":\n    \"hunter2\",\n  \"user\": \"bob\"\n}", "{\n  \"password\":\n    " + m + "\n  \"user\": \"bob\"\n}"},
		"json colon":       {"{\n  \"password\"\n  : \"hunter2\",\n  \"user\": \"bob\"\n}", "{\n  \"password\"\n  : \"" + m + "\",\n  \"user\": \"bob\"\n}"},
		"json list":        {"{\n  \"tokens\": [\n    \"hunter2\",\n    \"more\"\n  ],\n  \"user\": \"bob\"\n}", "{\n  \"tokens\": [\n    " + m + "\n    " + m + "\n  ],\n  \"user\": \"bob\"\n}"},
		"one line list":    {"tokens: [hunter2, more]\nx: {\"secrets\": [\"hunter2\"], \"user\": \"bob\"}", "tokens: [" + m + "]\nx: {\"secrets\": [" + m + "], \"user\": \"bob\"}"},
		"yaml list":        {"passwords:\n- hunter2\n- more\nuser: bob", "passwords:\n- " + m + "\n- " + m + "\nuser: bob"},
		"mapping":          {"credentials:\n  db: hunter2\n  deep:\n    x: |\n      more\nuser: bob", "credentials:\n  db: " + m + "\n  deep:\n    x: |\n      " + m + "\nuser: bob"},
		"reference":        {"secretKeyRef:\n  name: db\n  key: pw\nimagePullSecrets:\n- name: registry\n", "secretKeyRef:\n  name: db\n  key: pw\nimagePullSecrets:\n- name: registry\n"},
		"booleans":         {"automountServiceAccountToken: false\n  x: y\n", "automountServiceAccountToken: false\n  x: y\n"},
		// Names and values by themselves.
		"env":                    {"- name: DB_PASSWORD\n  value: hunter2 more\n- name: USER\n  value: bob", "- name: DB_PASSWORD\n  value: " + m + "\n- name: USER\n  value: bob"},
		"env block":              {"- name: DB_PASSWORD\n  value: |\n    hunter2\n- name: USER\n  value: bob", "- name: DB_PASSWORD\n  value: |\n    " + m + "\n- name: USER\n  value: bob"},
		"env comment":            {"- name: DB_PASSWORD # theirs\n  # of the shop\n  value: hunter2\n", "- name: DB_PASSWORD # theirs\n  # of the shop\n  value: " + m + "\n"},
		"env reversed":           {"- value: hunter2\n  name: DB_PASSWORD\n- value: bob\n  name: USER", "- value: " + m + "\n  name: DB_PASSWORD\n- value: bob\n  name: USER"},
		"env diff":               {"   - name: DB_PASSWORD\n-    value: hunter2\n+    value: \"hunter3 more\"\n", "   - name: DB_PASSWORD\n-    value: " + m + "\n+    value: \"" + m + "\"\n"},
		"env json":               {"{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"hunter2 more\"\n}", "{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"" + m + "\"\n}"},
		"env flow":               {`- {name: DB_PASSWORD, value: "hunter2 more", x: y}`, `- {name: DB_PASSWORD, value: "` + m + `", x: y}`},
		"env flow back":          {`[{"value":"hunter2 more","name":"DB_PASSWORD"},{"value":"bob","name":"USER"}]`, `[{"value":"` + m + `","name":"DB_PASSWORD"},{"value":"bob","name":"USER"}]`},
		"quotes before a block":  {"token: \"x\npassword: |\n  it\"s hunter2\n  more\nuser: bob", "token: \"" + m + "\n" + m + "\n  " + m + "\n  " + m + "\nuser: bob"},
		"quotes that do not end": {"token: \"x\npassword: \"hunter2\n  more\"\nuser: bob", "token: \"" + m + "\n" + m + "\n  " + m + "\nuser: bob"},
		"quotes within flow":     {"token: \"x\n{password: \"hunter2\n  more\"}\nuser: bob", "token: \"" + m + "\n" + m + "\n  " + m + "\"}\nuser: bob"},
		"env value from":         {"- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n      key: pw\n", "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n      key: pw\n"},
		// A Secret says itself what it is.
		"secret":         {"kind: Secret\nmetadata:\n  name: db\ndata:\n  name: aHVudGVyMg==\ntype: Opaque\n---\nkind: ConfigMap\ndata:\n  a: b\n", "kind: Secret\nmetadata:\n  name: db\ndata:\n  name: " + m + "\ntype: Opaque\n---\nkind: ConfigMap\ndata:\n  a: b\n"},
		"secret first":   {"data:\n  a: hunter2\nkind: Secret\n", "data:\n  a: " + m + "\nkind: Secret\n"},
		"secret strings": {"stringData:\n  a: |\n    hunter2\nx: y", "stringData:\n  a: |\n    " + m + "\nx: y"},
		"secret json":    {`{"kind":"Secret","data":{"a":"aHVudGVyMg==","b":"Yg=="},"type":"Opaque"}`, `{"kind":"Secret","data":{` + m + `},"type":"Opaque"}`},
		// Ordinary text is left alone.
		"log":  {"Error: invalid token:\n    at parse (a.js:1)\n", "Error: invalid token:\n    at parse (a.js:1)\n"},
		"yaml": {"apiVersion: v1\nkind: ConfigMap\ndata:\n  key: |\n    a: b\n", "apiVersion: v1\nkind: ConfigMap\ndata:\n  key: |\n    a: b\n"},
	} {
		var masker mask.Masker
		if got := masker.Text(c.in); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// TestNoLayoutLeaks puts one secret into every layout of a value behind every name.
func TestNoLayoutLeaks(t *testing.T) {
	const secret = "zq7-Wk.93xv"
	var masker mask.Masker
	for _, name := range []string{"password", "API_TOKEN", `"client_secret"`, "db.password", "- passphrase", "  - privateKey"} {
		column := strings.Repeat(" ", len(name)-len(strings.TrimLeft(name, " -"))+2)
		for _, value := range []string{
			"%[2]s", "\n%[1]s%[2]s", "|\n%[1]sx\n%[1]s%[2]s", ">\n\n%[1]s%[2]s", "|-\n%[1]s  %[2]s", "|\n%[1]s- %[2]s", "|\n%[1]sa: %[2]s",
			"x\n%[1]s%[2]s", `"x` + "\n%[1]s%[2]s\"", "'x\n%[1]s%[2]s'", "[x, %[2]s]", "[\n%[1]sx,\n%[1]s%[2]s\n]", "\n%[1]s- %[2]s", "a b %[2]s",
		} {
			for _, prefix := range []string{"", "+", "-", "# ", "    "} {
				text := name + ": " + fmt.Sprintf(value, column, secret)
				text = prefix + strings.ReplaceAll(text, "\n", "\n"+prefix) + "\n"
				if got := masker.Text(text); strings.Contains(got, secret) || strings.Count(got, "\n") != strings.Count(text, "\n") {
					t.Errorf("%q gives %q", text, got)
				}
			}
		}
	}
}

// TestMaskingTwice: what is masked already stays as it is, because some texts pass
// two sinks.
func TestMaskingTwice(t *testing.T) {
	var masker mask.Masker
	for _, text := range []string{
		"password: |\n  hunter2\nuser: bob\n", "token: 'a\n  b'\n", "Authorization: Basic aGVsbG86d29ybGQ=\n", `"Cookie": ["a=b"]`, "DB_PASSWORD=ab;cd(ef x=y",
		"- name: DB_PASSWORD\n  value: hunter2 more\n", `{"tokens":["a","b"],"x":"y"}`, "kind: Secret\ndata:\n  a: b\n", `{"stringData":{"a":"b"}}`,
	} {
		once := masker.Text(text)
		if twice := masker.Text(once); twice != once || !strings.Contains(once, mask.Masked) {
			t.Errorf("%q gives %q, and that %q", text, once, twice)
		}
	}
}

// FuzzLayout: whatever stands around it, a value below its name is not shown, no line
// is lost, and nothing panics.
func FuzzLayout(f *testing.F) {
	f.Add("a: b\n", "c: d\n")
	f.Add("- x: |\n    y\n", "\"'\n- name: token\n  value: x\n")
	f.Add("kind: Secret\ndata:\n", "---\n\"a\"\n: b\n")
	f.Add("+ tokens: [\n", "]}\n")
	f.Add("token: \"x", "  more\"\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "zq7-Wk.93xv"
		if strings.Contains(before+after, "PRIVATE KEY") || strings.Contains(before+after, secret) {
			return
		}
		text := before + "\npassword: |\n  " + secret + "\n" + after
		got := mask.New(mask.Options{}).Text(text)
		if strings.Contains(got, secret) {
			t.Errorf("%q gives %q", text, got)
		}
	})
}
