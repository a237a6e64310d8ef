package locate_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

var webReplicas = locate.Query{
	Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"},
	Field:  amend.Field("spec", "replicas"),
}

const web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 2\n"

func repo(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, data := range files {
		m[name] = &fstest.MapFile{Data: []byte(data)}
	}
	return m
}

// bomb is YAML whose aliases stand for 10^levels texts.
func bomb(levels int) string {
	var b strings.Builder
	b.WriteString("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\na0: &a0 lol\n")
	for i := 1; i <= levels; i++ {
		refs := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", ")
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, refs)
	}
	b.WriteString("spec: {replicas: 2}\n")
	return b.String()
}

func TestBoundsEndInRefusal(t *testing.T) {
	deep := map[string]string{}
	for i := range 60 {
		// Each level names the next one twice, so a naive build is exponential.
		next := fmt.Sprintf("resources: [../%d, ../%d/]\n", i+1, i+1)
		deep[fmt.Sprintf("k/%d/kustomization.yaml", i)] = next
	}
	deep["k/60/kustomization.yaml"] = "resources: [web.yaml]\n"
	deep["k/60/web.yaml"] = web
	self := map[string]string{"k/kustomization.yaml": "resources: [.., web.yaml]\n", "kustomization.yaml": "resources: [k]\n", "k/web.yaml": web}
	huge := web + "data: " + strings.Repeat("x", 100<<20) + "\n"
	for name, files := range map[string]map[string]string{
		"alias bomb in a directory":     {"a/web.yaml": bomb(9)},
		"alias bomb under kustomize":    {"k/kustomization.yaml": "resources: [web.yaml]\n", "k/web.yaml": bomb(9)},
		"alias bomb in a kustomization": {"k/kustomization.yaml": strings.Replace(bomb(9), "spec:", "resources: [web.yaml]\nspec:", 1), "k/web.yaml": web},
		"huge document in a directory":  {"a/web.yaml": huge},
		"huge document under kustomize": {"k/kustomization.yaml": "resources: [web.yaml, big.yaml]\n", "k/web.yaml": web, "k/big.yaml": huge},
		"bases that name each other":    {"a/kustomization.yaml": "resources: [../b, web.yaml]\n", "a/web.yaml": web, "b/kustomization.yaml": "resources: [../a]\n"},
		"bases that name a parent":      self,
		"bases that fan out":            deep,
		"deep nesting":                  {"a/web.yaml": web + "x: " + strings.Repeat("[", 200_000)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, root := range []string{"", "k"} {
				q := webReplicas
				if q.Root = root; root != "" && files["k/kustomization.yaml"] == "" {
					continue
				}
				if site, err := locate.New().Locate(repo(files), q); amend.KindOf(err) != amend.Refused {
					t.Errorf("root %q: site %+v, error %v; want a refusal", root, site, err)
				}
			}
		})
	}
}

// TestNothingLeavesTheTree gives kustomize everything that it would fetch or
// read from elsewhere. The kinds of the refusals prove that it was not tried.
func TestNothingLeavesTheTree(t *testing.T) {
	for name, c := range map[string]struct {
		kustomization string
		want          amend.Reason
	}{
		"resource":         {"resources: ['https://127.0.0.1:1/web.yaml']\n", amend.ReasonRemote},
		"git":              {"resources: ['git@127.0.0.1:org/web.git']\n", amend.ReasonRemote},
		"file URL":         {"resources: ['file:///etc']\n", amend.ReasonRemote},
		"short GitHub":     {"bases: [github.com/org/web]\n", amend.ReasonRemote},
		"component":        {"components: ['ssh://127.0.0.1/org/web']\n", amend.ReasonRemote},
		"patch":            {"patches: [{path: 'http://127.0.0.1:1/p.yaml'}]\n", amend.ReasonRemote},
		"legacy patch":     {"patchesStrategicMerge: ['http://127.0.0.1:1/p.yaml']\n", amend.ReasonRemote},
		"JSON patch":       {"patchesJson6902: [{target: {version: v1, kind: A, name: b}, path: 'http://127.0.0.1:1/p.yaml'}]\n", amend.ReasonRemote},
		"openapi":          {"openapi: {path: 'http://127.0.0.1:1/s.json'}\n", amend.ReasonRemote},
		"crds":             {"crds: ['http://127.0.0.1:1/s.json']\n", amend.ReasonRemote},
		"configuration":    {"configurations: ['http://127.0.0.1:1/c.yaml']\n", amend.ReasonRemote},
		"generator file":   {"configMapGenerator: [{name: a, files: ['k=http://127.0.0.1:1/c']}]\n", amend.ReasonRemote},
		"generator env":    {"configMapGenerator: [{name: a, envs: ['http://127.0.0.1:1/c']}]\n", amend.ReasonRemote},
		"replacement":      {"replacements: [{path: 'http://127.0.0.1:1/r.yaml'}]\n", amend.ReasonRemote},
		"transformer":      {"transformers: ['http://127.0.0.1:1/t.yaml']\n", amend.ReasonRemote},
		"plugin with URL":  {"transformers: [plugin.yaml]\n", amend.ReasonRemote},
		"inline plugin":    {"transformers:\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: a}\n  path: http://127.0.0.1:1/t\n", amend.ReasonRemote},
		"chart":            {"helmCharts: [{name: web, version: 1.0.0, repo: 'http://127.0.0.1:1'}]\n", amend.ReasonRemote},
		"chart values":     {"helmCharts: [{name: web, valuesFile: 'http://127.0.0.1:1/v.yaml'}]\n", amend.ReasonRemote},
		"more values":      {"helmCharts: [{name: web, additionalValuesFiles: ['http://127.0.0.1:1/v.yaml']}]\n", amend.ReasonRemote},
		"chart home":       {"helmGlobals: {chartHome: /}\nhelmCharts: [{name: etc}]\n", amend.ReasonRemote},
		"parent's chart":   {"helmGlobals: {chartHome: ../..}\nhelmCharts: [{name: web}]\n", amend.ReasonRemote},
		"absolute path":    {"resources: [/etc/passwd]\n", amend.ReasonRemote},
		"parent of tree":   {"resources: [../../../../etc/passwd]\n", amend.ReasonUnproven},
		"missing resource": {"resources: [gone.yaml]\n", amend.ReasonUnproven},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"k/kustomization.yaml": c.kustomization, "k/web.yaml": web,
				"k/charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "k/charts/web/values.yaml": "a: b\n",
				"k/plugin.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\npath: http://127.0.0.1:1/t\n",
			}
			q := webReplicas
			q.Root = "k"
			if _, err := locate.New().Locate(repo(files), q); amend.ReasonOf(err) != c.want {
				t.Errorf("error %v, want reason %s", err, c.want)
			}
		})
	}
}

// TestLinksAreNotFollowed proves that a symbolic link in a folder on disk is
// neither read nor edited through.
func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{"real/web.txt": web, "k/kustomization.yaml": "resources: [web.yaml]\n"} {
		if err := os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"k/web.yaml", "real/web.yaml"} {
		if err := os.Symlink("../real/web.txt", filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	fsys, err := tree.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{"", "k", "real"} {
		q := webReplicas
		q.Root = root
		if site, err := locate.New().Locate(fsys, q); amend.KindOf(err) != amend.Refused {
			t.Errorf("root %q: site %+v, error %v; want a refusal", root, site, err)
		}
	}
}

// hashed is a tree that knows its hashes, as a Git commit does, and counts how
// many entries are opened.
type hashed struct {
	fs.FS
	hashes map[string]string
	mu     sync.Mutex
	opened int
}

func newHashed(t testing.TB, files fs.FS) *hashed {
	t.Helper()
	h := &hashed{FS: files, hashes: map[string]string{}}
	if _, err := h.sum("."); err != nil {
		t.Fatal(err)
	}
	return h
}

// sum hashes an entry as Git does: a folder by its entries' names and hashes.
func (h *hashed) sum(name string) (string, error) {
	info, err := fs.Stat(h.FS, name)
	if err != nil {
		return "", err
	}
	var data []byte
	if info.IsDir() {
		entries, err := fs.ReadDir(h.FS, name)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			child, err := h.sum(path.Join(name, e.Name()))
			if err != nil {
				return "", err
			}
			data = fmt.Appendf(data, "%s %s\n", e.Name(), child)
		}
	} else if data, err = fs.ReadFile(h.FS, name); err != nil {
		return "", err
	}
	digest := sha256.Sum256(data)
	h.hashes[name] = hex.EncodeToString(digest[:])
	return h.hashes[name], nil
}

func (h *hashed) Hash(name string) (string, bool) {
	hash, ok := h.hashes[name]
	return hash, ok
}

func (h *hashed) Open(name string) (fs.File, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened++
	return h.FS.Open(name)
}

// TestCacheFollowsContent edits one of many folders and proves that the next
// query sees the edit, and that what did not change is not read again.
func TestCacheFollowsContent(t *testing.T) {
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("apps/%d/app.yaml", i)] = strings.ReplaceAll(web, "web", fmt.Sprintf("app-%d", i))
	}
	files["shop/web.yaml"] = web
	l := locate.New()
	first := newHashed(t, repo(files))
	res, err := l.Edit(first, webReplicas, amend.Scalar{Text: "5", Number: true})
	if err != nil {
		t.Fatal(err)
	}
	files["shop/web.yaml"] = string(res.Content)
	second := newHashed(t, repo(files))
	second.opened = 0
	site, err := l.Locate(second, webReplicas)
	if err != nil || site.Current != "5" {
		t.Errorf("current %q, error %v", site.Current, err)
	}
	if second.opened > 10 {
		t.Errorf("%d entries were read after one file changed", second.opened)
	}
	again := second.opened
	if _, err := l.Locate(second, webReplicas); err != nil || second.opened != again {
		t.Errorf("error %v, %d entries were read again", err, second.opened-again)
	}
}

// TestHashedTreeGivesTheSame proves over all scenarios that caching by hash,
// and the order of queries, change no answer.
func TestHashedTreeGivesTheSame(t *testing.T) {
	l := locate.New()
	for range 2 {
		for _, s := range scenarios(t) {
			if hasPrograms(s) {
				continue // l evaluates none
			}
			want := answerOf(s)
			got, err := l.Locate(newHashed(t, s.repo), s.query)
			if fmt.Sprint(got, err) != fmt.Sprint(want.site, want.refused) {
				t.Errorf("%s: %v %v, without hashes %v %v", s.file, got, err, want.site, want.refused)
			}
		}
	}
}

// hasPrograms reports whether a scenario needs Jsonnet evaluated, which takes a
// process for each question.
func hasPrograms(s scenario) bool {
	for name := range s.repo {
		if path.Ext(name) == ".jsonnet" {
			return true
		}
	}
	return false
}

// TestConcurrentUse is for the race detector: one Locator, many queries.
func TestConcurrentUse(t *testing.T) {
	l := locate.New()
	var wg sync.WaitGroup
	for i, s := range scenarios(t) {
		if i%3 != 0 || hasPrograms(s) {
			continue // the others would only take longer
		}
		for range 2 {
			wg.Go(func() {
				if got := report(s, ask(l, s)); got != s.want {
					t.Errorf("%s: got\n%s\nwant\n%s", s.file, got, s.want)
				}
			})
		}
	}
	wg.Wait()
}

func TestDeployed(t *testing.T) {
	s := readScenario(t, "testdata/kust-images-newname-newtag.txtar")
	o, err := locate.New().Deployed(s.repo, locate.Query{Object: s.query.Object})
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := o.Value(s.query.Field); !ok || v.Text != "mirror.example.com/web:2.0" {
		t.Errorf("Value = %v, %v", v, ok)
	}
	if _, ok := o.Value(amend.Field("spec", "template")); ok {
		t.Error("a map has no value")
	}
	if got := strings.Join(o.Names(amend.Field("spec", "template", "spec", "containers")), " "); got != "app" {
		t.Errorf("Names = %q", got)
	}
	if got := strings.Join(o.Names(amend.Field("metadata")), " "); got != "name namespace" {
		t.Errorf("Names of a map = %q", got)
	}
	if o.Ref().Namespace != "shop" || o.Ref().Group != "apps" {
		t.Errorf("Ref = %v", o.Ref())
	}
}
