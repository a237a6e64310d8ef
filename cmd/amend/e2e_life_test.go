package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/forgetest"
)

// next posts an alert and returns the decision about it.
func (s *stage) next(a amend.Alert) amend.Decision {
	s.Helper()
	before := len(s.decisions())
	s.post(a)
	var all []amend.Decision
	s.eventually("a decision", func() bool {
		all = s.decisions()
		return len(all) > before
	})
	return all[len(all)-1]
}

// want checks the reason of a decision.
func (s *stage) want(d amend.Decision, reason amend.Reason) {
	s.Helper()
	if d.Reason != reason {
		s.Fatalf("decided %s (%s), want %s", d.Reason, d.Detail, reason)
	}
}

// put commits a file to main as a person does; nil removes it.
func (s *stage) put(path string, content *string) {
	s.Helper()
	s.putOn("main", path, content, "Change "+path)
}

// putOn commits a file to a branch as a person does, and returns the commit; nil
// removes the file.
func (s *stage) putOn(branch, path string, content *string, message string) string {
	s.Helper()
	c := forgetest.Change{By: "jo", Message: message, Removed: []string{path}}
	if content != nil {
		c.Files, c.Removed = map[string]string{path: *content}, nil
	}
	sha := forgetest.Commit(s, s.repoDir(), strings.TrimSpace(s.git("rev-parse", branch)), c)
	_, _, err := s.api.Git.UpdateRef(s.Context(), "acme", "env", &github.Reference{
		Ref: github.String("refs/heads/" + branch), Object: &github.GitObject{SHA: &sha},
	}, false)
	s.must(err)
	return sha
}

func TestResolvedBeforeMerge(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start("--fold-window", "1ns")
	alert := firing("AppOutOfMemory", app(1))
	s.want(s.next(alert), amend.ReasonAct)
	s.want(s.next(alert), amend.ReasonDuplicate)
	s.oneOpenPull(app(1))
	s.want(s.next(resolved(alert)), amend.ReasonWithdrawn)
	branch := s.oneWithdrawnPull(app(1))
	if out, err := s.tryGit("rev-parse", "--verify", "--quiet", "refs/heads/"+branch); err == nil {
		t.Errorf("branch %s is still there, at %s", branch, out)
	}
	comments, _, err := s.api.Issues.ListComments(t.Context(), "acme", "env", 1, nil)
	s.must(err)
	if len(comments) != 1 || !strings.Contains(comments[0].GetBody(), "resolved") {
		t.Errorf("the comments are %v, want one that says why", comments)
	}
	// A withdrawal is no refusal: new trouble opens a new pull request.
	alert.StartsAt = time.Now().UTC()
	d := s.next(alert)
	s.want(d, amend.ReasonAct)
	if d.Episode != 2 || len(s.pulls(app(1))) != 2 {
		t.Errorf("episode %d, %d pull requests; want 2 and 2", d.Episode, len(s.pulls(app(1))))
	}
}

// TestMerged: the sweep notices that a person merged, and has it recorded.
func TestMerged(t *testing.T) {
	for _, method := range []string{"merge", "squash"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			act := os.Getenv("AMEND_TEST_ACT")
			s := newStage(t, 1, act, recordWorkflow(t))
			s.start("--fold-window", "1ns", "--sweep-interval", "100ms")
			alert := firing("AppOutOfMemory", app(1))
			s.want(s.next(alert), amend.ReasonAct)
			_, branch := s.onePull(app(1), "open")
			// What GitHub proposes for the message of a squash: the one commit's.
			text := ""
			if method == "squash" {
				text = s.git("log", "-1", "--format=%b", branch)
			}
			_, _, err := s.api.PullRequests.Merge(t.Context(), "acme", "env", 1, text, &github.PullRequestOptions{MergeMethod: method})
			s.must(err)
			got := s.changesOf(app(1))
			if len(got) != 1 {
				t.Fatalf("the changes on main are %+v, want one", got)
			}
			s.asked(got[0].Commit)
			if act != "" {
				s.recorded(1)
			}
			if file := s.git("show", "main:apps/"+app(1)+"/deployment.yaml"); !strings.Contains(file, "memory: 512Mi   # enough so far\n") {
				t.Errorf("the file is\n%s", file)
			}
			s.want(s.next(alert), amend.ReasonDuplicate)
		})
	}
}

func TestClosedByAPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start("--fold-window", "1ns")
	alert := firing("AppOutOfMemory", app(1))
	s.want(s.next(alert), amend.ReasonAct)
	_, _, err := s.api.PullRequests.Edit(t.Context(), "acme", "env", 1, &github.PullRequest{State: github.String("closed")})
	s.must(err)
	s.want(s.next(alert), amend.ReasonMuted)
	alert.StartsAt = time.Now().UTC()
	s.want(s.next(alert), amend.ReasonMuted)
	s.want(s.next(resolved(alert)), amend.ReasonResolved)
	s.want(s.next(alert), amend.ReasonMuted)
	s.onePull(app(1), "closed")
}

func TestKillSwitch(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2, "", nil)
	s.start("--fold-window", "1ns")
	s.put(".amend/stop", github.String("Until the migration is over.\n"))
	s.want(s.next(firing("AppStuck", app(1))), amend.ReasonKillSwitch)
	s.want(s.next(firing("AppOutOfMemory", app(2))), amend.ReasonKillSwitch)
	if got := s.changes("--all"); len(got) != 0 {
		t.Errorf("stopped, and the changes are %+v", got)
	}
	s.put(".amend/stop", nil)
	s.want(s.next(firing("AppStuck", app(1))), amend.ReasonAct)
	s.oneCommit(app(1))
}

func TestPolicyWithAnUnknownField(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start("--fold-window", "1ns")
	good := s.git("show", "main:.amend/policy.yaml")
	bad := good + "    colour: red\n"
	line := strings.Count(bad, "\n")
	s.put(".amend/policy.yaml", &bad)
	d := s.next(firing("AppStuck", app(1)))
	s.want(d, amend.ReasonInvalidPolicy)
	if at := fmt.Sprintf(".amend/policy.yaml:%d:", line); !strings.Contains(d.Detail, at) || !strings.Contains(d.Detail, "colour") {
		t.Errorf("the detail %q does not name %s and the field", d.Detail, at)
	}
	if got := s.changes("--all"); len(got) != 0 {
		t.Errorf("with a wrong policy the changes are %+v", got)
	}
	s.put(".amend/policy.yaml", &good)
	s.want(s.next(firing("AppStuck", app(1))), amend.ReasonAct)
}

// TestSomebodyElseIsFirst: a person's commit that lands while amend makes its
// own stays, even in the same file, and amend's lands on top of it.
func TestSomebodyElseIsFirst(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	s.start()
	reached, moved := make(chan struct{}), make(chan struct{})
	s.door.set(trap{at: anyOf("push main"), goOn: true, spring: func() {
		close(reached)
		<-moved
	}})
	s.post(firing("AppStuck", app(1)))
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatal("serve did not come to move the branch")
	}
	path := "apps/" + app(1) + "/deployment.yaml"
	theirs := strings.Replace(s.git("show", "main:"+path), "replicas: 2 ", "replicas: 7 ", 1)
	s.put(path, &theirs)
	before := strings.TrimSpace(s.git("rev-parse", "main"))
	close(moved)
	s.want(s.decided(app(1), 1)[0], amend.ReasonAct)
	s.oneCommit(app(1))
	if after := strings.TrimSpace(s.git("rev-parse", "main^")); after != before {
		t.Errorf("the change is on %s, want it on the person's commit %s", after, before)
	}
	if file := s.git("show", "main:"+path); !strings.Contains(file, "replicas: 7 ") || !strings.Contains(file, "restartedAt") {
		t.Errorf("the file lacks one of the changes:\n%s", file)
	}
}

// TestManyAlertsAtOnce: a storm is one post; each trouble gets one commit of
// its own, and the branch moves a few times only.
func TestManyAlertsAtOnce(t *testing.T) {
	t.Parallel()
	const apps, repeats = 40, 5
	s := newStage(t, apps, "", nil)
	s.start()
	var storm []amend.Alert
	for range repeats {
		for n := 1; n <= apps; n++ {
			a := firing("AppStuck", app(n))
			a.Labels["pod"] = fmt.Sprintf("%s-%d", app(n), len(storm))
			storm = append(storm, a)
		}
	}
	s.post(storm...)
	s.post(storm...)
	s.decideAll(apps, amend.ReasonAct) // one for each trouble
	changes := s.changes("main")
	targets := map[string]bool{}
	for _, c := range changes {
		targets[c.Target] = true
	}
	if len(changes) != apps || len(targets) != apps {
		t.Fatalf("%d changes of %d applications, want one of each of %d", len(changes), len(targets), apps)
	}
	s.asked(changes[0].Commit) // the newest, which stands on all others
	if refs := s.git("for-each-ref", "--format=%(refname)"); refs != "refs/heads/main\n" {
		t.Errorf("there are pull requests, or branches:\n%s", refs)
	}
	moves := 0
	for _, w := range s.door.written() {
		if w == "push main" {
			moves++
		}
	}
	if moves > apps/2 {
		t.Errorf("the branch moved %d times for %d changes", moves, apps)
	}
}
