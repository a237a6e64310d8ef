package ledger_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// alike fails when a file that was read line by line says something else by the rules of
// YAML, and reports whether it was.
func alike(t failer, data []byte) bool {
	t.Helper()
	ours, ok := ledger.ParseOurs(data)
	if !ok {
		return false
	}
	whole, err := ledger.ParseAny(data)
	if err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	if diff := cmp.Diff(whole, ours, wholeLogs); diff != "" {
		t.Fatalf("it says something else by the rules of YAML (-those +ours):\n%s\n%q", diff, data)
	}
	return true
}

// What amend writes is read line by line, and so are comments between the entries.
func TestOurLayout(t *testing.T) {
	for name, data := range map[string]string{
		"an entry":         entry,
		"of two":           entry + entry,
		"a verdict":        judgedEntry + entry + judgedEntry,
		"no final newline": strings.TrimSuffix(judgedEntry, "\n"),
		"comments":         "# ours\n\n" + entry + "#\n\n\n# by: \"hand\" - {\n" + judgedEntry + "\n# end",
		"escapes":          strings.NewReplacer(`"restart"`, `"\x00\a\b\f\n\r\t\v\\\"\u2028\U0001f680"`, `"web-1"`, `"\\\\"`).Replace(entry),
		"plain texts":      strings.NewReplacer(`"firing.1"`, "1", `"web-anomaly"`, "12:30").Replace(entry),
	} {
		if !alike(t, []byte(data)) {
			t.Errorf("%s: it is not read as the layout of amend", name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		records := genRecords().Draw(t, "records")
		data := appended(t, nil, records...)
		var verdicts []amend.Verdict
		for _, r := range records {
			if rapid.Bool().Draw(t, "judged") {
				verdicts = append(verdicts, amend.Verdict{Commit: r.Commit, State: amend.Worked, At: noon})
			}
		}
		if data = ledger.Judge(parse(t, data), verdicts).Bytes(); len(records) > 0 && !alike(t, data) {
			t.Fatalf("it is not read as the layout of amend:\n%s", data)
		}
	})
}

// scribbled makes files of amend in which somebody changed a few characters.
func scribbled() *rapid.Generator[string] {
	file := "# ours\n" + entry + "\n# by hand\n" + judgedEntry + strings.Replace(entry, `"restart"`, `"a \\ \"b\" \u00e9"`, 1)
	pieces := []string{
		`"`, `'`, `\`, `\\`, `\"`, ":", ": ", " ", "  ", "#", " #", "-", "- ", "\n", "\n\n", "\r", "\t", "|", ">", "&a ", "*a", "!!str ", "{", "}", "[", "]", ",", "?", "~",
		"0", "12:", ".", "T", "+", "---\n", "...\n", "%", "\u00e9", "\u2028", "\u0085", "\ufeff", "\x00", "\x7f", `\x41`, `\/`, `\_`, `\N`, `\u12`, "  verdict: \"worked\"\n", entry,
	}
	return rapid.Custom(func(t *rapid.T) string {
		file := file
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(file)).Draw(t, "at")
			gone := rapid.SampledFrom([]int{0, 0, 1, 2, 10}).Draw(t, "gone")
			put := rapid.SampledFrom(slices.Concat(pieces, []string{""})).Draw(t, "put")
			file = file[:at] + put + file[min(len(file), at+gone):]
		}
		return file
	})
}

func TestScribbled(t *testing.T) {
	read := 0
	rapid.Check(t, func(t *rapid.T) {
		if alike(t, []byte(scribbled().Draw(t, "file"))) {
			read++
		}
	})
	if read == 0 {
		t.Error("none of the files was read line by line")
	}
}

func FuzzOurs(f *testing.F) {
	for _, data := range []string{entry, "# a\n" + judgedEntry + entry, strings.Replace(entry, "firing.1", `\"a\"\u00e9`, 1)} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) { alike(t, data) })
}
