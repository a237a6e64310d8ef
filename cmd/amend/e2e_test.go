package main

// The end-to-end tests run the real program as a process of its own, against a
// host that speaks GitHub's API, and end it with SIGKILL where it hurts most.
// TestMain puts the program on the PATH: it is this test binary by another name,
// so it has the race detector where the tests have it.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/ledger"
)

const (
	envRepo     = "acme/env"
	serveToken  = "ghp_serve"
	serveLogin  = "amend-bot"
	personToken = "ghp_person"
)

// patience is how long a condition may take on a busy machine.
const patience = 5 * time.Minute

// A stage is a host with an env repo, and amend serve beside it, or amend writer.
type stage struct {
	testing.TB
	host    *forge.Server
	door    *door
	web     *httptest.Server
	dir     string // of everything on disk
	api     *github.Client
	command string
	env     []string // of serve, besides HOME
	// forged says that the test made up changes, so that main is not audited
	// at the end.
	forged bool

	mu    sync.Mutex
	serve *process
	flags []string
	addr  string
}

// newStage makes the host. The env repo holds so many applications, app-001 and
// on, and the extra files.
func newStage(t testing.TB, apps int, runner string, extra map[string]string) *stage {
	t.Helper()
	s := &stage{TB: t, dir: t.TempDir(), command: "serve"}
	var err error
	s.host, err = forge.New(forge.Config{
		Dir: filepath.Join(s.dir, "host"), Runner: runner, RateLimit: 1_000_000, Parallel: 4,
	})
	s.must(err)
	s.host.AddToken(serveToken, forge.Grant{Login: serveLogin})
	s.host.AddToken(personToken, forge.Grant{Login: "jo"})
	_, err = s.host.ImportRepo(t.Context(), envRepo, writeEnvRepo(s, apps, extra))
	s.must(err)
	s.door = &door{next: s.host, head: s.tip}
	s.web = httptest.NewServer(s.door)
	t.Cleanup(s.close)
	s.api, err = github.NewClient(&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}).WithAuthToken(personToken).WithEnterpriseURLs(s.web.URL, s.web.URL)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(s.dir, "token"), []byte(serveToken+"\n"), 0o600))
	return s
}

func (s *stage) close() {
	s.kill()
	if !s.forged {
		s.audited()
	}
	s.web.CloseClientConnections()
	s.web.Close()
	if err := s.host.Close(); err != nil {
		s.Error(err)
	}
	log, _ := os.ReadFile(s.logFile())
	if bytes.Contains(log, []byte("DATA RACE")) || s.Failed() {
		s.Errorf("the log of serve:\n%s", log[max(0, len(log)-20_000):])
	}
}

func (s *stage) must(err error) {
	if err != nil {
		s.Helper()
		s.Fatal(err)
	}
}

func (s *stage) logFile() string { return filepath.Join(s.dir, "serve.log") }

func app(n int) string { return fmt.Sprintf("app-%03d", n) }

// writeEnvRepo returns a folder with the fixture's files.
func writeEnvRepo(s *stage, apps int, extra map[string]string) string {
	archive, err := txtar.ParseFile("testdata/envrepo/env.txtar")
	s.must(err)
	files := map[string]string{}
	for _, f := range archive.Files {
		if !strings.Contains(f.Name, "APP") {
			files[f.Name] = string(f.Data)
			continue
		}
		for n := 1; n <= apps; n++ {
			files[strings.ReplaceAll(f.Name, "APP", app(n))] = strings.ReplaceAll(string(f.Data), "APP", app(n))
		}
	}
	for name, content := range extra {
		files[name] = content
	}
	folder := filepath.Join(s.dir, "env")
	for name, content := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		s.must(os.MkdirAll(filepath.Dir(path), 0o755))
		s.must(os.WriteFile(path, []byte(content), 0o644))
	}
	return folder
}

// within lets a subtest use the stage: what fails, fails there.
func (s *stage) within(t *testing.T) {
	outer := s.TB
	s.TB = t
	t.Cleanup(func() { s.TB = outer })
}

// A process is one run of serve.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed once it has ended
}

// start runs serve with the given flags and waits until it listens; it keeps
// its address over restarts, as a Service would.
func (s *stage) start(flags ...string) {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serve != nil {
		s.Fatal("serve runs already")
	}
	if s.addr == "" {
		s.addr, s.flags = freeAddr(s), flags
	}
	ready := filepath.Join(s.dir, "addr")
	s.must(errIfNot(fs.ErrNotExist, os.Remove(ready)))
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	defer log.Close()
	args := append([]string{
		s.command, "--repo", s.web.URL + "/" + envRepo, "--github-token-file", filepath.Join(s.dir, "token"),
		"--data-dir", filepath.Join(s.dir, "data"), "--listen", s.addr, "--addr-file", ready,
	}, s.flags...)
	p := &process{cmd: exec.Command("amend", args...), ended: make(chan struct{})}
	p.cmd.Env = s.environ(s.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	s.must(p.cmd.Start())
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // that it was killed is what the tests are about
	}()
	s.serve = p
	s.eventually("serve listens", func() bool {
		select {
		case <-p.ended:
			s.Fatal("serve ended by itself")
		default:
		}
		_, err := os.Stat(ready)
		return err == nil
	})
}

// environ is an environment that holds nothing of the tests' own but what the race
// detector is told.
func (s *stage) environ(more ...string) []string {
	return append([]string{"HOME=" + s.dir, "GORACE=" + os.Getenv("GORACE")}, more...)
}

// kill ends serve as a crash does. Nothing of it runs when kill returns.
func (s *stage) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serve == nil {
		return
	}
	_ = s.serve.cmd.Process.Kill() // that it has ended already is fine
	<-s.serve.ended
	s.serve = nil
}

func errIfNot(fine, err error) error {
	if errors.Is(err, fine) {
		return nil
	}
	return err
}

// ports counts those that freeAddr gave away, from one that differs between processes.
var ports atomic.Int64

func init() { ports.Store(rand.Int64N(somePorts)) }

// The system chooses no port of these by itself, so none is taken by whoever does not
// care for one, before the process listens that it is for or while that one restarts.
const firstPort, somePorts = 10_000, 6_000

// freeAddr returns an address of this machine that nobody listens on, each time
// another one.
func freeAddr(s *stage) string {
	for range somePorts {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+ports.Add(1)%somePorts)
		if l, err := net.Listen("tcp", addr); err == nil {
			s.must(l.Close())
			return addr
		}
	}
	s.Fatal("all ports are taken")
	return ""
}

// eventually waits for a condition. The longer it has waited the less often it
// looks, as what it waits for needs the processor too.
func (s *stage) eventually(what string, holds func() bool) {
	s.Helper()
	for began := time.Now(); !holds(); {
		waited := time.Since(began)
		if waited > patience {
			s.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(min(max(waited/8, 5*time.Millisecond), 100*time.Millisecond))
	}
}

// A post is the body of Alertmanager's webhook, version 4.
type post struct {
	Version  string        `json:"version"`
	GroupKey string        `json:"groupKey"`
	Status   amend.Status  `json:"status"`
	Receiver string        `json:"receiver"`
	Alerts   []amend.Alert `json:"alerts"`
}

// firing is an alert about an application.
func firing(name, app string) amend.Alert {
	return amend.Alert{
		Status: amend.Firing, StartsAt: time.Now().Add(-time.Minute).UTC(),
		Labels: map[string]string{"alertname": name, "deployment": app, "container": "app"},
	}
}

func resolved(a amend.Alert) amend.Alert {
	a.Status, a.EndsAt = amend.Resolved, time.Now().UTC()
	return a
}

// post sends one group of alerts, which serve must take.
func (s *stage) post(alerts ...amend.Alert) {
	s.Helper()
	s.must(s.tryPost(alerts...))
}

func (s *stage) tryPost(alerts ...amend.Alert) error {
	body, err := json.Marshal(post{Version: "4", GroupKey: "{}", Status: amend.Firing, Receiver: "amend", Alerts: alerts})
	if err != nil {
		return err
	}
	res, err := http.Post("http://"+s.addr+"/v1/alertmanager", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(res.Body)
		return fmt.Errorf("the gateway answered %s: %s", res.Status, answer)
	}
	return nil
}

// decisions lists what serve decided, oldest first; nothing while it is down.
func (s *stage) decisions() []amend.Decision {
	s.Helper()
	res, err := http.Get("http://" + s.addr + "/v1/decisions?limit=1000")
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var all []amend.Decision
	s.must(json.NewDecoder(res.Body).Decode(&all))
	return all
}

// decided waits until serve has recorded n decisions about an application's
// alert and returns them.
func (s *stage) decided(app string, n int) []amend.Decision {
	s.Helper()
	var own []amend.Decision
	s.eventually(fmt.Sprintf("%d decisions about %s", n, app), func() bool {
		own = slices.DeleteFunc(s.decisions(), func(d amend.Decision) bool { return d.Workload.Name != app })
		return len(own) >= n
	})
	return own
}

// decideAll waits until serve has recorded n decisions, each for the same reason.
// A look costs as much as there are decisions, so it looks for a few more of them
// at a time.
func (s *stage) decideAll(n int, reason amend.Reason) {
	s.Helper()
	var all []amend.Decision
	for len(all) < n {
		more := min(len(all)+10, n)
		s.eventually(fmt.Sprintf("%d decisions of %d", more, n), func() bool {
			all = s.decisions()
			return len(all) >= more
		})
	}
	for _, d := range all {
		s.want(d, reason)
	}
	if len(all) > n {
		s.Errorf("%d decisions, want %d", len(all), n)
	}
}

// git runs git in the host's copy of the env repo.
func (s *stage) git(args ...string) string {
	s.Helper()
	out, err := s.tryGit(args...)
	s.must(err)
	return out
}

func (s *stage) tryGit(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"--git-dir", s.repoDir()}, args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=jo", "GIT_AUTHOR_EMAIL=jo@example.com", "GIT_COMMITTER_NAME=jo", "GIT_COMMITTER_EMAIL=jo@example.com",
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, stderr.Bytes())
	}
	return string(out), err
}

func (s *stage) repoDir() string { return filepath.Join(s.dir, "host", "repos", envRepo+".git") }

// changes returns the remediations in the history of a branch, newest first.
func (s *stage) changes(branch string) []amend.Record {
	s.Helper()
	var all []amend.Record
	for text := range strings.SplitSeq(s.git("log", "--format=%H%n%B%x00", branch), "\x00") {
		sha, message, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n")
		if r, ok := ledger.FromCommit(sha, time.Time{}, message); ok {
			all = append(all, r)
		}
	}
	return all
}

// changesOf returns the remediations of one application on main.
func (s *stage) changesOf(app string) []amend.Record {
	s.Helper()
	return slices.DeleteFunc(s.changes("main"), func(r amend.Record) bool { return r.Target != "Deployment/shop/"+app })
}

// tip reads the head of main where Git itself keeps it, which costs next to
// nothing; "" when it cannot.
func (s *stage) tip() string {
	data, _ := os.ReadFile(filepath.Join(s.repoDir(), "refs", "heads", "main")) // as said
	return strings.TrimSpace(string(data))
}

// asked waits until the host was asked to record while main held the commit:
// one request is enough for all that is missing.
func (s *stage) asked(commit string) {
	s.Helper()
	s.eventually("the record of "+commit+" is asked for", func() bool {
		return slices.ContainsFunc(s.door.asked(), func(head string) bool {
			_, err := s.tryGit("merge-base", "--is-ancestor", commit, head)
			return err == nil
		})
	})
}
