package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// A job is something that serve does in several writes to the host.
type job struct {
	prepare func(s *stage, app string)
	alert   func(app string) amend.Alert
	check   func(s *stage, app string)
}

// TestCrashAtAnyWrite ends serve with SIGKILL before and after each of its
// writes to the host, starts it again and looks for what is there twice or
// never. All cases share one serve, which is as old as its many crashes.
func TestCrashAtAnyWrite(t *testing.T) {
	memory := func(app string) amend.Alert { return firing("AppOutOfMemory", app) }
	for name, j := range map[string]job{
		"commit": {
			alert: func(app string) amend.Alert { return firing("AppStuck", app) },
			check: (*stage).oneCommit,
		},
		"pull request": {alert: memory, check: (*stage).oneOpenPull},
		"withdrawal": {
			prepare: func(s *stage, app string) {
				s.post(memory(app))
				s.decided(app, 1)
			},
			alert: func(app string) amend.Alert { return resolved(memory(app)) },
			check: func(s *stage, app string) { s.oneWithdrawnPull(app) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 20, "", nil)
			// What it writes when it looks after open pull requests is another job, and
			// alternatives are written at the look of each start.
			policy := strings.Replace(s.git("show", "main:.amend/policy.yaml"), "mode: pull-request\n", "mode: pull-request\n    pullRequests: {alternatives: omit}\n", 1)
			s.put(".amend/policy.yaml", &policy)
			s.start("--sweep-interval", "1h", "--pull-interval", "1h")
			writes := s.learn(j, app(1))
			t.Attr("kills", strconv.Itoa(2*len(writes)))
			for i, write := range writes {
				for k, when := range []string{"before", "after"} {
					own := app(2 + 2*i + k)
					t.Run(fmt.Sprintf("%s %d %s", when, i+1, write), func(t *testing.T) {
						s.within(t)
						s.crash(j, own, i, when == "after")
					})
				}
			}
			for n := range 1 + 2*len(writes) {
				j.check(s, app(1+n)) // nothing came after it was thought to be done
			}
		})
	}
}

// learn does the job undisturbed and returns the writes it consists of.
func (s *stage) learn(j job, app string) []string {
	s.Helper()
	before := s.ready(j, app)
	s.door.written()
	s.post(j.alert(app))
	s.decided(app, before+1)
	writes := slices.DeleteFunc(s.door.written(), isVerdict)
	j.check(s, app)
	if len(writes) < 2 {
		s.Fatalf("the job is %v, want several writes", writes)
	}
	return writes
}

// ready brings an application to where the job starts and returns how many
// decisions that took.
func (s *stage) ready(j job, app string) int {
	s.Helper()
	if j.prepare == nil {
		return 0
	}
	j.prepare(s, app)
	return len(s.decided(app, 1))
}

// crash does the job with a SIGKILL at its nth write.
func (s *stage) crash(j job, app string, n int, after bool) {
	s.Helper()
	before := s.ready(j, app)
	sprung := s.door.set(trap{at: nth(n, workOn(app)), after: after, spring: s.kill})
	posts, err := 1, s.tryPost(j.alert(app))
	select {
	case <-sprung:
	case <-time.After(patience):
		s.Fatal("serve did not come to the write where it was to be killed")
	}
	s.start()
	if err != nil { // it was killed before it could answer, so its sender sends again
		posts++
		s.post(j.alert(app))
	}
	own := s.decided(app, before+1)[before:]
	j.check(s, app)
	if len(own) > posts {
		s.Errorf("%d posts ended in %d decisions", posts, len(own))
	}
	for _, d := range own {
		if d.Refused() {
			s.Errorf("decided %s: %s", d.Reason, d.Detail)
		}
	}
}

// workOn accepts the writes for an application: all but requests to record the
// change of another one, which serve makes when it starts, and verdicts.
func workOn(app string) func(string, []byte) bool {
	return func(write string, body []byte) bool {
		return !isVerdict(write) && (write != "POST dispatches" || bytes.Contains(body, []byte("Deployment/shop/"+app)))
	}
}

// isVerdict tells the writes of another job, which comes some time after a change,
// whichever alert is being answered then.
func isVerdict(write string) bool { return strings.HasPrefix(write, "POST statuses/") }

// oneCommit checks that the application was changed once and that the record
// of the change was asked for.
func (s *stage) oneCommit(app string) {
	s.Helper()
	got := s.changesOf(app)
	if len(got) != 1 || got[0].Episode != 1 {
		s.Fatalf("the changes of %s are %+v, want one", app, got)
	}
	if n := len(s.pulls(app)); n != 0 {
		s.Errorf("%s has %d pull requests, want none", app, n)
	}
	s.asked(got[0].Commit)
}

// pulls returns the pull requests about an application.
func (s *stage) pulls(app string) []*github.PullRequest {
	s.Helper()
	list, _, err := s.api.PullRequests.List(s.Context(), "acme", "env", &github.PullRequestListOptions{
		State: "all", ListOptions: github.ListOptions{PerPage: 100},
	})
	s.must(err)
	incident := amend.IncidentID("out-of-memory", amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: app})
	return slices.DeleteFunc(list, func(p *github.PullRequest) bool {
		return !strings.HasPrefix(p.GetHead().GetRef(), "amend/"+incident+"-")
	})
}

// onePull checks that there is one pull request about the application, in the
// given state, and returns it and its branch.
func (s *stage) onePull(app, state string) (*github.PullRequest, string) {
	s.Helper()
	if got := s.changesOf(app); len(got) != 0 {
		s.Errorf("the changes of %s on main are %+v, want none", app, got)
	}
	pulls := s.pulls(app)
	if len(pulls) != 1 || pulls[0].GetState() != state {
		s.Fatalf("%s has %d pull requests: %v; want one that is %s", app, len(pulls), pulls, state)
	}
	return pulls[0], pulls[0].GetHead().GetRef()
}

func (s *stage) oneOpenPull(app string) {
	s.Helper()
	_, branch := s.onePull(app, "open")
	if got := s.changes("main.." + branch); len(got) != 1 || got[0].Target != "Deployment/shop/"+app {
		s.Errorf("the changes on %s are %+v, want one", branch, got)
	}
	if n := strings.Count(s.git("for-each-ref", "refs/heads/"+strings.TrimSuffix(branch, "-1")+"-*"), "\n"); n != 1 {
		s.Errorf("the incident has %d branches, want 1", n)
	}
}

// oneWithdrawnPull checks that the one pull request is closed and marked as
// closed by amend, and returns its branch. After a crash that may be left over.
func (s *stage) oneWithdrawnPull(app string) string {
	s.Helper()
	pull, branch := s.onePull(app, "closed")
	if pull.MergedAt != nil || !slices.ContainsFunc(pull.Labels, func(l *github.Label) bool { return l.GetName() == withdrawnLabel }) {
		s.Errorf("pull request %d is not marked as withdrawn: %v", pull.GetNumber(), pull.Labels)
	}
	return branch
}
