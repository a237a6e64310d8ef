package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge"
)

const (
	aPush      = "/git-receive-pack$"
	allCalls   = "" // Git's own included
	headOfMain = "/git/ref/heads/main$"
)

func status(code int) forge.Fault { return forge.Fault{Action: forge.FaultStatus, Status: code} }

func reject(why string) forge.Fault { return forge.Fault{Action: forge.FaultReject, Message: why} }

// once is a fault of the next request to a path.
func once(method, path string, f forge.Fault) forge.Fault {
	f.Method, f.Path, f.Times = method, path, 1
	return f
}

func twice(method, path string, f forge.Fault) forge.Fault {
	f.Method, f.Path, f.Times = method, path, 2
	return f
}

// TestHostFaults: whatever the host does wrong for a while, the change is made,
// and made once.
func TestHostFaults(t *testing.T) {
	t.Parallel()
	dropped, truncated := forge.Fault{Action: forge.FaultDropAfter}, forge.Fault{Action: forge.FaultTruncate}
	limited := status(http.StatusTooManyRequests)
	limited.RetryAfter = "1"
	forbidden := status(http.StatusForbidden)
	forbidden.RetryAfter = "1"
	s := newStage(t, 40, "", nil)
	s.start()
	n := 0
	run := func(name string, faults []forge.Fault, alert string, check func(*stage, string)) {
		n++
		own := app(n)
		t.Run(name, func(t *testing.T) {
			s.within(t)
			for _, f := range faults {
				s.must(s.host.AddFault(f))
			}
			s.post(firing(alert, own))
			for _, d := range s.decided(own, 1) {
				s.want(d, amend.ReasonAct)
			}
			s.host.ClearFaults()
			check(s, own)
		})
	}
	for name, f := range map[string][]forge.Fault{
		"host is down":                   {{Path: allCalls, Action: forge.FaultDropBefore, Times: 4}},
		"500 on reading the branch":      {once("GET", headOfMain, status(500))},
		"502 on each write":              {twice("POST", aPush, status(502)), once("POST", "/dispatches$", status(502))},
		"a lock on the branch":           {once("POST", aPush, reject("failed to lock"))},
		"another commit than expected":   {twice("POST", aPush, reject("cannot lock ref 'refs/heads/main': is at 1 but expected 2"))},
		"429 with Retry-After":           {once("POST", aPush, limited)},
		"403 with Retry-After":           {once("POST", aPush, forbidden)},
		"answer lost after each write":   {twice("POST", aPush, dropped), once("POST", "/dispatches$", dropped)},
		"answer cut after each write":    {once("POST", aPush, truncated)},
		"answer lost, then a stale read": {once("POST", aPush, dropped), twice("GET", headOfMain, forge.Fault{Action: forge.FaultStale, Skip: 1})},
		"answer lost, and the host away": {once("POST", aPush, dropped), once("GET", "/info/refs$", status(502))},
	} {
		run("commit/"+name, f, "AppStuck", (*stage).oneCommit)
	}
	for name, f := range map[string][]forge.Fault{
		"502 on each write":            {once("POST", aPush, status(502)), once("POST", "/pulls$", status(502)), once("POST", "/labels$", status(502))},
		"answer lost after each write": {once("POST", aPush, dropped), twice("POST", "/pulls$", dropped), once("POST", "/labels$", dropped)},
		"answer cut after each write":  {once("POST", aPush, truncated), once("POST", "/pulls$", truncated)},
		"429 on opening":               {once("POST", "/pulls$", limited)},
		"500 on looking for it":        {once("GET", "/pulls$", status(500))},
	} {
		run("pull request/"+name, f, "AppOutOfMemory", (*stage).oneOpenPull)
	}
}

// TestStaleReads: a host that shows an old branch cannot make amend answer an
// alert twice, not even one that has just started and remembers nothing.
func TestStaleReads(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start("--fold-window", "1ns", "--sweep-interval", "1h")
	alert := firing("AppStuck", app(1))
	first := s.next(alert)
	s.want(first, amend.ReasonAct)
	for _, restarted := range []bool{false, true} {
		if restarted {
			s.kill()
		}
		s.must(s.host.AddFault(forge.Fault{Method: "GET", Path: headOfMain, Action: forge.FaultStale, Times: 6}))
		if restarted {
			s.start()
		}
		// Within the same second it may make the very same commit again.
		if d := s.next(alert); d.Change == nil || d.Change.Commit != first.Change.Commit {
			t.Errorf("decided %+v, want the change of %+v", d, first)
		}
		s.host.ClearFaults()
		s.oneCommit(app(1))
	}
}

// TestHostIsAwayAtTheStart: alerts are taken all the same and wait for it.
func TestHostIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.must(s.host.AddFault(forge.Fault{Path: allCalls, Action: forge.FaultDropBefore}))
	s.start()
	s.post(firing("AppStuck", app(1)))
	s.host.ClearFaults()
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	s.oneCommit(app(1))
}

// TestGivingUp: what the host does not take is a recorded failure that says
// why, and the next delivery of the alert starts again.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]forge.Fault{
		"a rule forbids it":          reject("push declined due to repository rule violations"),
		"not understood":             status(http.StatusBadRequest),
		"no permission":              status(http.StatusForbidden),
		"the host fails on and on":   status(http.StatusInternalServerError),
		"somebody is always quicker": reject("cannot lock ref 'refs/heads/main': is at 1 but expected 2"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1, "", nil)
			s.start("--fold-window", "1ns", "--give-up-after", "500ms", "--sweep-interval", "1h")
			f.Method, f.Path = "POST", aPush
			s.must(s.host.AddFault(f))
			alert := firing("AppStuck", app(1))
			d := s.next(alert)
			s.want(d, amend.ReasonFailed)
			if strings.TrimSpace(d.Detail) == "" || strings.Contains(d.Detail, serveToken) {
				t.Errorf("the detail is %q", d.Detail)
			}
			if got := s.changes("main"); len(got) != 0 {
				t.Errorf("failed, and main has %+v", got)
			}
			s.host.ClearFaults()
			s.want(s.next(alert), amend.ReasonAct)
			s.oneCommit(app(1))
		})
	}
}
