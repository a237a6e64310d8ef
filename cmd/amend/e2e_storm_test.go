package main

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

var torture = flag.Bool("torture", false, "run what takes long: storms, and every crash many times; see make torture")

// What a storm may cost.
const (
	stormAlerts  = 10_000
	stormApps    = 200
	stormBudget  = 10 // commits, the default of a policy
	stormWithin  = 10 * time.Second
	stormMemory  = 256 << 20
	stormSenders = 16
)

// storm makes different alerts about fewer applications.
func storm(alerts int) []amend.Alert {
	all := make([]amend.Alert, 0, alerts)
	for n := range alerts {
		a := firing("AppStuck", app(1+n%stormApps))
		a.Labels["shard"] = strconv.Itoa(n)
		all = append(all, a)
	}
	return all
}

// sane puts the policy's default budget back.
func (s *stage) sane() {
	policy := s.git("show", "main:.amend/policy.yaml")
	var kept []string
	for line := range strings.Lines(policy) {
		if !strings.HasPrefix(line, "budgets:") {
			kept = append(kept, line)
		}
	}
	if len(kept) == strings.Count(policy, "\n") {
		s.Fatal("the policy sets no budgets")
	}
	s.put(".amend/policy.yaml", github.String(strings.Join(kept, "")))
}

// counted reads how many decisions were recorded.
func (s *stage) counted() (n int) {
	res, err := http.Get("http://" + s.addr + "/metrics")
	s.must(err)
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), " "); strings.HasPrefix(name, "amend_decisions_total{") {
			v, err := strconv.ParseFloat(value, 64)
			s.must(err)
			n += int(v)
		}
	}
	return n
}

// peak is the most memory that serve had, in bytes.
func (s *stage) peak() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.serve.cmd.Process.Pid))
	s.must(err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			s.must(err)
			return kib << 10
		}
	}
	s.Fatal("the system does not tell the peak of memory")
	return 0
}

// TestStorm sends ten thousand different alerts, in one post and in as many
// posts: each has a decision, and the budget bounds the changes.
func TestStorm(t *testing.T) {
	if !*torture {
		t.Skip("runs with -torture")
	}
	for name, send := range map[string]func(*stage){
		"one post": func(s *stage) { s.post(storm(stormAlerts)...) },
		"a post each": func(s *stage) {
			alerts := make(chan amend.Alert)
			var senders sync.WaitGroup
			for range stormSenders {
				senders.Go(func() {
					for a := range alerts {
						if err := s.tryPost(a); err != nil {
							s.Error(err)
						}
					}
				})
			}
			for _, a := range storm(stormAlerts) {
				alerts <- a
			}
			close(alerts)
			senders.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, stormApps, "", nil)
			s.sane()
			s.start("--sweep-interval", "1h")
			began := time.Now()
			send(s)
			sent := time.Since(began)
			s.eventually("every alert is decided", func() bool { return s.counted() >= stormAlerts })
			took, peak := time.Since(began), s.peak()
			if n := s.counted(); n != stormAlerts {
				t.Errorf("%d decisions about %d alerts", n, stormAlerts)
			}
			if n := len(s.changes("main")); n != stormBudget {
				t.Errorf("%d commits, want the %d of the budget", n, stormBudget)
			}
			if took-sent > stormWithin {
				t.Errorf("the last decision came %s after the last post", took-sent)
			}
			if peak > stormMemory {
				t.Errorf("%d MB of memory, want at most %d", peak>>20, stormMemory>>20)
			}
			t.Attr("sent", sent.Round(time.Millisecond).String())
			t.Attr("decided", took.Round(time.Millisecond).String())
			t.Attr("commits", strconv.Itoa(stormBudget))
			t.Attr("peak", fmt.Sprintf("%d MB", peak>>20))
		})
	}
}

// TestStopInAStorm: once .amend/stop is on the branch, no change comes after it,
// however many alerts wait.
func TestStopInAStorm(t *testing.T) {
	if !*torture {
		t.Skip("runs with -torture")
	}
	const alerts = 2000
	s := newStage(t, stormApps, "", nil)
	s.start("--sweep-interval", "1h")
	s.post(storm(alerts)...)
	s.eventually("changes come", func() bool { return len(s.changes("main")) > 5 })
	s.put(".amend/stop", github.String("a storm\n"))
	stopped := strings.TrimSpace(s.git("log", "-1", "--format=%H", "main", "--", ".amend/stop"))
	began := time.Now()
	s.eventually("every alert is decided", func() bool { return s.counted() >= alerts })
	if after := s.git("log", "--format=%s", stopped+"..main"); after != "" {
		t.Errorf("changes after the stop:\n%s", after)
	}
	done := strings.Count(s.git("log", "--format=%H", "main"), "\n")
	t.Attr("changes-before-the-stop", strconv.Itoa(done-2))
	t.Attr("others-refused-within", time.Since(began).Round(time.Millisecond).String())
}
