package locate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// many repeats a line n times, with its number in it.
func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestWorkOfKustomizeIsBounded gives kustomize more than it can do in seconds,
// because it grows with the square.
func TestWorkOfKustomizeIsBounded(t *testing.T) {
	const resources = "resources: [web.yaml]\n"
	configMaps := func(n int) string {
		return web + many(n, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d}\n")
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string // in the refusal; empty: it is edited
	}{
		"annotations":         {map[string]string{"k/kustomization.yaml": resources + "commonAnnotations:\n" + many(4_000, "  example.com/a%d: v\n")}, "labels and annotations"},
		"labels, old form":    {map[string]string{"k/kustomization.yaml": resources + "commonLabels:\n" + many(4_000, "  a%d: v\n")}, "labels and annotations"},
		"labels":              {map[string]string{"k/kustomization.yaml": resources + "labels:\n- pairs:\n" + many(4_000, "    a%d: v\n")}, "labels and annotations"},
		"labels, many blocks": {map[string]string{"k/kustomization.yaml": resources + "labels:\n" + many(4_000, "- pairs: {a%d: v}\n")}, "labels and annotations"},
		"over two layers": {map[string]string{
			"k/kustomization.yaml": "resources: [b]\ncommonAnnotations:\n" + many(2_500, "  a%d: v\n"),
			"k/b/web.yaml":         web, "k/b/kustomization.yaml": resources + "commonAnnotations:\n" + many(2_500, "  b%d: v\n"),
		}, "labels and annotations"},
		"on many objects": {map[string]string{
			"k/kustomization.yaml": resources + "commonAnnotations:\n" + many(900, "  a%d: v\n"), "k/web.yaml": configMaps(1500),
		}, "objects"},
		"objects": {map[string]string{"k/kustomization.yaml": resources, "k/web.yaml": configMaps(5_000)}, "objects"},
		"patches": {map[string]string{"k/kustomization.yaml": resources + "patches:\n" +
			many(900, "- patch: '{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"annotations\":{\"a%d\":\"b\"}}}'\n")}, "patches"},
		"copies": {map[string]string{"k/kustomization.yaml": resources + "patches:\n- target: {kind: Deployment}\n  patch: |-\n" +
			many(8, "    - {op: copy, from: /spec, path: /spec/a%d}\n")}, "copies"},
		"copies in a file, escaped": {map[string]string{"k/kustomization.yaml": resources + "patches: [{path: p.yaml, target: {kind: Deployment}}]\n",
			"k/p.yaml": many(8, "- {\"o\\u0070\": \"c\\x6fpy\", from: /spec, path: /spec/a%d}\n")}, "copies"},
		"copies of a plugin": {map[string]string{"k/kustomization.yaml": resources + "transformers: [t.yaml]\n",
			"k/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\ntarget: {kind: Deployment}\npatch: |-\n" +
				many(8, "  - {op: copy, from: /spec, path: /spec/a%d}\n")}, "copies"},
		"texts into each other": {map[string]string{"k/kustomization.yaml": resources + "replacements:\n" +
			strings.Repeat("- source: {kind: Deployment, fieldPath: metadata.name}\n  targets:\n  - select: {kind: Deployment}\n"+
				"    fieldPaths: [metadata.annotations.x, 'metadata.[name]']\n    options: {delimiter: '-', index: 9}\n", 8)}, "copies"},
		"values": {map[string]string{"k/kustomization.yaml": "resources: [big.yaml, web.yaml]\n",
			"k/big.yaml": strings.ReplaceAll(web, "web", "big") + "data: [" + strings.Repeat("1,", 160_000) + "1]\n",
			"k/web.yaml": web + "data: [" + strings.Repeat("1,", 160_000) + "1]\n"}, "values"},
		"bytes into objects": {map[string]string{"k/kustomization.yaml": resources + "commonAnnotations: {a: " + strings.Repeat("x", 1<<20) + "}\n",
			"k/web.yaml": configMaps(100)}, "bytes"},
		"as many as people write": {map[string]string{
			"k/kustomization.yaml": resources + "commonAnnotations:\n" + many(40, "  a%d: v\n"), "k/web.yaml": configMaps(40),
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.files["k/web.yaml"] == "" {
				c.files["k/web.yaml"] = web
			}
			_, err := locate.New().Edit(repo(c.files), webReplicas, amend.Scalar{Text: "5", Number: true})
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if amend.ReasonOf(err) != amend.ReasonUnproven || !strings.Contains(fmt.Sprint(err), c.want) || !strings.Contains(fmt.Sprint(err), "k/") {
				t.Errorf("error %v, want a refusal that names the file and %q", err, c.want)
			}
		})
	}
}
