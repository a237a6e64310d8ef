package main

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/pipeline"
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

// BenchmarkCommits decides about one incident after the other and makes its commit on
// that of the last, as a batch does: the part of it that is amend's alone.
func BenchmarkCommits(b *testing.B) {
	const apps = 1000
	s := newStage(b, apps, "", nil)
	copied, err := git.OpenMirror(b.Context(), git.Config{
		Dir: filepath.Join(s.dir, "mirror"), URL: s.web.URL + "/" + envRepo + ".git",
		Auth: func(context.Context) (string, string, error) { return "x-access-token", serveToken, nil },
	})
	s.must(err)
	defer func() { s.must(copied.Close()) }()
	s.must(copied.Fetch(b.Context()))
	head, err := copied.Head("main")
	s.must(err)
	decider := pipeline.New(withJsonnet())
	meta := git.CommitMeta{Message: "Restart", Author: git.Person{Name: "amend", Email: "amend@example.com"}}
	commit := func(n int) {
		files, err := copied.Tree(head)
		s.must(err)
		e := amend.Event{ID: fmt.Sprint(n), Identity: fmt.Sprint(n), Time: time.Now(), Alert: firing("AppStuck", app(n%apps+1))}
		d, err := decider.Decide(pipeline.World{Tree: files, Past: noPast{}, Now: time.Now()}, e)
		s.must(err)
		if d.Plan == nil {
			s.Fatalf("%+v", d)
		}
		meta.Time = time.Now()
		made, err := copied.Write(head, d.Plan.Files, meta)
		s.must(err)
		head = made.SHA
	}
	commit(-1 + apps) // reads the repo
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		commit(n)
	}
}

// noPast is that of a repo which amend has never changed.
type noPast struct{}

func (noPast) Episodes(string, amend.Mode) ([]amend.Episode, error)       { return nil, nil }
func (noPast) Records(time.Time, amend.Mode) ([]amend.Record, error)      { return nil, nil }
func (noPast) Reviews(time.Time) ([]time.Duration, error)                 { return nil, nil }
func (noPast) Versions(amend.RepoPath) iter.Seq2[pipeline.Version, error] { return nil }
func (noPast) Commits() iter.Seq2[pipeline.Commit, error]                 { return nil }

// quantile returns the value that the given part of the sample does not exceed.
func quantile(sample []time.Duration, part float64) time.Duration {
	slices.Sort(sample)
	return sample[int(part*float64(len(sample)-1)+0.5)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
