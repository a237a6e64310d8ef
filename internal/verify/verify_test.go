package verify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/verify"
)

const (
	repo   = "https://git.example.com/shop/env.git"
	before = "1111111111111111111111111111111111111111"
	commit = "2222222222222222222222222222222222222222"
	later  = "3333333333333333333333333333333333333333"
)

var object = amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}

// app is an Application at the given revisions, healthy and synced unless the
// edits say otherwise.
func app(compared, applied string, edits ...func(*amend.Application)) amend.Application {
	a := amend.Application{
		Namespace: "argocd", Name: "shop",
		Sources: []amend.ApplicationSource{{RepoURL: "git@git.example.com:shop/env", TargetRevision: "main", Compared: compared, Applied: applied}},
		Objects: []amend.ApplicationObject{
			{ObjectRef: amend.ObjectRef{Kind: "Service", Namespace: "shop", Name: "web"}, Health: "Healthy"},
			{ObjectRef: amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Health: "Healthy"},
		},
		Sync: "Synced", Health: "Healthy", Phase: "Succeeded",
	}
	for _, edit := range edits {
		edit(&a)
	}
	return a
}

func sync(status string) func(*amend.Application) {
	return func(a *amend.Application) { a.Sync = status }
}

func phase(phase, message string) func(*amend.Application) {
	return func(a *amend.Application) { a.Phase, a.Message = phase, message }
}

// health sets the state of the Application and of one of its objects.
func health(status string, kind, message string) func(*amend.Application) {
	return func(a *amend.Application) {
		a.Health = status
		for i := range a.Objects {
			if a.Objects[i].Kind == kind {
				a.Objects[i].Health, a.Objects[i].Message = status, message
			}
		}
	}
}

// A stage is what Argo CD shows from a time on, counted from the start or, when
// refreshes is set, from the refresh of that number.
type stage struct {
	after     time.Duration
	refreshes int
	app       amend.Application
	err       error
}

// argo plays stages back in their order.
type argo struct {
	others    []amend.Application
	listErrs  []error
	stages    []stage
	start     time.Time
	refreshed []time.Duration
	refuse    error
}

func (a *argo) now() stage {
	current := a.stages[0]
	for _, s := range a.stages[1:] {
		from := s.after
		if s.refreshes > len(a.refreshed) {
			break
		}
		if s.refreshes > 0 {
			from += a.refreshed[s.refreshes-1]
		}
		if time.Since(a.start) < from {
			break
		}
		current = s
	}
	return current
}

func (a *argo) Applications(context.Context, string) ([]amend.Application, error) {
	if len(a.listErrs) > 0 {
		err := a.listErrs[0]
		a.listErrs = a.listErrs[1:]
		return nil, err
	}
	apps := slices.Clone(a.others)
	if len(a.stages) > 0 {
		apps = append(apps, a.stages[0].app)
	}
	return apps, nil
}

func (a *argo) Application(_ context.Context, namespace, name string) (amend.Application, error) {
	s := a.now()
	if namespace != "argocd" || name != "shop" {
		return amend.Application{}, errors.New("another Application was read")
	}
	return s.app, s.err
}

func (a *argo) Refresh(context.Context, string, string) error {
	a.refreshed = append(a.refreshed, time.Since(a.start))
	return a.refuse
}

// history knows that later follows commit, which follows before.
type history struct {
	asked []string
	errs  []error
}

func (h *history) Contains(_ context.Context, revision, c string) (bool, error) {
	h.asked = append(h.asked, revision)
	if len(h.errs) > 0 {
		err := h.errs[0]
		h.errs = h.errs[1:]
		return false, err
	}
	return c == commit && revision >= commit, nil
}

// outcome is what a verification came to and how long it took.
type outcome struct {
	verdict amend.Verdict
	err     error
	took    time.Duration
}

func run(t *testing.T, a *argo, h *history) outcome {
	t.Helper()
	var o outcome
	synctest.Test(t, func(t *testing.T) {
		a.start = time.Now()
		cfg := verify.Config{Applications: a, History: h, Repo: repo, Within: 5 * time.Minute}
		o.verdict, o.err = verify.Applied(t.Context(), cfg, verify.Change{Commit: commit, Object: object})
		o.took = time.Since(a.start)
		if o.err == nil && !o.verdict.At.Equal(time.Now()) {
			t.Errorf("the verdict is dated %s", o.verdict.At)
		}
	})
	return o
}

func TestVerdicts(t *testing.T) {
	crash := health("Degraded", "Deployment", "exceeded its progress deadline\n\x1b[31m@all")
	transient := amend.Errorf(amend.Transient, "read application", "503")
	for _, c := range []struct {
		name   string
		stages []stage
		want   amend.VerdictState
		detail string // has to be part of it
		least  time.Duration
		most   time.Duration
	}{
		{"synced and healthy", []stage{
			{app: app(before, before)},
			{refreshes: 1, after: time.Second, app: app(commit, before, sync("OutOfSync"))},
			{refreshes: 1, after: 2 * time.Second, app: app(commit, commit, phase("Running", ""), sync("OutOfSync"))},
			{refreshes: 1, after: 3 * time.Second, app: app(commit, commit, health("Progressing", "Deployment", ""))},
			{refreshes: 1, after: 8 * time.Second, app: app(commit, commit)},
		}, amend.Worked, "argocd/shop has applied the commit and is Healthy", 8 * time.Second, 9500 * time.Millisecond},
		{"a later commit took ours along", []stage{{app: app(later, later)}}, amend.Worked, "", 0, 0},
		{"the first refresh is dropped", []stage{
			{app: app(before, before)},
			{refreshes: 2, app: app(commit, commit)},
		}, amend.Worked, "", 5 * time.Second, 7 * time.Second},
		{"synced at the old revision only", []stage{{app: app(before, before)}},
			amend.Unverified, `after 5m0s: Argo CD has not seen the commit yet, it is at revision "111111111111"`, 5 * time.Minute, 304 * time.Second},
		{"seen but ignored by Argo CD", []stage{{app: app(commit, before)}},
			amend.Unverified, "it ignores the changed field", 5 * time.Minute, 304 * time.Second},
		{"the sync fails", []stage{{app: app(commit, commit, phase("Failed", "quota `exceeded`\nAmend-Action: x"))}},
			amend.Unverified, `the sync is Failed: "quota ` + "`exceeded`" + `\nAmend-Action: x"`, 5 * time.Minute, 304 * time.Second},
		{"still out of sync", []stage{{app: app(commit, commit, sync("OutOfSync"))}},
			amend.Unverified, "still OutOfSync", 5 * time.Minute, 304 * time.Second},
		{"never ready", []stage{{app: app(commit, commit, health("Progressing", "Deployment", "0 of 1 updated"))}},
			amend.Unverified, `the Application is Progressing: apps/Deployment/shop/web is Progressing ("0 of 1 updated")`, 5 * time.Minute, 304 * time.Second},
		{"degraded for good", []stage{{app: app(commit, commit, crash)}},
			amend.Failed, `argocd/shop: the commit is applied and the Application is Degraded: apps/Deployment/shop/web is Degraded ("exceeded its progress deadline\n\x1b[31m@all")`, time.Minute, 64 * time.Second},
		{"degraded before the commit only", []stage{
			{app: app(before, before, crash)},
			{after: 2 * time.Minute, app: app(commit, commit)},
		}, amend.Worked, "", 2 * time.Minute, 124 * time.Second},
		{"degraded for a moment", []stage{
			{app: app(commit, commit, crash)},
			{after: 50 * time.Second, app: app(commit, commit, health("Progressing", "Deployment", ""))},
			{after: 70 * time.Second, app: app(commit, commit, crash)},
			{after: 110 * time.Second, app: app(commit, commit)},
		}, amend.Worked, "", 110 * time.Second, 114 * time.Second},
		{"degraded by somebody else", []stage{{app: app(commit, commit, health("Degraded", "Service", "no endpoints"))}},
			amend.Unverified, `Service/shop/web is Degraded ("no endpoints")`, 5 * time.Minute, 304 * time.Second},
		{"deleted", []stage{{app: app(before, before)}, {after: time.Second, err: amend.Errorf(amend.NotFound, "", "gone")}},
			amend.Unverified, "the Application was deleted", time.Second, 2 * time.Second},
		{"unreadable for a while", []stage{
			{app: app(before, before)},
			{after: time.Second, err: transient},
			{after: 20 * time.Second, app: app(commit, commit)},
		}, amend.Worked, "", 20 * time.Second, 24 * time.Second},
		{"unreadable for good", []stage{{app: app(before, before)}, {after: time.Second, err: transient}},
			amend.Unverified, `could not be read: "read application: 503"`, 5 * time.Minute, 304 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := run(t, &argo{stages: c.stages}, &history{})
			if o.err != nil {
				t.Fatal(o.err)
			}
			if o.verdict.State != c.want || !strings.Contains(o.verdict.Detail, c.detail) {
				t.Errorf("got %s: %s\nwant %s: …%s…", o.verdict.State, o.verdict.Detail, c.want, c.detail)
			}
			if strings.ContainsAny(o.verdict.Detail, "\n\x1b") {
				t.Errorf("the detail is not one plain line: %q", o.verdict.Detail)
			}
			if o.took < c.least || o.took > c.most {
				t.Errorf("took %s, want between %s and %s", o.took, c.least, c.most)
			}
		})
	}
}

func TestVerdictNamesWhatWasSeen(t *testing.T) {
	o := run(t, &argo{stages: []stage{{app: app(later, later)}}}, &history{})
	want := amend.Verdict{
		State: amend.Worked, Detail: "argocd/shop has applied the commit and is Healthy", Commit: commit, Applied: true,
		Application: "argocd/shop", Revision: later, Health: "Healthy", At: o.verdict.At,
	}
	if diff := cmp.Diff(want, o.verdict); diff != "" || o.err != nil {
		t.Errorf("%v\n%s", o.err, diff)
	}
}

func TestApplicationHasToBeClear(t *testing.T) {
	named := func(name string, edits ...func(*amend.Application)) amend.Application {
		return app(commit, commit, append(edits, func(a *amend.Application) { a.Name = name })...)
	}
	elsewhere := func(a *amend.Application) { a.Sources[0].RepoURL = "https://git.example.com/shop/other" }
	empty := func(a *amend.Application) { a.Objects = a.Objects[:1] }
	for _, c := range []struct {
		name string
		apps []amend.Application
		want string
	}{
		{"none", nil, "no Application of Argo CD manages Deployment/shop/web"},
		{"none with this object", []amend.Application{named("a", empty)}, "no Application of Argo CD manages Deployment/shop/web"},
		{"another repository", []amend.Application{named("a", elsewhere)}, "does not follow the env repo: argocd/a"},
		{"several", []amend.Application{named("a"), named("b", elsewhere), named("c")}, "cannot be told which has to apply the commit: argocd/a, argocd/c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := run(t, &argo{others: c.apps}, &history{})
			if o.err != nil || o.verdict.State != amend.Unverified || !strings.Contains(o.verdict.Detail, c.want) || o.took != 0 {
				t.Errorf("after %s: %+v, %v", o.took, o.verdict, o.err)
			}
		})
	}
}

func TestEverySourceOfTheEnvRepoHasToHaveTheCommit(t *testing.T) {
	two := func(second, pinned string) amend.Application {
		return app(commit, commit, func(a *amend.Application) {
			a.Sources = append(a.Sources,
				amend.ApplicationSource{RepoURL: second, Compared: pinned, Applied: pinned})
		})
	}
	for _, c := range []struct {
		name string
		app  amend.Application
		want amend.VerdictState
	}{
		{"a chart beside it", two("https://charts.example.com", "1.2.3"), amend.Worked},
		{"the same repository, up to date", two(repo, later), amend.Worked},
		{"the same repository, pinned", two(repo, before), amend.Unverified},
		{"the same repository, not compared yet", two(repo, ""), amend.Unverified},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &history{}
			if o := run(t, &argo{stages: []stage{{app: c.app}}}, h); o.err != nil || o.verdict.State != c.want {
				t.Errorf("%+v, %v", o.verdict, o.err)
			}
			if slices.Contains(h.asked, "1.2.3") || slices.Contains(h.asked, "") {
				t.Errorf("asked about what is no commit of the env repo: %q", h.asked)
			}
		})
	}
}

func TestHistoryIsAskedOncePerRevision(t *testing.T) {
	h := &history{}
	run(t, &argo{stages: []stage{
		{app: app(before, before)},
		{after: time.Minute, app: app(commit, before, sync("OutOfSync"))},
		{after: 2 * time.Minute, app: app(commit, commit)},
	}}, h)
	if diff := cmp.Diff([]string{before, commit}, h.asked); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	h := &history{errs: []error{amend.Errorf(amend.Transient, "contains", "503"), amend.Errorf(amend.NotFound, "contains", "not fetched")}}
	o := run(t, &argo{stages: []stage{{app: app(commit, commit)}}}, h)
	if o.err != nil || o.verdict.State != amend.Worked || len(h.asked) != 3 {
		t.Errorf("%+v, %v, asked %q", o.verdict, o.err, h.asked)
	}
}

func TestRefreshesBecomeRare(t *testing.T) {
	a := &argo{stages: []stage{{app: app(before, before)}}}
	run(t, a, &history{})
	// After 0 s, 5, 15, 35, 75, and then every minute: 9 within the five.
	if n := len(a.refreshed); n < 7 || n > 9 {
		t.Errorf("asked for %d refreshes: %v", n, a.refreshed)
	}
	if a.refreshed[0] != 0 || a.refreshed[1] < 5*time.Second || a.refreshed[1] > 7*time.Second {
		t.Errorf("the first refreshes came at %v", a.refreshed[:2])
	}
}

func TestPermanentErrorsEndIt(t *testing.T) {
	forbidden := amend.Errorf(amend.Refused, "", "grant what its answer names")
	ours := []stage{{app: app(before, before)}}
	for _, c := range []struct {
		name string
		argo *argo
		hist *history
	}{
		{"list", &argo{stages: ours, listErrs: []error{forbidden}}, &history{}},
		{"read", &argo{stages: append(slices.Clone(ours), stage{err: forbidden})}, &history{}},
		{"refresh", &argo{stages: ours, refuse: forbidden}, &history{}},
		{"history", &argo{stages: ours}, &history{errs: []error{forbidden}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if o := run(t, c.argo, c.hist); amend.KindOf(o.err) != amend.Refused || o.took != 0 {
				t.Errorf("after %s: %+v, %v", o.took, o.verdict, o.err)
			}
		})
	}
}

func TestListIsRepeatedWhileItMayPass(t *testing.T) {
	transient := amend.Errorf(amend.Transient, "list applications", "503")
	a := &argo{stages: []stage{{app: app(commit, commit)}}, listErrs: []error{transient, transient}}
	if o := run(t, a, &history{}); o.err != nil || o.verdict.State != amend.Worked {
		t.Errorf("%+v, %v", o.verdict, o.err)
	}
	a = &argo{listErrs: slices.Repeat([]error{transient}, 1000)}
	if o := run(t, a, &history{}); o.err != nil || o.verdict.State != amend.Unverified || !strings.Contains(o.verdict.Detail, "503") {
		t.Errorf("%+v, %v", o.verdict, o.err)
	}
}

func TestRefreshMayFailForAWhile(t *testing.T) {
	a := &argo{
		stages: []stage{{app: app(before, before)}, {after: time.Minute, app: app(commit, commit)}},
		refuse: amend.Errorf(amend.Conflict, "refresh application", "409"),
	}
	if o := run(t, a, &history{}); o.err != nil || o.verdict.State != amend.Worked {
		t.Errorf("%+v, %v", o.verdict, o.err)
	}
}

func TestContextEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		a := &argo{stages: []stage{{app: app(before, before)}}, start: time.Now()}
		_, err := verify.Applied(ctx, verify.Config{Applications: a, History: &history{}, Repo: repo}, verify.Change{Commit: commit, Object: object})
		if amend.KindOf(err) != amend.Transient || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestSpellingsOfARepository(t *testing.T) {
	for _, url := range []string{
		"https://git.example.com/shop/env", "https://GIT.example.com/Shop/env.git", "https://bot@git.example.com/shop/env/",
		"git@git.example.com:shop/env.git", "ssh://git@git.example.com:2222/shop/env.git", "git.example.com:/shop/env",
	} {
		a := app(commit, commit)
		a.Sources[0].RepoURL = url
		if o := run(t, &argo{stages: []stage{{app: a}}}, &history{}); o.verdict.State != amend.Worked {
			t.Errorf("%s: %s", url, o.verdict.Detail)
		}
	}
	for _, url := range []string{
		"https://git.example.com:8443/shop/env", "https://git.example.com/shop/env2", "https://git.example.org/shop/env", "shop/env", "%%",
	} {
		a := app(commit, commit)
		a.Sources[0].RepoURL = url
		if o := run(t, &argo{stages: []stage{{app: a}}}, &history{}); o.verdict.State == amend.Worked {
			t.Errorf("%s is taken for %s", url, repo)
		}
	}
}
