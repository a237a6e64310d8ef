package audit_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/audit"
)

// large makes a history of so many commits over 200 applications, each of which
// scales one. Every nth is a change of amend, the others are made by hand; the
// last commit records them all. The second-last change is made wrong.
func large(t testing.TB, commits, nth int) *repo {
	t.Helper()
	r := newRepo(t)
	const apps = 200
	var in bytes.Buffer
	replicas, episodes, changes := make([]int, apps), make([]int, apps), 0
	commit := func(n int, message string, files ...string) {
		at := start.Add(time.Duration(n) * time.Second).Unix()
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter T <t@example.org> %d +0000\ndata %d\n%s\n", at, len(message), message)
		for i := 0; i < len(files); i += 2 {
			fmt.Fprintf(&in, "M 644 inline %s\ndata %d\n%s\n", files[i], len(files[i+1]), files[i+1])
		}
	}
	name := func(n int) string { return fmt.Sprintf("app-%03d", n) }
	first := []string{".amend/policy.yaml", policyText}
	for n := range apps {
		replicas[n] = 1
		first = append(first, fileOf(name(n)), deployment(name(n), 1))
	}
	commit(0, "start", first...)
	for n := 1; n <= commits; n++ {
		app := n % apps
		replicas[app]++
		by := "by hand"
		if n%nth == 0 {
			episodes[app]++
			changes++
			by = text(trailersOf(name(app), episodes[app]))
		}
		content := deployment(name(app), replicas[app])
		if n == commits-nth {
			content += "# and more\n---\n{kind: Secret, metadata: {name: x}, data: {a: b}}\n"
		}
		commit(n, by, fileOf(name(app)), content)
	}
	r.git(in.Bytes(), "fast-import", "--quiet")
	r.head = r.git(nil, "rev-parse", "main")
	r.commits = commits / 60 // minutes
	r.record()
	return r
}

// BenchmarkAudit audits a bare clone of 10,000 commits, opening it included. A
// fast wrong answer is no answer: the one wrong change must be found each time.
func BenchmarkAudit(b *testing.B) {
	for name, nth := range map[string]int{"one in ten is a change": 10, "all are changes": 1} {
		b.Run(name, func(b *testing.B) {
			const commits = 10_000
			r := large(b, commits, nth)
			b.ReportAllocs()
			for b.Loop() {
				report := r.audit(audit.Options{})
				if report.Changes != commits/nth || report.Judged != commits/nth || report.Entries != commits/nth || len(report.Violations) != 1 {
					b.Fatalf("%d changes, %d judged, %d entries, %d violations: %v", report.Changes, report.Judged, report.Entries, len(report.Violations), report.Violations[:min(3, len(report.Violations))])
				}
			}
			b.ReportMetric(commits*float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}
