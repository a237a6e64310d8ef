package locate_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

// onDisk writes the files to a folder, as a clone has them.
func onDisk(b *testing.B, files map[string]string) fs.FS {
	b.Helper()
	dir := b.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	fsys, err := tree.Dir(dir)
	if err != nil {
		b.Fatal(err)
	}
	return fsys
}

// manyApps is a tree with n other plain applications beside the target's
// overlay or folder.
func manyApps(n int, target map[string]string) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("apps/%d/app.yaml", i)] = strings.ReplaceAll(web, "web", fmt.Sprintf("app-%d", i))
	}
	for name, data := range target {
		files[name] = data
	}
	return files
}

var (
	plainTarget   = map[string]string{"shop/web.yaml": web}
	overlayTarget = map[string]string{
		"web/base/kustomization.yaml":         "resources: [web.yaml]\n",
		"web/base/web.yaml":                   web,
		"web/overlays/dev/kustomization.yaml": "namespace: dev\nresources: [../../base]\n",
		"web/overlays/prod/kustomization.yaml": "namespace: shop\nresources: [../../base]\n" +
			"replicas:\n  - name: web\n    count: 3\n",
	}
)

// BenchmarkWarm asks again after the first answer. The cost must not grow with
// the tree, whether it is a Git commit with its hashes or a folder.
func BenchmarkWarm(b *testing.B) {
	for _, size := range []int{20, 2000} {
		for name, target := range map[string]map[string]string{"directory": plainTarget, "kustomize": overlayTarget} {
			files := onDisk(b, manyApps(size, target))
			trees := map[string]fs.FS{"hashed": newHashed(b, files), "folder": files}
			for kind, fsys := range trees {
				b.Run(fmt.Sprintf("locate/%s/%s/%d", name, kind, size), func(b *testing.B) { benchmarkLocate(b, fsys) })
				b.Run(fmt.Sprintf("edit/%s/%s/%d", name, kind, size), func(b *testing.B) { benchmarkEdit(b, fsys) })
			}
		}
	}
}

func benchmarkLocate(b *testing.B, fsys fs.FS) {
	l := locate.New()
	if _, err := l.Locate(fsys, webReplicas); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := l.Locate(fsys, webReplicas); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkEdit(b *testing.B, fsys fs.FS) {
	l := locate.New()
	for b.Loop() {
		if _, err := l.Edit(fsys, webReplicas, amend.Scalar{Text: "5", Number: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCold asks a Locator that knows nothing yet.
func BenchmarkCold(b *testing.B) {
	folder := onDisk(b, manyApps(2000, overlayTarget))
	for kind, fsys := range map[string]fs.FS{"hashed": newHashed(b, folder), "folder": folder} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := locate.New().Locate(fsys, webReplicas); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
