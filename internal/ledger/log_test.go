package ledger_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

const entry = `- incident: "web-1"
  episode: 1
  action: "restart"
  target: "Deployment/shop/web"
  playbook: "web-anomaly"
  alert: "firing.1"
  edited: "apps/web.yaml:7"
  commit: "0000000000000000000000000000000000000001"
  at: 2026-03-01T12:00:00Z
`

func TestAppendToNothing(t *testing.T) {
	got := string(appended(t, nil, record("web-1", 1, 1, noon)))
	comment, rest, _ := strings.Cut(got, "- ")
	if "- "+rest != entry {
		t.Errorf("got\n%swant\n%s", got, entry)
	}
	for line := range strings.Lines(comment) {
		if !strings.HasPrefix(line, "# ") {
			t.Errorf("header line %q", line)
		}
	}
}

// Whoever reads the file with a YAML library gets the records, too.
func TestYAMLTags(t *testing.T) {
	want := []amend.Record{record("web-1", 1, 1, noon), record("web-1", 2, 2, noon.Add(time.Hour))}
	var got []amend.Record
	if err := yaml.Unmarshal(appended(t, nil, want...), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAppendToWhatPeopleWrote(t *testing.T) {
	indented := strings.TrimSuffix("  "+strings.ReplaceAll(entry, "\n", "\n  "), "  ")
	for name, data := range map[string]string{
		"empty":              "",
		"blank":              "\n \n",
		"comment":            "# ours\n",
		"comment, no end":    "# ours",
		"document mark":      "---\n",
		"entry":              entry,
		"no final newline":   strings.TrimSuffix(entry, "\n"),
		"comments":           "# a\n" + strings.ReplaceAll(entry, "\n", " # b\n") + "\n# end",
		"indented":           indented,
		"indented, mark":     "---\n# x\n" + indented + "\n",
		"CRLF":               strings.ReplaceAll(entry, "\n", "\r\n"),
		"other order":        "- at: 2026-03-01T13:00:00+01:00\n  commit: '0000000000000000000000000000000000000001'\n  edited: apps/web.yaml:7\n  alert: firing.1\n  playbook: web-anomaly\n  target: Deployment/shop/web\n  action: restart\n  episode: 1\n  incident: web-1\n",
		"nested on own line": "-\n" + strings.Replace(entry, "- ", "  ", 1),
	} {
		before, err := ledger.ParseLog([]byte(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		added := []amend.Record{record("new-1", 1, 9, noon.Add(time.Hour))}
		out := appended(t, []byte(data), added...)
		after := parse(t, out)
		if diff := cmp.Diff(append(before.Records, added...), after.Records); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !bytes.HasPrefix(out, []byte(data)) || !bytes.HasSuffix(out, []byte("\n")) {
			t.Errorf("%s: %q became %q", name, data, out)
		}
		if strings.Contains(data, "incident") && before.Records[0] != record("web-1", 1, 1, noon) {
			t.Errorf("%s: read %+v", name, before.Records[0])
		}
		if got := appended(t, []byte(data)); string(got) != data {
			t.Errorf("%s: nothing to add, and %q became %q", name, data, got)
		}
	}
}

func TestParseLogRefuses(t *testing.T) {
	change := func(old, new string) string { return entry + strings.Replace(entry, old, new, 1) }
	for name, c := range map[string]struct{ data, want string }{
		"unknown field":     {change("alert:", "alarm:"), `line 15: "alarm"`},
		"field twice":       {change("alert:", "action:"), `line 15: "action"`},
		"missing field":     {change("  alert: \"firing.1\"\n", ""), "line 10: the entry has no alert"},
		"empty value":       {change(`"firing.1"`, `""`), "line 15: alert is empty"},
		"null value":        {change(`"firing.1"`, "~"), "line 15: alert must be one value"},
		"nested value":      {change(`"firing.1"`, "[a]"), "line 15: alert must be one value"},
		"episode":           {change("episode: 1", "episode: one"), `line 11: episode "one"`},
		"episode zero":      {change("episode: 1", "episode: 0"), `line 11: episode "0"`},
		"time":              {change("2026-03-01T12:00:00Z", "yesterday"), `line 18: at "yesterday"`},
		"commit":            {change("0000000000000000000000000000000000000001", "--all"), `line 17: commit "--all"`},
		"anchor":            {change(`alert: "`, `alert: &a "`), "line 15: alert must be one value"},
		"alias":             {strings.Replace(entry, `alert: "`, `alert: &a "`, 1) + "- *a\n", "line 6: alert must be one value"},
		"anchor at a name":  {change("alert:", "&a alert:"), "line 15: the name of alert must be plain"},
		"tag":               {change(`alert: "`, `alert: !!binary "`), "line 15: alert must be one value"},
		"not an entry":      {entry + "- x\n", "line 10: an entry must be a mapping"},
		"flow list":         {"[]\n", "line 1: the log must be a list"},
		"mapping":           {"a: b\n", "line 1: the log must be a list"},
		"text":              {"# x\nnone yet\n", "line 2: the log must be a list"},
		"second document":   {entry + "---\n" + entry, "one YAML document"},
		"merge conflict":    {entry + "<<<<<<< HEAD\n" + entry + ">>>>>>> x\n", "line "},
		"not YAML":          {entry + "- a: b: c\n", "line 10"},
		"control character": {"- \x01\n", "control characters"},
	} {
		log, err := ledger.ParseLog([]byte(c.data))
		if err == nil || !strings.Contains(err.Error(), c.want) || amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if len(log.Records) != 0 {
			t.Errorf("%s: refused, yet %v", name, log.Records)
		}
	}
}

func TestMissing(t *testing.T) {
	first, second := record("web-1", 1, 1, noon), record("web-1", 2, 2, noon.Add(time.Hour))
	again := record("web-1", 2, 3, noon.Add(2*time.Hour)) // the second, cherry-picked
	renamed := record("web-9", 1, 1, noon)                // the first, its entry edited by hand
	for name, c := range map[string]struct{ log, records, want []amend.Record }{
		"all":            {nil, []amend.Record{again, second, first}, []amend.Record{first, second}},
		"some":           {[]amend.Record{first}, []amend.Record{second, first}, []amend.Record{second}},
		"other commit":   {[]amend.Record{first, second}, []amend.Record{again}, nil},
		"other incident": {[]amend.Record{renamed}, []amend.Record{first}, nil},
		"none":           {[]amend.Record{first}, nil, nil},
	} {
		if diff := cmp.Diff(c.want, ledger.Missing(ledger.Log{Records: c.log}, c.records)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// genRecords makes records with any text in them, and with clashes.
func genRecords() *rapid.Generator[[]amend.Record] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) amend.Record {
		text := rapid.OneOf(rapid.StringN(1, 20, -1), rapid.SampledFrom([]string{
			"yes", "null", "~", "1e3", "2026-03-01", "a: b", "- x", "# c", "a\n- incident: x", "'", `"`, `\`, "\u2028", "\ufeff", "{{x}}", "*a", "!!t", "\x00", "\U0001f680",
		}))
		return amend.Record{
			Incident: rapid.SampledFrom([]string{"a-1", "b-2", "c-3"}).Draw(t, "incident"),
			Episode:  rapid.IntRange(1, 4).Draw(t, "episode"),
			Action:   text.Draw(t, "action"), Target: text.Draw(t, "target"), Playbook: text.Draw(t, "playbook"),
			Alert: text.Draw(t, "alert"), Edited: text.Draw(t, "edited"),
			Commit: rapid.StringMatching(`[0-9a-f]{40}`).Draw(t, "commit"),
			At:     noon.Add(time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "at"))),
		}
	}), 0, 12)
}

func TestMergeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, fresh := genRecords().Draw(t, "old"), genRecords().Draw(t, "new")
		data := appended(t, nil, old...)
		if rapid.Bool().Draw(t, "torn") {
			data = bytes.TrimSuffix(data, []byte("\n"))
		}
		log := parse(t, data)
		if diff := cmp.Diff(len(old), len(log.Records)); diff != "" {
			t.Fatalf("entries lost: %s", diff)
		}
		missing := ledger.Missing(log, fresh)
		out := appended(t, data, missing...)
		if !bytes.HasPrefix(out, data) {
			t.Fatalf("old bytes changed:\n%s", out)
		}
		after := parse(t, out)
		if diff := cmp.Diff(append(slices.Clone(log.Records), missing...), after.Records); diff != "" {
			t.Fatalf("does not read back equal (-want +got):\n%s", diff)
		}
		if again := ledger.Missing(after, fresh); len(again) != 0 {
			t.Fatalf("not idempotent: %v", again)
		}
		shuffled := slices.Clone(fresh)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		if diff := cmp.Diff(missing, ledger.Missing(log, shuffled)); diff != "" {
			t.Fatalf("depends on the order (-want +got):\n%s", diff)
		}
	})
}

// A failer is a test of any kind, also one of rapid.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func parse(t failer, data []byte) ledger.Log {
	t.Helper()
	log, err := ledger.ParseLog(data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return log
}

// appended returns data with records behind it, which has to say what Append says.
func appended(t failer, data []byte, records ...amend.Record) []byte {
	t.Helper()
	grown, err := ledger.Append(parse(t, data), records)
	if err != nil {
		t.Fatalf("%v: append to\n%s", err, data)
	}
	same(t, grown)
	return grown.Bytes()
}

// wholeLogs compares logs with all that they keep, and texts at once: one by one, their
// bytes would take most of the time of these tests.
var wholeLogs = cmp.Options{
	cmp.AllowUnexported(ledger.Log{}), cmpopts.EquateEmpty(),
	cmp.FilterValues(func(x, y []byte) bool { return len(x) > 0 || len(y) > 0 }, cmp.Comparer(bytes.Equal)),
}

// same fails when a log that was put together is not the one that its file says.
func same(t failer, log ledger.Log) {
	t.Helper()
	if diff := cmp.Diff(parse(t, log.Bytes()), log, wholeLogs); diff != "" {
		t.Fatalf("the file says something else (-want +got):\n%s\n%s", diff, log.Bytes())
	}
}

func TestAppendRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"end of the document":    entry + "...\n",
		"end before the list":    "---\n...\n",
		"an anchor for the list": "--- &a\n",
		"a tag for the list":     "--- !!null\n",
		"text without its end":   strings.Replace(entry, "  alert: \"firing.1\"\n", "", 1) + "  alert: |\n    firing.1",
		"other characters":       "\xff\xfe" + strings.Join(strings.Split(entry, ""), "\x00") + "\x00",
	} {
		log := parse(t, []byte(data))
		grown, err := ledger.Append(log, []amend.Record{record("new-1", 1, 9, noon)})
		if amend.KindOf(err) != amend.Invalid || !strings.Contains(err.Error(), "its layout does not allow it") {
			t.Errorf("%s: %v\n%s", name, err, grown.Bytes())
		}
	}
}

// Whatever people made of the file, what is added and noted without reading all of it
// again is what reading all of it says, and all else stays.
func FuzzAppendAndJudge(f *testing.F) {
	second := strings.NewReplacer("episode: 1", "episode: 2", "0001", "0002").Replace(entry)
	for _, data := range []string{
		entry, entry + second, "# a\n---\n" + entry + "# b\n" + second + "...\n", strings.ReplaceAll(entry+second, "\n", "\r\n"),
		"-\n" + strings.Replace(entry, "- ", "  ", 1) + second, strings.Replace(entry, `"firing.1"`, "|+\n    a\n\n", 1) + second,
		strings.Replace(entry, `"firing.1"`, "\"a\n\n   b\"", 1) + second, strings.Replace(entry, "firing.1", "a\u2028b", 1) + second,
		"- {incident: a, episode: 1, action: b,\n c: d}\n", judgedEntry + second,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) { appendAndJudge(t, data) })
}

func appendAndJudge(t failer, data []byte) {
	log, err := ledger.ParseLog(data)
	if err != nil {
		return
	}
	var verdicts []amend.Verdict
	for _, r := range log.Records {
		verdicts = append(verdicts, amend.Verdict{Commit: r.Commit, State: amend.Worked, At: noon}, amend.Verdict{Commit: r.Commit, State: amend.Reverted, At: noon})
	}
	judged := ledger.Judge(log, verdicts)
	same(t, judged)
	grown, err := ledger.Append(judged, []amend.Record{record("new-1", 1, 9, noon), record("new-2", 1, 8, noon)})
	if err != nil {
		return
	}
	same(t, grown)
	if !bytes.HasPrefix(grown.Bytes(), judged.Bytes()) || len(grown.Records) != len(log.Records)+2 {
		t.Fatalf("%q became %q", judged.Bytes(), grown.Bytes())
	}
}

// written makes files as people may leave them: some are no log.
func written() *rapid.Generator[string] {
	one := func(t *rapid.T, name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	return rapid.Custom(func(t *rapid.T) string {
		indent := one(t, "indent", "", "", "  ")
		file := one(t, "head", "", "", "# ours\n", "---\n", "\ufeff", "%YAML 1.1\n---\n", "\n\n")
		for n := range rapid.IntRange(0, 4).Draw(t, "entries") {
			lines := strings.SplitAfter(strings.TrimSuffix(entry, "\n"), "\n")
			lines[1] = fmt.Sprintf("  episode: %d\n", n+1)
			lines[7] = fmt.Sprintf("  commit: '%040d'\n", n+1)
			lines[5] = "  alert: " + one(t, "alert", "a", "a", "'b'", "\"c\n\n- incident: d\"", "|\n    e\n    f", "|+\n    g\n\n", ">-\n      h\n     # i", "j\n    k", "\"l\u2028m\"", "{n", "'#'") +
				one(t, "comment", "", "", " # o") + "\n"
			if rapid.Bool().Draw(t, "judged") {
				lines[8] += "\n  verdict: unverified\n  verifiedAt: 2026-03-01T12:10:00Z"
			}
			if rapid.Bool().Draw(t, "other last") {
				lines[5], lines[8] = lines[8]+"\n", strings.TrimSuffix(lines[5], "\n")
			}
			text := one(t, "bullet", strings.Join(lines, ""), strings.Join(lines, ""), "-\n"+strings.Replace(strings.Join(lines, ""), "- ", "  ", 1))
			file += indent + strings.ReplaceAll(text, "\n", "\n"+indent) + "\n" + one(t, "between", "", "", "\n", "# p\n", "   # q\n \n")
		}
		file += one(t, "tail", "", "", "...\n", "# end", " ")
		if rapid.Bool().Draw(t, "torn") {
			file = strings.TrimSuffix(file, "\n")
		}
		return strings.ReplaceAll(file, "\n", one(t, "newline", "\n", "\n", "\r\n", "\r"))
	})
}

func TestAnyLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { appendAndJudge(t, []byte(written().Draw(t, "file"))) })
}

func FuzzParseLog(f *testing.F) {
	f.Add([]byte(entry))
	f.Add([]byte("# x\n---\n  - a: &b c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		log, err := ledger.ParseLog(data)
		if err != nil {
			if amend.KindOf(err) != amend.Invalid {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		again, err := ledger.ParseLog(appended(t, nil, log.Records...))
		if err != nil || len(again.Records) != len(log.Records) {
			t.Fatalf("%v: %+v reads back as %+v", err, log, again)
		}
	})
}
