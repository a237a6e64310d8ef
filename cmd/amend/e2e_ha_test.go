package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amendhq/amend"
)

// A pair is two Alertmanagers that form a cluster, behind a proxy that counts
// what each of them delivered.
type pair struct {
	*stage
	apis  [2]string // host and port
	proxy *httptest.Server

	mu        sync.Mutex
	delivered [2]int
	afterPost func() // once, when amend has taken a post and before its sender knows
}

// The peers hear of each other's notifications too late, as across a slow or
// broken network: the worst that a pair does, every notification sent twice.
var alertmanagerFlags = []string{
	"--cluster.gossip-interval=1h", "--cluster.pushpull-interval=1h", "--cluster.settle-timeout=0s", "--cluster.peer-timeout=1ms",
}

// alertmanagerConfig repeats ten times a second. %s is the address to post to.
const alertmanagerConfig = `route:
  receiver: amend
  group_by: [alertname, deployment]
  group_wait: 10ms
  group_interval: 100ms
  repeat_interval: 100ms
receivers:
  - name: amend
    webhook_configs:
      - url: %s
        send_resolved: true
`

// newPair starts the Alertmanagers; they post as soon as an alert fires.
func newPair(s *stage, program string) *pair {
	p := &pair{stage: s}
	p.proxy = httptest.NewServer(p)
	s.Cleanup(p.proxy.Close)
	cluster := [2]string{freeAddr(s), freeAddr(s)}
	for i, peer := range cluster {
		p.apis[i] = freeAddr(s)
		dir := filepath.Join(s.dir, fmt.Sprintf("alertmanager-%d", i))
		s.must(os.Mkdir(dir, 0o755))
		config := filepath.Join(dir, "config.yml")
		s.must(os.WriteFile(config, fmt.Appendf(nil, alertmanagerConfig, fmt.Sprintf("%s/%d", p.proxy.URL, i)), 0o600))
		args := append([]string{
			"--config.file=" + config, "--storage.path=" + dir, "--web.listen-address=" + p.apis[i],
			"--cluster.listen-address=" + peer, "--cluster.peer=" + cluster[0],
		}, alertmanagerFlags...)
		cmd := exec.Command(program, args...)
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		s.must(cmd.Start())
		s.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if s.Failed() {
				s.Logf("the log of Alertmanager %d:\n%s", i, log.Bytes())
			}
		})
		s.eventually("Alertmanager is ready", func() bool { return get("http://"+p.apis[i]+"/-/ready") != nil })
	}
	s.eventually("the Alertmanagers form a pair", func() bool {
		return peers(p.apis[0]) == 2 && peers(p.apis[1]) == 2
	})
	return p
}

// get returns the body of a 200, or nil.
func get(address string) []byte {
	res, err := http.Get(address)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil
	}
	return append(body, '\n')
}

func peers(addr string) int {
	var status struct {
		Cluster struct {
			Peers []struct{ Name string }
		}
	}
	if json.Unmarshal(get("http://"+addr+"/api/v2/status"), &status) != nil {
		return 0
	}
	return len(status.Cluster.Peers)
}

// ServeHTTP passes a post on to amend and counts it when amend has taken it.
func (p *pair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := 0
	if strings.HasSuffix(r.URL.Path, "/1") {
		from = 1
	}
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: p.addr})
	to.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	r.URL.Path = "/v1/alertmanager"
	answer := httptest.NewRecorder()
	to.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		if cut := p.took(from); cut != nil {
			cut()
			answer = httptest.NewRecorder()
			answer.Code = http.StatusBadGateway
		}
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// took counts a post, or returns what is to happen instead of its answer.
func (p *pair) took(from int) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cut := p.afterPost; cut != nil {
		p.afterPost = nil
		return cut
	}
	p.delivered[from]++
	return nil
}

func (p *pair) counts() [2]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delivered
}

// deliver waits until each of the pair has delivered n more times.
func (p *pair) deliver(n int) {
	p.Helper()
	start := p.counts()
	p.eventually(fmt.Sprintf("%d more deliveries of each Alertmanager", n), func() bool {
		now := p.counts()
		return now[0] >= start[0]+n && now[1] >= start[1]+n
	})
}

// fire posts an alert to both Alertmanagers, as Prometheus does.
func (p *pair) fire(a amend.Alert) {
	p.Helper()
	type postable struct {
		Labels   map[string]string `json:"labels"`
		StartsAt time.Time         `json:"startsAt"`
	}
	body, err := json.Marshal([]postable{{a.Labels, a.StartsAt}})
	p.must(err)
	for _, addr := range p.apis {
		res, err := http.Post("http://"+addr+"/api/v2/alerts", "application/json", bytes.NewReader(body))
		p.must(err)
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			p.Fatalf("Alertmanager answered %s", res.Status)
		}
	}
}

// TestPairOfAlertmanagersAndACrash: one alert, delivered at least five times by
// each of two Alertmanagers, and a SIGKILL in between, make one change and one
// record of it.
func TestPairOfAlertmanagersAndACrash(t *testing.T) {
	alertmanager, act := os.Getenv("AMEND_TEST_ALERTMANAGER"), os.Getenv("AMEND_TEST_ACT")
	if alertmanager == "" || act == "" {
		t.Skip("set AMEND_TEST_ALERTMANAGER and AMEND_TEST_ACT to the paths of alertmanager and act to run this with the real ones")
	}
	always := func(write string, after bool) func(*pair) <-chan struct{} {
		return func(p *pair) <-chan struct{} { return p.door.set(trap{at: anyOf(write), after: after, spring: p.kill}) }
	}
	for name, arm := range map[string]func(*pair) <-chan struct{}{
		"before the post is answered":          (*pair).killAfterPost,
		"before anything is written":           always("push main", false),
		"commit landed, decision not recorded": always("push main", true),
		"commit landed, record not asked for":  always("POST dispatches", false),
		"record asked for, answer lost":        always("POST dispatches", true),
		"later":                                nil,
	} {
		folds := []string{"1ns"} // nothing but what is in Git and on the bus can stop the second delivery
		if *torture || arm == nil {
			folds = append(folds, "1m")
		}
		for _, fold := range folds {
			t.Run(name+", fold-window "+fold, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, 1, act, recordWorkflow(t))
				s.start("--fold-window", fold, "--sweep-interval", "500ms")
				newPair(s, alertmanager).crashOnce(arm)
			})
		}
	}
}

func (p *pair) killAfterPost() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	sprung := make(chan struct{})
	p.afterPost = func() {
		p.kill()
		close(sprung)
	}
	return sprung
}

// crashOnce lets serve crash once during ten deliveries and checks what is left.
func (p *pair) crashOnce(arm func(*pair) <-chan struct{}) {
	p.Helper()
	if arm == nil {
		p.fire(firing("AppStuck", app(1)))
		p.deliver(2)
		p.recorded(1)
		p.kill()
	} else {
		sprung := arm(p)
		p.fire(firing("AppStuck", app(1)))
		select {
		case <-sprung:
		case <-time.After(patience):
			p.Fatal("serve was not killed where it should")
		}
	}
	p.start()
	p.deliver(5)
	for _, d := range p.decided(app(1), 1) {
		if d.Reason != amend.ReasonAct && d.Reason != amend.ReasonDuplicate {
			p.Errorf("decided %s: %s", d.Reason, d.Detail)
		}
	}
	log := p.recorded(1)
	p.deliver(1)
	if got := p.changesOf(app(1)); len(got) != 1 || log[0].Commit != got[0].Commit {
		p.Errorf("the changes are %+v and the log is %+v, want one and the same", got, log)
	}
}
