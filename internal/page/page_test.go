package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/page"
)

var update = flag.Bool("update", false, "write the golden files anew")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func sha(n int) string { return strings.Repeat(fmt.Sprintf("%04x", n), 10) }

func workload(app string) amend.Workload {
	return amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: app}}
}

func trailers(app string, episode int) message.Trailers {
	path, _ := amend.ParseRepoPath("apps/" + app + ".yaml")
	w := workload(app).ObjectRef
	return message.Trailers{Incident: amend.IncidentID("busy", w), Episode: episode, Action: "restart", Playbook: "busy",
		Alert: app + "0123456789.firing", Workload: w, Path: path, Line: 7}
}

// commit is a change of amend whose message quotes an alert.
func commit(n, minute int, summary string, t message.Trailers) ledger.Commit {
	return ledger.Commit{SHA: sha(n), At: at(minute), Parents: []string{sha(n - 1)},
		Message: "restart " + t.Workload.Name + "\n\nWhy: alert Busy\nSummary: " + summary + "\nSince: 2026-03-01T11:59:00Z\n\n" + t.String()}
}

// decided is a decision to act about an app, of which the diff is remembered.
func decided(app string, minute int, summary string) amend.Decision {
	t := trailers(app, 1)
	return amend.Decision{
		EventID: t.Alert, Alert: "Busy", Reason: amend.ReasonAct, Detail: summary, Incident: t.Incident, Episode: 1,
		Playbook: "busy", Action: "restart", Workload: workload(app), Mode: amend.Commit,
		Plan: &amend.Plan{
			Request: amend.Request{Event: amend.Event{Alert: amend.Alert{StartsAt: at(0)}}},
			Diff:    "--- a/apps/web.yaml\n+++ b/apps/web.yaml\n@@ -7 +7 @@\n-at: " + summary + "\n+at: now\n",
		},
		ReceivedAt: at(minute).Add(-250 * time.Millisecond), DecidedAt: at(minute).Add(-100 * time.Millisecond), ChangedAt: at(minute),
	}
}

func refused(app string, minute int, reason amend.Reason, detail string) amend.Decision {
	t := trailers(app, 1)
	return amend.Decision{EventID: t.Alert, Alert: "Alert of " + app, Reason: reason, Detail: detail, Incident: t.Incident,
		Workload: workload(app), ReceivedAt: at(minute), DecidedAt: at(minute)}
}

// facts hold one of everything. Quoted stands wherever an alert is quoted.
func facts(quoted string) page.Facts {
	api := decided("api", 4, quoted)
	api.Change = &amend.Change{Kind: amend.KindPullRequest, Number: 12, Commit: sha(90)}
	unknown := refused("gone", 20, amend.ReasonNoWorkload, quoted)
	unknown.Incident, unknown.Workload, unknown.Alert = "", amend.Workload{}, quoted
	return page.Facts{
		Commits: []ledger.Commit{
			commit(6, 9, quoted, trailers("cache", 1)),
			{SHA: sha(5), At: at(8), Parents: []string{sha(4)}, Message: "Revert\n\nThis reverts commit " + sha(3) + ".\n"},
			{SHA: sha(4), At: at(7), Parents: []string{sha(3)}, Message: message.Revert(trailers("db", 1), sha(2), nil, noon)},
			commit(3, 6, quoted, trailers("mail", 1)),
			commit(2, 5, quoted, trailers("db", 1)),
			commit(1, 3, quoted, trailers("web", 1)),
		},
		Decisions: []amend.Decision{
			decided("web", 3, quoted), api, decided("cache", 9, quoted),
			refused("queue", 10, amend.ReasonShared, quoted), refused("queue", 11, amend.ReasonShared, quoted),
			refused("slow", 12, amend.ReasonCooldown, quoted), refused("over", 13, amend.ReasonComputed, quoted), refused("over", 14, amend.ReasonResolved, ""),
			refused("foreign", 15, amend.ReasonNoPlaybook, quoted), unknown,
		},
		Log: ledger.Log{Records: []amend.Record{{
			Incident: trailers("web", 1).Incident, Episode: 1, Commit: sha(1), Verdict: amend.Worked, VerifiedAt: at(5),
		}}},
		Verdicts: map[string]amend.VerdictState{sha(2): amend.Failed, sha(6): amend.Pending, sha(90): "a foreign word"},
		Pulls:    []page.Pull{{Number: 12, URL: "https://git.example.com/acme/env/pull/12", Branch: amend.Branch(trailers("api", 1).Incident, 1), OpenedAt: at(4)}},
		Missing:  []string{quoted},
	}
}

// A source tells the same facts, and how often it was asked.
type source struct {
	facts page.Facts
	err   error
	asked int
}

func (s *source) Facts(context.Context) (page.Facts, error) {
	s.asked++
	return s.facts, s.err
}

func pages(s page.Source) *page.Page {
	return page.New(page.Config{Source: s, Repo: "https://git.example.com/acme/env", Branch: "main", ByHand: 15 * time.Minute, Now: func() time.Time { return noon }})
}

// get asks for a path; headers are key, value, key, value.
func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestGolden(t *testing.T) {
	p := pages(&source{facts: facts("3 of 3 wait")})
	for name, path := range map[string]string{
		"overview.html": "/",
		"overview.json": "/api/overview",
		"incident.html": "/incident/" + trailers("web", 1).Incident,
		"incident.json": "/api/incident/" + trailers("web", 1).Incident,
		"refused.html":  "/incident/gone0123456789",
		"pull.html":     "/incident/" + trailers("api", 1).Incident,
		"unknown.html":  "/incident/nothing",
	} {
		got := get(p, path).Body.Bytes()
		if strings.HasSuffix(name, ".json") {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, got, "", "  "); err != nil {
				t.Fatal(err)
			}
			got = pretty.Bytes()
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: -want +got (run with -update if that is meant):\n%s", name, diff)
		}
	}
}

// A browser, and a program, get what they ask for.
func TestFormFollowsAccept(t *testing.T) {
	p := pages(&source{facts: facts("x")})
	incident := "/incident/" + trailers("web", 1).Incident
	for _, c := range []struct{ path, accept, want string }{
		{"/", "", "text/html; charset=utf-8"},
		{"/", "*/*", "text/html; charset=utf-8"},
		{"/", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"},
		{"/", "application/json", "application/json"},
		{"/", "application/json;q=0.9, */*", "application/json"},
		{incident, "application/json", "application/json"},
		{"/api" + incident, "text/html", "application/json"},
		{"/api/overview", "", "application/json"},
		{"/incident/nothing", "application/json", "application/json"},
	} {
		w := get(p, c.path, "Accept", c.accept)
		if got := w.Header().Get("Content-Type"); got != c.want {
			t.Errorf("%s with Accept %q is %s, want %s", c.path, c.accept, got, c.want)
		}
		if w.Header().Get("Vary") != "Accept" {
			t.Errorf("%s may be cached for another Accept", c.path)
		}
	}
}

// The pages show and do nothing else, and say so to browsers.
func TestOnlyReads(t *testing.T) {
	p := pages(&source{facts: facts("x")})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(method, "/", http.NoBody))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s / gives %d", method, w.Code)
		}
	}
	for _, path := range []string{"/", "/incident/nothing", "/style.css", "/icon.svg", "/elsewhere"} {
		h := get(p, path).Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "script") {
			t.Errorf("%s has the policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s lacks headers: %v", path, h)
		}
	}
}

func TestStatuses(t *testing.T) {
	p := pages(&source{facts: facts("x")})
	for path, want := range map[string]int{
		"/": 200, "/?page=1": 200, "/?page=99": 200, "/?page=0": 404, "/?page=x": 404, "/?page=-1": 404,
		"/style.css": 200, "/icon.svg": 200, "/page.html": 404, "/incident/": 404, "/incident/nothing": 404,
		"/incident/%2e%2e%2fetc": 404, "/incident/a%20b": 404, "/incident/%3Cscript%3E": 404, "/api/": 404,
		"/incident/" + trailers("web", 1).Incident: 200, "/incident/" + trailers("web", 1).Alert: 200,
	} {
		if w := get(p, path); w.Code != want {
			t.Errorf("%s gives %d, want %d", path, w.Code, want)
		}
	}
}

func TestUnchangedIsNotSentAgain(t *testing.T) {
	s := &source{facts: facts("x")}
	p := pages(s)
	for _, path := range []string{"/", "/api/overview", "/style.css"} {
		first := get(p, path)
		tag := first.Header().Get("ETag")
		if w := get(p, path, "If-None-Match", tag); tag == "" || w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("%s with tag %q: %d with %d bytes", path, tag, w.Code, w.Body.Len())
		}
	}
	if get(p, "/").Header().Get("ETag") == get(p, "/api/overview").Header().Get("ETag") {
		t.Error("HTML and JSON have the same tag")
	}
}

// However often somebody looks, the source is asked once a second.
func TestLookingIsCheap(t *testing.T) {
	now := noon
	s := &source{facts: facts("x")}
	p := page.New(page.Config{Source: s, Now: func() time.Time { return now }})
	for range 50 {
		get(p, "/")
		get(p, "/incident/nothing")
	}
	if s.asked != 1 {
		t.Errorf("the source was asked %d times in one instant", s.asked)
	}
	now = now.Add(2 * time.Second)
	if get(p, "/"); s.asked != 2 {
		t.Errorf("the source was asked %d times after 2 s", s.asked)
	}
}

// What is wrong inside stays inside.
func TestFailureIsShown(t *testing.T) {
	s := &source{err: amend.Errorf(amend.Transient, "read", "%w", errors.New("the mirror is not there yet"))}
	w := get(pages(s), "/")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "<h1>Not now</h1>") {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), w.Body)
	}
	s.err = nil
	if w := get(pages(s), "/"); w.Code != http.StatusOK {
		t.Errorf("nothing known gives %d", w.Code)
	}
}

func TestPagination(t *testing.T) {
	var f page.Facts
	for n := range 120 {
		f.Commits = append(f.Commits, commit(n+1, n, "x", trailers(fmt.Sprintf("app-%d", n), 1)))
	}
	p := pages(&source{facts: f})
	seen := map[string]bool{}
	for n, want := range map[int]int{1: 50, 2: 50, 3: 20} {
		var o page.Overview
		if err := json.Unmarshal(get(p, fmt.Sprintf("/api/overview?page=%d", n)).Body.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		if len(o.Done) != want || o.Total != 120 || o.Pages != 3 || o.Page != n || len(o.Waiting) > 100 {
			t.Errorf("page %d of %d has %d of %d, %d waiting", o.Page, o.Pages, len(o.Done), o.Total, len(o.Waiting))
		}
		for _, c := range o.Done {
			seen[c.Commit] = true
		}
	}
	if len(seen) != 120 {
		t.Errorf("the pages hold %d changes", len(seen))
	}
}

// Without a login only a browser that meant this machine is answered.
func TestLocal(t *testing.T) {
	h := page.Local(pages(&source{}))
	for host, want := range map[string]int{
		"127.0.0.1:8081": 200, "localhost:8081": 200, "localhost": 200, "[::1]:8081": 200, "127.1.2.3": 200,
		"evil.example": 421, "evil.example:8081": 421, "localhost.evil.example": 421, "10.0.0.1:8081": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("host %q gives %d, want %d", host, w.Code, want)
		}
	}
}

// Addresses that a browser may not be sent to are no links.
func TestAddresses(t *testing.T) {
	f := facts("x")
	f.Pulls[0].URL = "javascript:alert(1)"
	p := page.New(page.Config{Source: &source{facts: f}, Repo: "data:text/html,x", Now: time.Now})
	for _, path := range []string{"/", "/incident/" + trailers("api", 1).Incident} {
		body := get(p, path).Body.String()
		if strings.Contains(body, `href="javascript:`) || strings.Contains(body, `href="data:`) {
			t.Errorf("%s links to it:\n%s", path, body)
		}
	}
}

// Time is saved by what stands, as far as anybody knows.
func TestSavedByWhatStands(t *testing.T) {
	for state, want := range map[amend.VerdictState]int{
		"": 2, amend.Pending: 2, amend.Worked: 2, amend.Unverified: 2, amend.Failed: 1, amend.Superseded: 1, amend.Reverted: 1,
	} {
		f := facts("")
		f.Verdicts[sha(6)] = state
		var o page.Overview
		if err := json.Unmarshal(get(pages(&source{facts: f}), "/api/overview").Body.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		if o.Saved.Stood != want || o.Saved.Measured != 2 {
			t.Errorf("%q: %d of %d changes stand, want %d of 2", state, o.Saved.Stood, o.Saved.Measured, want)
		}
	}
}
