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
		"annotations":         {map[string]string{"k/kustomization.yaml": resources + "commonAnnotations:\n" + many(2_000, "  example.com/a%d: v\n")}, "labels and annotations"},
		"labels, old form":    {map[string]string{"k/kustomization.yaml": resources + "commonLabels:\n" + many(2_000, "  a%d: v\n")}, "labels and annotations"},
		"labels":              {map[string]string{"k/kustomization.yaml": resources + "labels:\n- pairs:\n" + many(2_000, "    a%d: v\n")}, "labels and annotations"},
		"labels, many blocks": {map[string]string{"k/kustomization.yaml": resources + "labels:\n" + many(2_000, "- pairs: {a%d: v}\n")}, "labels and annotations"},
		"over two layers": {map[string]string{
			"k/kustomization.yaml": "resources: [b]\ncommonAnnotations:\n" + many(600, "  a%d: v\n"),
			"k/b/web.yaml":         web, "k/b/kustomization.yaml": resources + "commonAnnotations:\n" + many(600, "  b%d: v\n"),
		}, "labels and annotations"},
		"on many objects": {map[string]string{
			"k/kustomization.yaml": resources + "commonAnnotations:\n" + many(900, "  a%d: v\n"), "k/web.yaml": configMaps(1500),
		}, "1501 objects"},
		"objects": {map[string]string{"k/kustomization.yaml": resources, "k/web.yaml": configMaps(5_000)}, "5001 objects"},
		"patches": {map[string]string{"k/kustomization.yaml": resources + "patches:\n" +
			many(600, "- patch: '{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"annotations\":{\"a%d\":\"b\"}}}'\n")}, "patches"},
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
