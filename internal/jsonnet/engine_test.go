package jsonnet_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/jsonnet"
	"github.com/amendhq/amend/internal/jsonnet/jsonnettest"
)

// eval evaluates one file of a repo.
func eval(t *testing.T, files map[string]string, p jsonnet.Program) (string, []string, error) {
	t.Helper()
	var reads []string
	out, _, err := jsonnettest.NewEngine().Evaluate(t.Context(), 30*time.Second, p, func(name string) ([]byte, bool, error) {
		reads = append(reads, name)
		data, ok := files[name]
		return []byte(data), ok, nil
	})
	if err != nil {
		return "", reads, err
	}
	var all []string
	for _, o := range out {
		all = append(all, string(o))
	}
	return strings.Join(strings.Fields(strings.Join(all, ";")), ""), reads, nil
}

func TestEvaluate(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		p     jsonnet.Program
		want  string
	}{
		"object":            {files: map[string]string{"a.jsonnet": `{a: 1}`}, want: `{"a":1}`},
		"two files":         {files: map[string]string{"a.jsonnet": `1`, "b.jsonnet": `2`}, p: jsonnet.Program{Files: []string{"a.jsonnet", "b.jsonnet"}}, want: `1;2`},
		"import beside":     {files: map[string]string{"a.jsonnet": `import "b/c.libsonnet"`, "b/c.libsonnet": `import "d.json"`, "b/d.json": `4`}, want: `4`},
		"last path first":   {files: map[string]string{"a.jsonnet": `import "x"`, "p/x": `1`, "q/x": `2`}, p: jsonnet.Program{Paths: []string{"p", "q"}}, want: `2`},
		"beside wins":       {files: map[string]string{"a.jsonnet": `import "x"`, "x": `0`, "p/x": `1`}, p: jsonnet.Program{Paths: []string{"p"}}, want: `0`},
		"text argument":     {files: map[string]string{"a.jsonnet": `function(n) n`}, p: jsonnet.Program{TLAs: []jsonnet.Var{{Name: "n", Value: "3"}}}, want: `"3"`},
		"code argument":     {files: map[string]string{"a.jsonnet": `function(n) n`}, p: jsonnet.Program{TLAs: []jsonnet.Var{{Name: "n", Value: "3", Code: true}}}, want: `3`},
		"unused argument":   {files: map[string]string{"a.jsonnet": `5`}, p: jsonnet.Program{TLAs: []jsonnet.Var{{Name: "n", Value: "3"}}}, want: `5`},
		"external variable": {files: map[string]string{"a.jsonnet": `std.extVar("v").w`}, p: jsonnet.Program{ExtVars: []jsonnet.Var{{Name: "v", Value: "{w: 7}", Code: true}}}, want: `7`},
		"trace":             {files: map[string]string{"a.jsonnet": `std.trace("x", 1)`}, want: `1`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.p.Files == nil {
				c.p.Files = []string{"a.jsonnet"}
			}
			got, _, err := eval(t, c.files, c.p)
			if err != nil || got != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestNothingLeavesTheRepo(t *testing.T) {
	for _, code := range []string{`import "/etc/passwd"`, `importstr "../../../../etc/passwd"`, `importbin "../x"`} {
		_, reads, err := eval(t, inFolder(code), jsonnet.Program{Files: []string{"a/b.jsonnet"}})
		if amend.ReasonOf(err) != amend.ReasonUnproven {
			t.Errorf("%s: %v", code, err)
		}
		for _, r := range reads {
			if strings.HasPrefix(r, "/") || strings.HasPrefix(r, "..") {
				t.Errorf("%s asked for %s", code, r)
			}
		}
	}
}

func inFolder(code string) map[string]string { return map[string]string{"a/b.jsonnet": code} }

// TestHostilePrograms runs what would never end or use all memory.
func TestHostilePrograms(t *testing.T) {
	doubled := "local a0 = \"xxxxxxxx\",\n"
	for i := range 60 {
		doubled += fmt.Sprintf("a%d = a%d + a%d,\n", i+1, i, i)
	}
	laughs := "local a0 = [1,1,1,1,1,1,1,1,1,1],\n"
	for i := range 12 {
		laughs += fmt.Sprintf("a%d = [a%d,a%[2]d,a%[2]d,a%[2]d,a%[2]d,a%[2]d,a%[2]d,a%[2]d,a%[2]d,a%[2]d],\n", i+1, i)
	}
	fields := "{\n"
	for i := range 60 {
		fields += fmt.Sprintf("f%d:: (self + {n: 1}).f%d + (self + {n: 2}).f%[2]d,\n", i, i+1)
	}
	limit := time.Second
	if raced { // the figures are those of a program without the race detector
		limit /= 5
	}
	// The system counts the most of any child so far, so one figure stands for all.
	var peak atomic.Int64
	t.Cleanup(func() { t.Attr("peak", fmt.Sprintf("%d MB", peak.Load())) })
	for name, code := range map[string]string{
		"recursion":           `local f(n) = f(n + 1) + 1; f(0)`,
		"tail recursion":      `local f(n) = f(n + 1) tailstrict; f(0)`,
		"range":               `std.length(std.range(1, 1000000000))`,
		"make array":          `std.makeArray(1000000000, function(i) i)`,
		"repeat":              `std.length(std.repeat("abcdefgh", 1000000000))`,
		"doubled text":        doubled + "z = 1; std.length(std.asciiUpper(a60))",
		"shared arrays":       laughs + "z = 1; a12",
		"exponential objects": fields + "f60:: 1, x: self.f0}",
		"format width":        `std.format("%0999999999d", 1)`,
		"join":                `std.join("x", std.makeArray(100000000, function(i) "yyyyyyyyyy"))`,
		"fold":                `std.foldl(function(a, b) a + a, std.range(1, 64), "x")`,
		"endless array":       `local f(n) = [f(n + 1)]; f(0)`,
		"endless object":      `local f(n) = {a: f(n + 1)}; f(0)`,
		"nested brackets":     strings.Repeat("[", 500_000),
		"nested operators":    strings.Repeat("!", 500_000) + "true",
		"long sum":            "1" + strings.Repeat("+1", 500_000),
		"nested locals":       strings.Repeat("local a = 1; ", 200_000) + "a",
		"import of itself":    `import "a.jsonnet"`,
		"comprehension":       `[x + y for x in std.range(1, 100000) for y in std.range(1, 100000)]`,
		"sort":                `std.sort(std.makeArray(30000000, function(i) -i))`,
		"output":              `std.makeArray(4000000, function(i) "0123456789")`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := jsonnettest.NewEngine().Evaluate(t.Context(), limit, jsonnet.Program{Files: []string{"a.jsonnet"}},
				func(string) ([]byte, bool, error) { return []byte(code), true, nil })
			if amend.ReasonOf(err) != amend.ReasonUnproven {
				t.Errorf("error %.200v, want a refusal", err)
			}
			var use syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &use); err != nil || use.Maxrss > 512<<10 && !raced {
				t.Errorf("%v, a process had %d MB", err, use.Maxrss>>10)
			}
			peak.Store(max(peak.Load(), use.Maxrss>>10))
		})
	}
}
