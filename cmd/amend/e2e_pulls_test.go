package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// pullsEvery has serve look after pull requests all the time.
var pullsEvery = []string{"--fold-window", "1ns", "--sweep-interval", "100ms", "--pull-interval", "200ms"}

// withPulls is the fixture's policy with more about the pull requests of the
// playbook that opens them.
func withPulls(s string) map[string]string {
	return map[string]string{
		".amend/policy.yaml": `apiVersion: amend.dev/v1alpha1
kind: Policy
budgets: []
playbooks:
  - name: out-of-memory
    match: ['alertname="AppOutOfMemory"']
    workload: {kind: Deployment, namespace: {value: shop}, name: {label: deployment}, container: {label: container}}
    action: raise-memory-limit
    with: {factor: 2, ceiling: 2Gi}
    mode: pull-request
    pullRequests: {` + s + `}
`,
		".github/CODEOWNERS": "* @ana\n/apps/ @bo @acme/sre\n",
	}
}

// shown returns a pull request as the host shows it.
func (s *stage) shown(number int) *github.PullRequest {
	s.Helper()
	pr, _, err := s.api.PullRequests.Get(s.Context(), "acme", "env", number)
	s.must(err)
	return pr
}

// set changes the memory limit of the first application on a branch, as a person.
func (s *stage) set(branch, memory string) string {
	s.Helper()
	path := "apps/" + app(1) + "/deployment.yaml"
	_, rest, _ := strings.Cut(s.git("show", branch+":"+path), "memory: ")
	old, _, _ := strings.Cut(rest, " ")
	content := strings.Replace(s.git("show", branch+":"+path), "memory: "+old, "memory: "+memory, 1)
	return s.putOn(branch, path, &content, "Set memory to "+memory)
}

// TestPullRequestIsKept follows one pull request: its owners are asked, later
// deliveries are folded into its text beside what people write, and when the file
// changes it is planned anew, and is one change when it is merged.
func TestPullRequestIsKept(t *testing.T) {
	for _, method := range []string{"merge", "squash"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			isKept(t, method)
		})
	}
}

func isKept(t *testing.T, method string) {
	s := newStage(t, 1, "", withPulls("labels: [urgent], reviewers: [cy], alternatives: omit"))
	s.start(pullsEvery...)
	alert := firing("AppOutOfMemory", app(1))
	s.want(s.next(alert), amend.ReasonAct)
	pr := s.shown(1)
	asked := map[string]bool{}
	for _, u := range pr.RequestedReviewers {
		asked[u.GetLogin()] = true
	}
	for _, team := range pr.RequestedTeams {
		asked["acme/"+team.GetSlug()] = true
	}
	if want := map[string]bool{"bo": true, "cy": true, "acme/sre": true}; !maps.Equal(asked, want) {
		t.Errorf("asked are %v, want %v", asked, want)
	}
	var labels []string
	for _, l := range pr.Labels {
		labels = append(labels, l.GetName())
	}
	if want := []string{"amend", "amend/raise-memory-limit", "amend/pull-request", "urgent"}; !slices.Equal(labels, want) {
		t.Errorf("the labels are %q, want %q", labels, want)
	}

	_, _, err := s.api.PullRequests.Edit(t.Context(), "acme", "env", 1, &github.PullRequest{Body: github.String("Ana: I look at it.\r\n\r\n" + strings.ReplaceAll(pr.GetBody(), "\n", "\r\n"))})
	s.must(err)
	for range 3 {
		s.want(s.next(alert), amend.ReasonDuplicate)
	}
	s.eventually("the deliveries are in the text", func() bool { return strings.Contains(s.shown(1).GetBody(), "deliveries=4 ") })

	human := s.set("main", "300Mi")
	s.eventually("it is planned anew", func() bool { return s.shown(1).GetHead().GetSHA() != pr.GetHead().GetSHA() })
	s.eventually("its text says so", func() bool { return strings.Contains(s.shown(1).GetBody(), "planned anew on "+human[:12]) })
	now := s.shown(1)
	if body := now.GetBody(); !strings.HasPrefix(body, "Ana: I look at it.\r\n") || !strings.Contains(body, "| 300Mi | 600Mi |") {
		t.Errorf("the body is\n%s", body)
	}
	diff := s.git("diff", "main..."+now.GetHead().GetRef())
	if strings.Count(diff, "\n-") != 2 || !strings.Contains(diff, "\n+              memory: 600Mi   # enough so far") || !now.GetMergeable() {
		t.Errorf("it can be merged: %v, and proposes\n%s", now.GetMergeable(), diff)
	}
	comments, _, err := s.api.Issues.ListComments(t.Context(), "acme", "env", 1, nil)
	s.must(err)
	if len(comments) != 0 {
		t.Errorf("it was commented: %v", comments)
	}
	_, _, err = s.api.PullRequests.Merge(t.Context(), "acme", "env", 1, "", &github.PullRequestOptions{MergeMethod: method})
	s.must(err)
	if got := s.changesOf(app(1)); len(got) == 0 || got[0].Episode != 1 {
		t.Errorf("the changes on main are %+v", got)
	}
	if file := s.git("show", "main:apps/"+app(1)+"/deployment.yaml"); !strings.Contains(file, "memory: 600Mi   # enough so far\n") {
		t.Errorf("the file is\n%s", file)
	}
	s.want(s.next(alert), amend.ReasonDuplicate)
}

// TestPullRequestOfAPerson: who pushes to a branch has it, also when the alert is over.
func TestPullRequestOfAPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", withPulls("staleAfter: 1s, autoMerge: true"))
	s.start("--fold-window", "1ns", "--sweep-interval", "100ms", "--pull-interval", "1h")
	alert := firing("AppOutOfMemory", app(1))
	s.want(s.next(alert), amend.ReasonAct)
	branch := s.shown(1).GetHead().GetRef()
	human := s.set(branch, "1Gi")
	s.kill()
	s.flags = pullsEvery
	s.start(pullsEvery...)
	s.eventually("it is said", func() bool {
		comments, _, err := s.api.Issues.ListComments(t.Context(), "acme", "env", 1, nil)
		return err == nil && len(comments) == 1 && strings.Contains(comments[0].GetBody(), "Somebody has pushed")
	})
	s.set("main", "300Mi")
	s.want(s.next(alert), amend.ReasonDuplicate)
	s.want(s.next(resolved(alert)), amend.ReasonWithdrawn)
	if got := strings.TrimSpace(s.git("rev-parse", branch)); got != human || s.shown(1).GetState() != "closed" {
		t.Errorf("it is %s, and its branch at %s, want %s", s.shown(1).GetState(), got, human)
	}
}

func TestPullRequestThatIsNotNeeded(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", withPulls("labels: []"))
	s.start(pullsEvery...)
	s.want(s.next(firing("AppOutOfMemory", app(1))), amend.ReasonAct)
	branch := s.shown(1).GetHead().GetRef()
	s.set("main", "512Mi") // what the pull request proposes
	s.eventually("it is closed", func() bool { return s.shown(1).GetState() == "closed" })
	s.oneWithdrawnPull(app(1))
	s.eventually("its branch is gone", func() bool {
		_, err := s.tryGit("rev-parse", "--verify", "--quiet", "refs/heads/"+branch)
		return err != nil
	})
}

func TestStalePullRequest(t *testing.T) {
	t.Parallel()
	files := withPulls("staleAfter: 1s")
	files[".amend/policy.yaml"] = strings.Replace(files[".amend/policy.yaml"], "mode: pull-request", "mode: pull-request\n    cooldown: 1s", 1)
	s := newStage(t, 1, "", files)
	s.start(pullsEvery...)
	alert := firing("AppOutOfMemory", app(1))
	s.want(s.next(alert), amend.ReasonAct)
	s.eventually("it is closed", func() bool { return s.shown(1).GetState() == "closed" })
	if !slices.ContainsFunc(s.shown(1).Labels, func(l *github.Label) bool { return l.GetName() == "amend/stale" }) {
		t.Errorf("the labels are %v", s.shown(1).Labels)
	}
	var d amend.Decision
	s.eventually("the next one is opened", func() bool {
		d = s.next(alert)
		return d.Reason != amend.ReasonCooldown
	})
	s.want(d, amend.ReasonAct)
	if d.Episode != 2 {
		t.Errorf("episode %d, want 2", d.Episode)
	}
}

// TestReopenedAndClosed: that amend had closed a pull request says nothing of a
// person who opens it again and closes it then.
func TestReopenedAndClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", withPulls(""))
	s.start(pullsEvery...)
	alert := firing("AppOutOfMemory", app(1))
	s.want(s.next(alert), amend.ReasonAct)
	head := s.shown(1).GetHead()
	s.next(resolved(alert))
	s.eventually("its branch is gone", func() bool {
		_, err := s.tryGit("rev-parse", "--verify", "--quiet", "refs/heads/"+head.GetRef())
		return err != nil
	})
	_, _, err := s.api.Git.CreateRef(s.Context(), "acme", "env", &github.Reference{Ref: github.String("refs/heads/" + head.GetRef()), Object: &github.GitObject{SHA: head.SHA}})
	s.must(err)
	for _, state := range []string{"open", "closed"} {
		_, _, err := s.api.PullRequests.Edit(s.Context(), "acme", "env", 1, &github.PullRequest{State: &state})
		s.must(err)
		s.eventually("it has no label of a closing by amend", func() bool {
			return !slices.ContainsFunc(s.shown(1).Labels, func(l *github.Label) bool { return l.GetName() == "amend/withdrawn" })
		})
	}
	s.want(s.next(alert), amend.ReasonMuted)
}

// TestAutoMerge: what has passed every check, and what nobody objects to, is
// merged without a person; the kill switch stops even that.
func TestAutoMerge(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", withPulls("autoMerge: true"))
	s.start(pullsEvery...)
	s.want(s.next(firing("AppOutOfMemory", app(1))), amend.ReasonAct)
	sha := s.shown(1).GetHead().GetSHA()
	review := func(event string) {
		t.Helper()
		_, _, err := s.api.PullRequests.CreateReview(t.Context(), "acme", "env", 1, &github.PullRequestReviewRequest{Event: &event, Body: github.String("hm")})
		s.must(err)
	}
	review("REQUEST_CHANGES")
	_, _, err := s.api.Repositories.CreateStatus(t.Context(), "acme", "env", sha, &github.RepoStatus{State: github.String("success"), Context: github.String("ci")})
	s.must(err)
	s.put(".amend/stop", github.String("wait\n"))
	review("APPROVE")
	asked := func() int { return s.host.Stats().Calls["GET /repos/{owner}/{repo}/pulls"] }
	for n := asked(); asked() < n+3; {
		if s.shown(1).GetMerged() {
			t.Fatal("merged although stopped")
		}
	}
	s.put(".amend/stop", nil)
	s.eventually("it is merged", func() bool { return s.shown(1).GetMerged() })
	if got := s.changesOf(app(1)); len(got) != 1 || got[0].Commit != sha {
		t.Errorf("the changes on main are %+v, want %s", got, sha)
	}
}

// TestAlternativesAreSuggested: what else the policy allows is a review with a
// suggestion on the proposed line, and one that a person commits is what is merged.
func TestAlternativesAreSuggested(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", withPulls("labels: [urgent]}\n    then:\n      - {action: restart}\n      - {action: roll-back-image"))
	s.start(pullsEvery...)
	alert := firing("AppOutOfMemory", app(1))
	s.want(s.next(alert), amend.ReasonAct)
	var comments []*github.PullRequestComment
	s.eventually("a review", func() bool {
		all, _, err := s.api.PullRequests.ListComments(t.Context(), "acme", "env", 1, nil)
		s.must(err)
		comments = all
		return len(all) > 0
	})
	path := "apps/" + app(1) + "/deployment.yaml"
	want := "**raise-memory-limit** It goes all the way to the ceiling of the playbook, 2Gi, in one step.\n\n" +
		"```suggestion\n              memory: 2Gi   # enough so far\n```\n"
	proposed := strings.Split(s.git("show", s.shown(1).GetHead().GetRef()+":"+path), "\n")
	if c := comments[0]; len(comments) != 1 || c.GetPath() != path || c.GetBody() != want || proposed[c.GetLine()-1] != "              memory: 512Mi   # enough so far" {
		t.Errorf("the comments are %v", comments)
	}
	reviews, _, err := s.api.PullRequests.ListReviews(t.Context(), "acme", "env", 1, nil)
	s.must(err)
	if len(reviews) != 1 || reviews[0].GetState() != "COMMENTED" || !strings.Contains(reviews[0].GetBody(), "- **restart** The playbook tries this later") ||
		!strings.Contains(reviews[0].GetBody(), "- **roll-back-image** cannot be done now (no-history)") {
		t.Errorf("the reviews are %v", reviews)
	}

	s.set(s.shown(1).GetHead().GetRef(), "2Gi")
	s.eventually("it is the person's", func() bool { return slices.Contains(labelsOf(s.shown(1)), "amend/hands-off") })
	_, _, err = s.api.PullRequests.Merge(t.Context(), "acme", "env", 1, "", nil)
	s.must(err)
	if file := s.git("show", "main:"+path); !strings.Contains(file, "memory: 2Gi   # enough so far\n") {
		t.Errorf("the file is\n%s", file)
	}
	s.want(s.next(alert), amend.ReasonDuplicate)
	if got := s.changesOf(app(1)); len(got) != 1 {
		t.Errorf("the changes on main are %+v, want one", got)
	}
}

func labelsOf(pr *github.PullRequest) []string {
	var names []string
	for _, l := range pr.Labels {
		names = append(names, l.GetName())
	}
	return names
}
