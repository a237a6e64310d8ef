package thread_test

import (
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/thread"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sha(n int) string { return strings.Repeat(fmt.Sprintf("%04x", n), 10) }

func trailers(app string, episode int) message.Trailers {
	w := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: app}
	path, _ := amend.ParseRepoPath("apps/" + app + ".yaml")
	return message.Trailers{Incident: amend.IncidentID("busy", w), Episode: episode, Action: "restart", Playbook: "busy",
		Alert: app + "0123456789.firing", Workload: w, Path: path, Line: 7}
}

func text(subject string, t message.Trailers) string {
	return subject + "\n\nWhy: alert Busy\nSummary: 3 of 3 wait\nSince: 2026-03-01T11:59:00Z\n\n" + t.String()
}

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// branch is a history, newest first as Git tells it: web was changed, and taken
// back by a person, and changed again; api came by a pull request that was taken
// back by amend.
func branch() iter.Seq2[ledger.Commit, error] {
	return func(yield func(ledger.Commit, error) bool) {
		for _, c := range []ledger.Commit{
			{SHA: sha(8), At: at(8), Parents: []string{sha(7)}, Message: text("restart web (#31)", trailers("web", 2))},
			{SHA: sha(7), At: at(7), Parents: []string{sha(6)}, Message: message.Revert(trailers("api", 1), sha(5), nil, noon)},
			{SHA: sha(6), At: at(6), Parents: []string{sha(3), sha(5)}, Message: "Merge pull request #12 from acme/amend/busy\n\n" + text("restart api", trailers("api", 1))},
			{SHA: sha(5), At: at(4), Parents: []string{sha(3)}, Message: text("restart api", trailers("api", 1))},
			{SHA: sha(3), At: at(3), Parents: []string{sha(2)}, Message: "Revert\n\nThis reverts commit " + sha(2) + ".\n"},
			{SHA: sha(2), At: at(2), Parents: []string{sha(1)}, Message: text("restart web", trailers("web", 1))},
			{SHA: sha(1), At: at(1), Message: "start"},
		} {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// decision is one that a server remembers about the change of api.
func decision() amend.Decision {
	t := trailers("api", 1)
	return amend.Decision{
		EventID: t.Alert, Reason: amend.ReasonAct, Detail: "No rule forbids it.", Incident: t.Incident, Episode: 1, Playbook: "busy", Action: "restart",
		Plan:       &amend.Plan{Request: amend.Request{Event: amend.Event{Alert: amend.Alert{StartsAt: at(0).Add(30 * time.Second)}}}},
		Change:     &amend.Change{Commit: sha(5), Number: 12},
		ReceivedAt: at(1), DecidedAt: at(2), ChangedAt: at(4),
	}
}

// lines writes a thread in short.
func lines(t thread.Thread) []string {
	all := []string{fmt.Sprintf("%s/%d #%d", t.Workload, t.Episode, t.PullRequest)}
	for _, s := range t.Steps {
		when := "-"
		if !s.At.IsZero() {
			when = s.At.Format("15:04:05")
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %.4s %s", when, s.Stage, s.Commit, s.Text)))
	}
	return all
}

func TestThreadOfAPullRequest(t *testing.T) {
	r, _ := ledger.FromCommit(sha(5), at(4), text("restart api", trailers("api", 1)))
	threads, err := thread.Follow(thread.Sources{Commits: branch(), Log: ledger.Log{Records: []amend.Record{r}}, Decisions: []amend.Decision{decision()}}, "#12")
	if err != nil || len(threads) != 1 {
		t.Fatalf("%v, %v", threads, err)
	}
	want := []string{
		"Deployment/shop/api/1 #12",
		"12:00:30 alert  alert Busy: 3 of 3 wait",
		"12:01:00 accepted  accepted as event api0123456789.firing",
		"12:02:00 decided  act: No rule forbids it.",
		"12:04:00 changed 0005 restart api",
		"12:06:00 merged 0006 merged into the branch",
		"- recorded  in remediation-log.yaml",
		"12:07:00 reverted 0007 amend took " + sha(5) + " back",
	}
	if diff := cmp.Diff(want, lines(threads[0])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Without a server and a log, the commit alone tells what it can.
func TestThreadOfACommit(t *testing.T) {
	threads, err := thread.Follow(thread.Sources{Commits: branch()}, sha(2))
	if err != nil || len(threads) != 1 {
		t.Fatalf("%v, %v", threads, err)
	}
	want := []string{
		"Deployment/shop/web/1 #0",
		"11:59:00 alert  alert Busy: 3 of 3 wait",
		"12:02:00 changed 0002 restart web",
		"- recorded  not in remediation-log.yaml yet; amend log adds it",
		"12:03:00 reverted 0003 a person took " + sha(2) + " back",
	}
	if diff := cmp.Diff(want, lines(threads[0])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestQuestions(t *testing.T) {
	web, api := trailers("web", 1), trailers("api", 1)
	refused := amend.Decision{EventID: "cafe.firing", Reason: amend.ReasonNoPlaybook, Detail: "None."}
	lost := amend.Decision{EventID: "lost.firing", Reason: amend.ReasonAct, Change: &amend.Change{Commit: sha(99), Number: 77}}
	for question, want := range map[string]string{
		sha(2):                                   "web/1",
		sha(2)[:7]:                               "web/1",
		sha(2)[:6]:                               "", // too short to be sure
		sha(3):                                   "web/1",
		sha(8):                                   "web/2",
		sha(5):                                   "api/1",
		sha(6):                                   "api/1", // its merge
		sha(7):                                   "api/1", // its revert
		sha(1):                                   "",      // by hand
		"#12":                                    "api/1",
		"#31":                                    "web/2",
		"#3":                                     "",
		"#0":                                     "",
		web.Incident:                             "web/1 web/2",
		api.Alert:                                "api/1",
		strings.TrimSuffix(api.Alert, ".firing"): "api/1",
		"cafe":                                   "/0",
		"cafe.firing":                            "/0",
		"#77":                                    "/0",
		sha(99):                                  "/0",
		"":                                       "",
		"-":                                      "",
	} {
		threads, err := thread.Follow(thread.Sources{Commits: branch(), Decisions: []amend.Decision{decision(), refused, lost}}, question)
		var got []string
		for _, th := range threads {
			got = append(got, fmt.Sprintf("%s/%d", th.Workload[strings.LastIndexByte(th.Workload, '/')+1:], th.Episode))
		}
		if s := strings.Join(got, " "); s != want || (err != nil) != (want == "") || want == "" && amend.KindOf(err) != amend.NotFound {
			t.Errorf("%q: threads %q, %v; want %q", question, s, err, want)
		}
	}
}

// A change that was planned anew is one, and is found by the pull request that
// brought the second plan.
func TestThreadOfAChangeThatWasPlannedAnew(t *testing.T) {
	anew := trailers("api", 1)
	anew.Line = 9
	r, _ := ledger.FromCommit(sha(5), at(5), text("restart api", anew))
	commits := func(yield func(ledger.Commit, error) bool) {
		for _, c := range []ledger.Commit{
			{SHA: sha(6), At: at(6), Parents: []string{sha(3), sha(5)}, Message: "Merge pull request #12 from acme/amend/busy"},
			{SHA: sha(5), At: at(5), Parents: []string{sha(3), sha(2)}, Message: text("restart api", anew)},
			{SHA: sha(3), At: at(4), Parents: []string{sha(1)}, Message: "by hand"},
			{SHA: sha(2), At: at(2), Parents: []string{sha(1)}, Message: text("restart api", trailers("api", 1))},
			{SHA: sha(1), At: at(1), Message: "start"},
		} {
			if !yield(c, nil) {
				return
			}
		}
	}
	for _, question := range []string{"#12", sha(2), sha(5), sha(6)} {
		threads, err := thread.Follow(thread.Sources{Commits: commits, Log: ledger.Log{Records: []amend.Record{r}}}, question)
		if err != nil || len(threads) != 1 {
			t.Fatalf("%s: %v, %v", question, threads, err)
		}
		if c := threads[0]; c.Commit != sha(5) || c.Edited != "apps/api.yaml:9" {
			t.Errorf("%s: it is %s at %s, which the last plan is not", question, c.Commit, c.Edited)
		}
		got := strings.Join(lines(threads[0]), "\n")
		if strings.Contains(got, "under another commit") {
			t.Errorf("%s: the log has another commit:\n%s", question, got)
		}
		for _, want := range []string{"Deployment/shop/api/1 #12\n", "12:02:00 changed 0002 restart api\n", "12:05:00 changed 0005 planned anew on " + sha(3) + "\n", "12:06:00 merged 0006 merged into the branch"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the thread lacks %q:\n%s", question, want, got)
			}
		}
	}
}
