package manifest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// deployments is a file of n Deployments of usual size.
func deployments(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-%d # one of many
  labels: {app: web}
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
        - name: app
          image: "registry.example.com/shop/web:v1.2.3"
          ports:
            - containerPort: 8080
          resources:
            limits:
              cpu: 500m
              memory: 512Mi
`, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{1, 100} {
		data := deployments(n)
		b.Run(fmt.Sprintf("documents=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := manifest.Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLeaves(b *testing.B) {
	f := parse(b, string(deployments(100)))
	b.ReportAllocs()
	for b.Loop() {
		for range f.Leaves() {
		}
	}
}

func BenchmarkSet(b *testing.B) {
	for _, n := range []int{1, 100} {
		f := parse(b, string(deployments(n)))
		l, ok := f.Leaf(0, field("spec.template.spec.containers[name=app].resources.limits.memory"))
		if !ok {
			b.Fatal("no leaf")
		}
		b.Run(fmt.Sprintf("documents=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(f.Bytes())))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Set(l, amend.Scalar{Text: "1Gi"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkInsert(b *testing.B) {
	f := parse(b, string(deployments(1)))
	path := field(`spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Insert(0, path, amend.Scalar{Text: "2026-01-01T00:00:00Z"}); err != nil {
			b.Fatal(err)
		}
	}
}
