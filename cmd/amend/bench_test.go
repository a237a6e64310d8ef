package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
)

// benchApps is the least size of the env repo, in Deployments of a file each.
const benchApps = 200

// warmUp is how many alerts are answered before the clock starts.
const warmUp = 5

// BenchmarkAlertToCommit measures the time from the post of an alert until the
// branch of the env repo holds the commit that answers it: one alert at a time,
// each about another Deployment, durable bus and all. In the same run and
// against the same host it measures the usual way to change a line of a
// repository, and reports how often that is slower.
func BenchmarkAlertToCommit(b *testing.B) {
	s := newStage(b, max(benchApps, b.N+warmUp), "", nil)
	s.start("--sweep-interval", "1h")
	for n := 1; n <= warmUp; n++ {
		s.answer(n)
	}
	var took []time.Duration
	b.ResetTimer()
	for n := range b.N {
		took = append(took, s.answer(warmUp+n+1))
	}
	b.StopTimer()
	if got := len(s.changes("main")); got != warmUp+b.N {
		b.Fatalf("%d changes are on main, want %d", got, warmUp+b.N)
	}
	s.kill()
	var usual []time.Duration
	for n := range 10 {
		usual = append(usual, s.usualWay(n))
	}
	b.ReportMetric(0, "ns/op") // the poll's own pauses are in it
	b.ReportMetric(ms(quantile(took, 0.50)), "p50-ms")
	b.ReportMetric(ms(quantile(took, 0.95)), "p95-ms")
	b.ReportMetric(ms(quantile(usual, 0.50)), "usual-p50-ms")
	b.ReportMetric(ms(quantile(usual, 0.50))/ms(quantile(took, 0.50)), "x-usual")
}

// answer posts an alert and returns how long the branch took to move.
func (s *stage) answer(n int) time.Duration {
	before := s.tip()
	start := time.Now()
	s.post(firing("AppStuck", app(n)))
	for s.tip() == before {
		if time.Since(start) > patience {
			s.Fatalf("the alert about %s is not answered", app(n))
		}
		time.Sleep(200 * time.Microsecond)
	}
	return time.Since(start)
}

// usualWay changes a line as scripts do: clone, sed, commit, push.
func (s *stage) usualWay(n int) time.Duration {
	dir := filepath.Join(s.TempDir(), "clone")
	file := filepath.Join(dir, "apps", app(n+1), "deployment.yaml")
	person := http.Request{Header: http.Header{}}
	person.SetBasicAuth("x-access-token", personToken)
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=jo", "GIT_AUTHOR_EMAIL=jo@example.com", "GIT_COMMITTER_NAME=jo", "GIT_COMMITTER_EMAIL=jo@example.com",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraheader", "GIT_CONFIG_VALUE_0=Authorization: " + person.Header.Get("Authorization"),
	}
	start := time.Now()
	for _, args := range [][]string{
		{"git", "clone", "--quiet", "--depth", "1", s.web.URL + "/" + envRepo + ".git", dir},
		{"sed", "-i", fmt.Sprintf("s/replicas: .*/replicas: %d/", 3+n), file},
		{"git", "-C", dir, "commit", "--quiet", "--all", "--message", "Scale"},
		{"git", "-C", dir, "push", "--quiet", "origin", "HEAD:main"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			s.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return time.Since(start)
}

// BenchmarkBurst posts fifty alerts at once and measures until all commits are
// on the branch; pushes is how often the branch moved for them.
func BenchmarkBurst(b *testing.B) {
	const burst = 50
	var took []time.Duration
	pushes := 0
	for range b.N {
		b.StopTimer()
		s := newStage(b, benchApps, "", nil)
		s.start("--sweep-interval", "1h")
		s.answer(benchApps)
		s.host.ClearStats()
		var alerts []amend.Alert
		for n := 1; n <= burst; n++ {
			alerts = append(alerts, firing("AppStuck", app(n)))
		}
		b.StartTimer()
		start := time.Now()
		s.post(alerts...)
		for strings.TrimSpace(s.git("rev-list", "--count", "main")) != fmt.Sprint(1+1+burst) {
			if time.Since(start) > patience {
				s.Fatal("the burst is not answered")
			}
			time.Sleep(5 * time.Millisecond)
		}
		took = append(took, time.Since(start))
		b.StopTimer()
		pushes += s.host.Stats().Calls["POST git-receive-pack"]
		s.kill()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(quantile(took, 0.50)), "burst-ms")
	b.ReportMetric(ms(quantile(took, 0.50))/burst, "ms/commit")
	b.ReportMetric(float64(pushes)/float64(b.N), "pushes")
}

// quantile returns the value that the given part of the sample does not exceed.
func quantile(sample []time.Duration, part float64) time.Duration {
	slices.Sort(sample)
	return sample[int(part*float64(len(sample)-1)+0.5)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
