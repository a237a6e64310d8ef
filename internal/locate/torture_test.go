//go:build torture

package locate_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

// What one question about a hostile env repo may take.
const (
	tortureTime   = 10 * time.Second // of the processor, because wall time depends on the neighbours
	tortureMemory = 512 << 10        // kilobytes
)

// tortureRepo names the folder that the process asks about, if it is one that
// TestTorture started to measure it.
const tortureRepo = "AMEND_TORTURE_REPO"

// TestTorture asks one question about each hostile repo, each in a process of
// its own, and reads from the kernel what it took. It runs with the tag torture
// only, because it takes minutes:
//
//	go test -tags torture -run TestTorture -v ./internal/locate
func TestTorture(t *testing.T) {
	if dir := os.Getenv(tortureRepo); dir != "" {
		query(t, dir)
		return
	}
	for name, files := range hostileRepos() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range files {
				plant(t, filepath.Join(dir, file), text)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestTorture$", "-test.v")
			cmd.Env = append(os.Environ(), tortureRepo+"="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			peak := peakOf(t, out)
			t.Logf("%v of processor time, %d MB", took.Round(10*time.Millisecond), peak>>10)
			if took > tortureTime || peak > tortureMemory {
				t.Errorf("more than %v or %d MB:\n%s", tortureTime, tortureMemory>>10, out)
			}
		})
	}
}

// query is what a process of TestTorture does. Both an answer and a refusal are
// an end.
func query(t *testing.T, dir string) {
	fsys, err := tree.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	site, err := locate.New().Locate(fsys, webReplicas)
	t.Logf("%v:%d, %.200v", site.Path, site.Line, err)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", status)
}

// peak matches the most memory that a process had, as the kernel counts it. Its
// ru_maxrss is no use: it starts at that of the process which started it.
var peak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakOf returns kilobytes.
func peakOf(t *testing.T, status []byte) int {
	t.Helper()
	m := peak.FindSubmatch(status)
	if m == nil {
		t.Fatalf("no VmHWM in:\n%s", status)
	}
	kilobytes, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes
}

func plant(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// hostileRepos are repos at the bounds: most of them just below, where the work
// is done, and some far above.
func hostileRepos() map[string]map[string]string {
	all := map[string]map[string]string{}
	for name, text := range map[string]string{
		"aliases":         bomb(9),
		"few aliases":     bomb(5),
		"100 MB":          web + "data: " + strings.Repeat("x", 100<<20) + "\n",
		"one long value":  web + "data: " + strings.Repeat("x", 7<<20) + "\n",
		"millions":        web + "data: [" + strings.Repeat("1,", 3<<20) + "1]\n",
		"many values":     web + "data:\n" + strings.Repeat("- 2\n", 240_000),
		"many in a line":  web + "data: [" + strings.Repeat("2,", 240_000) + "2]\n",
		"deep":            web + "x: " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + "\n",
		"one wide map":    web + "data:\n" + many(11_000, "  k%d: v\n"),
		"as many objects": web + many(1_650, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n"),
	} {
		all[name+", plain"] = map[string]string{"a/web.yaml": text}
		all[name+", Kustomize"] = map[string]string{"k/kustomization.yaml": "resources: [web.yaml]\n", "k/web.yaml": text}
	}
	for name, files := range hostileKustomizations() {
		all[name] = files
	}
	for name, template := range hostileTemplates() {
		all["template: "+name] = map[string]string{
			"app.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\n" +
				"spec:\n  source: {repoURL: https://git.example.com/env.git, path: c}\n  destination: {namespace: shop}\n",
			"c/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "c/values.yaml": "replicas: 2\n", "c/templates/web.yaml": web + template,
		}
	}
	files := map[string]string{}
	for i := range 10_000 {
		files[fmt.Sprintf("a/%d.yaml", i)] = web
	}
	all["10,000 files with one object"] = files
	return all
}

func hostileKustomizations() map[string]map[string]string {
	configMaps := func(n int) string {
		return web + many(n, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n")
	}
	deployments := func(n int) string {
		return strings.Replace(web, "name: web", "name: eb", 1) +
			many(n, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c%d}\nspec: {template: {spec: {containers: [{name: a, image: x}]}}}\n")
	}
	all := map[string]map[string]string{}
	for name, c := range map[string][2]string{
		"prefix":              {"namePrefix: w\nnamespace: shop\n", deployments(740)},
		"annotations":         {"commonAnnotations:\n" + many(2_300, "  a%d: v\n"), web},
		"annotations on many": {"commonAnnotations:\n" + many(90, "  a%d: v\n"), configMaps(900)},
		"images":              {"images:\n" + many(100, "- {name: x%d, newTag: a}\n"), deployments(500)},
		"literals":            {"configMapGenerator:\n- name: g\n  literals:\n" + many(11_000, "  - k%d=v\n"), web},
		"patches on one":      {"patches:\n" + many(440, "- patch: '{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"annotations\":{\"a%d\":\"b\"}}}'\n"), web},
		"patches on many": {"patches:\n" + many(38, "- target: {kind: ConfigMap}\n  patch: '{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\",\"annotations\":{\"a%d\":\"b\"}}}'\n"),
			configMaps(150)},
		"operations": {"patches:\n- target: {kind: Deployment, name: web}\n  patch: |-\n" + many(30_000, "    - {op: add, path: /metadata/annotations/a%d, value: b}\n"), web},
		"copies":     {"patches:\n- target: {kind: Deployment}\n  patch: |-\n    - {op: add, path: /spec/x, value: {a: b}}\n" + many(40, "    - {op: copy, from: /spec/x, path: /spec/x/a%d}\n"), web},
		"texts in texts": {"replacements:\n" + strings.Repeat("- source: {kind: ConfigMap, name: c0, fieldPath: data.x}\n  targets:\n  - select: {kind: ConfigMap}\n"+
			"    fieldPaths: [data.x]\n    options: {delimiter: '-', index: 9}\n", 40), web + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c0}\ndata: {x: abc}\n"},
		"itself":          {"resources: [.]\n", web},
		"long annotation": {"commonAnnotations: {a: " + strings.Repeat("x", 1<<20) + "}\n", configMaps(60)},
	} {
		head := "resources: [web.yaml]\n"
		if strings.HasPrefix(c[0], "resources:") {
			head = ""
		}
		all[name] = map[string]string{"k/kustomization.yaml": head + c[0], "k/web.yaml": c[1]}
	}
	fan := map[string]string{"k/20/kustomization.yaml": "resources: [web.yaml]\n", "k/20/web.yaml": web}
	for i := range 20 {
		for _, side := range []string{"a", "b"} {
			fan[fmt.Sprintf("k/%d%s/kustomization.yaml", i, side)] = fmt.Sprintf("namePrefix: %s-\nresources: [../%d]\n", side, i+1)
		}
		fan[fmt.Sprintf("k/%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../%da, ../%db]\n", i, i)
	}
	all["doubling"] = fan
	overlays := map[string]string{"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": configMaps(900)}
	for i := range 100 {
		overlays[fmt.Sprintf("o%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../base]\nnamePrefix: p%d-\n", i)
	}
	overlays["o0/kustomization.yaml"] = "resources: [../base]\n"
	all["overlays of many objects"] = overlays
	return all
}

func hostileTemplates() map[string]string {
	return map[string]string{
		"endless loop":    "{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}\n",
		"endless include": "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}\n",
		"doubling text":   "{{ $x := \"a\" }}{{ range until 60 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}{{ $x }}\n",
		"doubling table":  "{{ $d := dict \"a\" \"b\" }}{{ range until 40 }}{{ $d = dict \"l\" $d \"r\" $d }}{{ end }}{{ toYaml $d }}\n",
		"keeping text":    "{{ $l := list }}{{ range until 2000 }}{{ $l = append $l (repeat 60000 \"x\") }}{{ end }}{{ len $l }}\n",
		"keys":            "{{ range until 200 }}{{ genCA \"x\" 365 }}{{ end }}\n",
		"hashes":          "{{ range until 1000 }}{{ bcrypt \"x\" }}{{ derivePassword 1 \"long\" \"x\" \"y\" \"z\" }}{{ end }}\n",
		"objects":         "{{ range until 20000 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c{{ . }}}\n{{ end }}",
		"output":          "{{ range until 15 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c{{ . }}}\ndata: {x: {{ repeat 1000000 \"y\" }}}\n{{ end }}",
	}
}
