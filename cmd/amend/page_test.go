package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	"github.com/amendhq/amend/internal/ledger"
	ui "github.com/amendhq/amend/internal/page"
	"github.com/amendhq/amend/internal/writer"
)

// look asks for a page as a browser does.
func look(t *testing.T, url string, headers ...string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// One commit, one pull request and one refusal, each on the page and followed to
// its thread; behind the login of the gateway, and without one where it was asked
// for.
func TestPageOfServe(t *testing.T) {
	s := newStage(t, 3, "", nil)
	open := freeAddr(s)
	s.start("--page-listen", open, "--by-hand", "15m", "--sweep-interval", "100ms")
	s.post(firing("AppStuck", app(1)), firing("AppOutOfMemory", app(2)), firing("AppStuck", "nobody"))
	s.decided(app(1), 1)
	s.decided(app(2), 1)
	s.decided("nobody", 1)

	var o ui.Overview
	s.eventually("all is on the page", func() bool {
		o = ui.Overview{}
		_, body := look(t, "http://"+open+"/", "Accept", "application/json")
		s.must(json.Unmarshal([]byte(body), &o))
		return len(o.Done) == 1 && len(o.Open) == 1 && len(o.Person) == 1
	})
	if o.Done[0].Workload != "Deployment/shop/app-001" || o.Open[0].Workload != "Deployment/shop/app-002" || o.Person[0].Reason != amend.ReasonNotInRepo {
		t.Errorf("the page shows %+v", o)
	}
	if o.Saved.Measured != 1 || o.Saved.Total <= 0 || o.Saved.Total > o.Saved.ByHand || len(o.Missing) > 0 {
		t.Errorf("times: %+v, missing %q", o.Saved, o.Missing)
	}
	for _, id := range []string{o.Done[0].Incident, o.Open[0].Incident, o.Person[0].ID()} {
		for _, base := range []string{"http://" + open, "http://" + s.addr} {
			if code, body := look(t, base+"/incident/"+id); code != http.StatusOK || !strings.Contains(body, "accepted as event") {
				t.Errorf("%s/incident/%s: %d\n%s", base, id, code, body)
			}
		}
	}
	for path, want := range map[string]int{"/": 200, "/style.css": 200, "/api/overview": 200, "/metrics": 200, "/nowhere": 404} {
		if code, _ := look(t, "http://"+s.addr+path); code != want {
			t.Errorf("%s gives %d, want %d", path, code, want)
		}
	}
	for _, base := range []string{open, s.addr} {
		if code, body := look(t, "http://"+base+"/", "Host", "evil.example"); code == http.StatusOK || strings.Contains(body, "app-001") {
			t.Errorf("%s answers another host: %d", base, code)
		}
	}
}

// Where senders have to log in, so have those who look.
func TestPageIsBehindTheLogin(t *testing.T) {
	s := newStage(t, 1, "", nil)
	secret := filepath.Join(s.dir, "password")
	s.must(os.WriteFile(secret, []byte("correct-horse\n"), 0o600))
	s.start("--webhook-user", "ops", "--webhook-password-file", secret)
	for _, path := range []string{"/", "/incident/x", "/api/overview", "/api/incident/x", "/style.css"} {
		if code, _ := look(t, "http://"+s.addr+path); code != http.StatusUnauthorized {
			t.Errorf("%s without a password gives %d", path, code)
		}
	}
	if code, _ := look(t, "http://ops:correct-horse@"+s.addr+"/"); code != http.StatusOK {
		t.Errorf("with the password: %d", code)
	}
}

// Of a long history the page keeps what it shows, follows the branch forward and
// forgets what a rewritten one does not have.
func TestPagePastFollowsTheBranch(t *testing.T) {
	r, change := newAuditedRepo(t)
	past := &pagePast{}
	read := func() (kept []string) {
		t.Helper()
		clone, err := git.OpenDir(r.dir)
		if err == nil {
			err = past.read(t.Context(), clone, "HEAD")
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range past.commits {
			kept = append(kept, c.SHA)
		}
		return kept
	}
	if got := read(); !slices.Equal(got, []string{change}) || len(past.log.Records) != 1 {
		t.Fatalf("at first: %v, %d in the log", got, len(past.log.Records))
	}
	before := r.git("rev-parse", "HEAD")

	// A change that came by a merge, a merge that brought none, and a revert.
	r.git("checkout", "-q", "-b", "other", "HEAD~1")
	r.write("README.md", "other\n")
	r.commit("By hand")
	r.git("checkout", "-q", "-b", "proposed")
	r.write("apps/web.yaml", strings.Replace(webManifest, "replicas: 1", "replicas: 3", 1))
	proposed := r.commit(changeText(2))
	r.git("checkout", "-q", "main")
	r.git("merge", "-q", "--no-ff", "-m", "Merge other", "other")
	r.git("merge", "-q", "--no-ff", "-s", "ours", "-m", "Merge proposed", "proposed")
	merge := r.git("rev-parse", "HEAD")
	r.write("README.md", "taken back\n")
	revert := r.commit("Revert\n\nThis reverts commit " + change + ".")
	if got, want := sorted(read()), sorted([]string{revert, merge, proposed, change}); !slices.Equal(got, want) {
		t.Errorf("later: %v, want %v", got, want)
	}
	r.git("reset", "-q", "--hard", before)
	if got := read(); !slices.Equal(got, []string{change}) {
		t.Errorf("after the history was rewritten: %v", got)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// A host that does not answer leaves the rest, and is not asked at every look.
func TestPageWithoutTheHost(t *testing.T) {
	asked := 0
	now := time.Now()
	s := &pageSource{
		repo: nil, now: func() time.Time { return now },
		pulls: func(context.Context, string, time.Time) ([]writer.Pull, error) {
			asked++
			return nil, amend.Errorf(amend.Transient, "list", "the host is away")
		},
	}
	for range 10 {
		s.list(t.Context())
	}
	if asked != 1 || s.deaf == nil {
		t.Errorf("asked %d times, %v", asked, s.deaf)
	}
	now = now.Add(time.Minute)
	if s.list(t.Context()); asked != 2 {
		t.Errorf("asked %d times after a minute", asked)
	}
}

// Verdicts are asked for until they are final, and of a few changes at a time.
func TestPageAsksForVerdicts(t *testing.T) {
	now := time.Now()
	asked := map[string]int{}
	verdicts := map[string]amend.VerdictState{}
	s := &pageSource{now: func() time.Time { return now }, verdict: func(_ context.Context, commit string) (amend.VerdictState, error) {
		asked[commit]++
		return verdicts[commit], nil
	}}
	for n := range 30 {
		s.past.commits = append(s.past.commits, ledger.Commit{SHA: fmt.Sprintf("%040x", n), At: now.Add(-time.Duration(n) * time.Hour), Message: changeText(n + 1)})
	}
	first := s.past.commits[0].SHA
	ask := func(most int) {
		t.Helper()
		clear(asked)
		if err := s.judge(t.Context()); err != nil || len(asked) > most {
			t.Errorf("%d were asked for, %v", len(asked), err)
		}
	}
	verdicts[first] = amend.Pending
	if ask(judgedAtOnce); s.known[first] != amend.Pending {
		t.Errorf("the verdict is %q", s.known[first])
	}
	verdicts[first] = amend.Worked
	if ask(judgedAtOnce); s.known[first] != amend.Worked {
		t.Errorf("the verdict is %q", s.known[first])
	}
	if ask(judgedAtOnce); asked[first] != 0 || s.known[first] != amend.Worked {
		t.Errorf("asked %d times for a final verdict, which is %q", asked[first], s.known[first])
	}
	now = now.Add(48 * time.Hour)
	ask(0)
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	long := strings.Repeat("x", 1<<20)
	for n := range remembered + 50 {
		m.observe(amend.Decision{Episode: n, Plan: &amend.Plan{Files: map[amend.RepoPath][]byte{{}: nil}, Diff: long}})
	}
	all, _ := m.decisions(t.Context(), remembered*2)
	if len(all) != remembered || all[0].Episode != 50 || all[remembered-1].Episode != remembered+49 {
		t.Fatalf("%d kept, from %d to %d", len(all), all[0].Episode, all[len(all)-1].Episode)
	}
	if p := all[0].Plan; p.Files != nil || len(p.Diff) > maxRememberedDiff+10 {
		t.Errorf("%d bytes of diff and %d files are kept", len(p.Diff), len(p.Files))
	}
	if few, _ := m.decisions(t.Context(), 3); len(few) != 3 || few[2].Episode != remembered+49 {
		t.Errorf("the latest three are %v", few)
	}
}

// The page in a real browser: without JavaScript, on a phone, in light and dark,
// by keyboard. See tools/browser, which is what looks.
func TestPageInABrowser(t *testing.T) {
	browser := os.Getenv("AMEND_TEST_BROWSER")
	if browser == "" {
		t.Skip("NOT CHECKED in a browser: AMEND_TEST_BROWSER names no program; make screenshots gives one")
	}
	s := newStage(t, 3, "", nil)
	s.start("--by-hand", "15m")
	stuck := firing("AppStuck", app(1))
	stuck.Annotations = map[string]string{"summary": `<script>alert(1)</script>` + strings.Repeat("Wide", 100)}
	s.post(stuck, firing("AppOutOfMemory", app(2)), firing("AppStuck", "nobody"))
	s.decided(app(1), 1)
	s.decided(app(2), 1)
	s.decided("nobody", 1)
	out, err := exec.CommandContext(t.Context(), browser, "-page", "http://"+s.addr+"/").CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the browser is not content: %v", err)
	}
}
