package replay_test

import (
	"iter"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/replay"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
`

// policy is one with a playbook in the given mode.
func policy(mode string, more string) string {
	return `apiVersion: amend.dev/v1alpha1
kind: Policy
` + more + `playbooks:
  - name: busy
    match: ['alertname="Busy"']
    workload: {kind: Deployment, namespace: {value: shop}, name: {value: web}}
    action: scale-replicas
    with: {max: 3}
    mode: ` + mode + "\n    cooldown: 1h\n"
}

// past is what was in the env repo before the replay.
type past struct{ episodes []amend.Episode }

func (p past) Episodes(string, amend.Mode) ([]amend.Episode, error) { return p.episodes, nil }
func (past) Records(time.Time, amend.Mode) ([]amend.Record, error)  { return nil, nil }
func (past) Reviews(time.Time) ([]time.Duration, error)             { return nil, nil }
func (past) Commits() iter.Seq2[pipeline.Commit, error] {
	return func(func(pipeline.Commit, error) bool) {}
}
func (past) Versions(amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(func(pipeline.Version, error) bool) {}
}

// event is one of the alert that comes so many minutes after noon, and began some
// minutes before that.
func event(minutes, began int, status amend.Status) amend.Event {
	at := noon.Add(time.Duration(minutes) * time.Minute)
	return amend.Event{ID: "0123." + string(status), Identity: "0123", Time: at, Alert: amend.Alert{
		Status: status, Labels: map[string]string{"alertname": "Busy"}, StartsAt: at.Add(-time.Duration(began) * time.Minute),
	}}
}

func run(t *testing.T, text string, p past, events ...amend.Event) []amend.Decision {
	t.Helper()
	files := fstest.MapFS{"apps/web.yaml": {Data: []byte(manifest)}, ".amend/policy.yaml": {Data: []byte("not read")}}
	var data []byte
	if text != "" {
		data = []byte(text)
	}
	decisions, err := replay.Run(pipeline.New(), pipeline.World{Tree: files, Past: p}, data, events)
	if err != nil {
		t.Fatal(err)
	}
	return decisions
}

// reasons writes decisions in short.
func reasons(decisions []amend.Decision) string {
	var all []string
	for _, d := range decisions {
		s := string(d.Reason)
		if d.Plan != nil {
			s += " " + d.Plan.Edits[0].New
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// A change that was decided is there for the events after it.
func TestEachDecisionIsHistoryForTheNext(t *testing.T) {
	events := []amend.Event{
		event(300, 1, amend.Firing), // out of order on purpose
		event(0, 1, amend.Firing), event(10, 11, amend.Firing), event(30, 1, amend.Firing),
		event(120, 1, amend.Firing), event(200, 0, amend.Resolved),
	}
	for mode, want := range map[string]string{
		"commit":       "act 2, duplicate, cooldown, act 3, resolved, bound-reached",
		"pull-request": "act 2, duplicate, duplicate, duplicate, withdrawn, act 2",
		"suggest":      "suggested 2, suggested 2, suggested 2, suggested 2, resolved, suggested 2",
	} {
		if got := reasons(run(t, policy(mode, ""), past{}, events...)); got != want {
			t.Errorf("%s: %s; want %s", mode, got, want)
		}
	}
	if got := reasons(run(t, "", past{}, events[1])); got != "invalid-policy" {
		t.Errorf("without a policy: %s", got)
	}
	if got := run(t, policy("commit", ""), past{}); got != nil {
		t.Errorf("without events: %v", got)
	}
}

// What is proposed in a storm waits, in every mode, and is not there for the events
// after it.
func TestStormsAreReplayed(t *testing.T) {
	got := run(t, policy("commit", "storm: {changes: 1, within: 3h}\n"), past{},
		event(0, 1, amend.Firing), event(120, 1, amend.Firing), event(130, 11, amend.Firing), event(140, 0, amend.Resolved))
	if all := reasons(got); all != "act 2, act 3, duplicate, withdrawn" || got[0].Storm || !got[1].Storm || got[1].Mode != amend.PullRequest {
		t.Errorf("%s; the second is %+v", all, got[1])
	}
}

// As with the writer, a playbook that commits has a budget beside the pull
// requests that wait.
func TestBudgetsCountByMode(t *testing.T) {
	const other = `  - name: stuck
    match: ['alertname="Stuck"']
    workload: {kind: Deployment, namespace: {value: shop}, name: {value: web}}
    action: restart
    mode: `
	stuck := event(1, 0, amend.Firing)
	stuck.Alert.Labels = map[string]string{"alertname": "Stuck"}
	for modes, want := range map[[2]string]string{
		{"pull-request", "commit"}:       "act 2, act",
		{"pull-request", "pull-request"}: "act 2, settling", // the first is for the same workload
		{"commit", "pull-request"}:       "act 2, budget-spent",
	} {
		text := policy(modes[0], "budgets: [{per: repo, changes: 1, within: 1h}]\n") + other + modes[1] + "\n"
		got := reasons(run(t, text, past{}, event(0, 1, amend.Firing), stuck))
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s, then %s: %s; want %s", modes[0], modes[1], got, want)
		}
	}
}

// TestFourRulesForOneCrash: a crash sets off four rules, one after the other, each
// with a playbook of its own. The first is answered; the others fold into its
// change, for pull requests as long as it waits.
func TestFourRulesForOneCrash(t *testing.T) {
	rules := []string{"CrashLoop", "OutOfMemory", "NoReplicas", "Errors"}
	for mode, last := range map[string]int{"pull-request": 600, "commit": 4} {
		text := "apiVersion: amend.dev/v1alpha1\nkind: Policy\nplaybooks:\n"
		for _, rule := range rules {
			text += "  - name: " + strings.ToLower(rule) + "\n    match: ['alertname=\"" + rule + "\"']\n" +
				"    workload: {kind: Deployment, namespace: {value: shop}, name: {value: web}}\n    action: restart\n    mode: " + mode + "\n"
		}
		var events []amend.Event
		for minute := 0; minute <= last; minute += max(1, last/20) {
			for i, rule := range rules {
				e := event(minute, minute, amend.Firing) // all began at noon
				e.ID, e.Identity = rule+".firing", rule
				e.Time = e.Time.Add(time.Duration(i) * 10 * time.Second)
				e.Alert.Labels = map[string]string{"alertname": rule}
				events = append(events, e)
			}
		}
		acted := 0
		for _, d := range run(t, text, past{}, events...) {
			switch {
			case d.Acts():
				acted++
			case d.Reason != amend.ReasonDuplicate && d.Reason != amend.ReasonSettling:
				t.Errorf("%s: %s: %s", mode, d.Reason, d.Detail)
			}
		}
		if acted != 1 {
			t.Errorf("%s: %d changes for one crash", mode, acted)
		}
	}
}

// What came after the recorded events is their consequence and not their past.
func TestLaterHistoryIsNotSeen(t *testing.T) {
	landed := func(at time.Time) past {
		return past{[]amend.Episode{{N: 1, State: amend.EpisodeLanded, At: at}}}
	}
	if got := reasons(run(t, policy("commit", ""), landed(noon.Add(time.Minute)), event(0, 1, amend.Firing))); got != "act 2" {
		t.Errorf("with a later change: %s", got)
	}
	if got := reasons(run(t, policy("commit", ""), landed(noon.Add(-time.Minute)), event(0, 5, amend.Firing))); got != "duplicate" {
		t.Errorf("with an earlier change: %s", got)
	}
}

func TestCompare(t *testing.T) {
	events := []amend.Event{event(0, 1, amend.Firing), event(10, 11, amend.Firing), event(100, 0, amend.Resolved)}
	before := run(t, policy("pull-request", ""), past{}, events...)
	after := run(t, policy("suggest", ""), past{}, events...)
	if same := replay.Compare(before, before); len(same.Differences) > 0 || !strings.Contains(same.Markdown(), "Every event is decided as before.") {
		t.Errorf("%+v", same)
	}
	report := replay.Compare(before, after)
	if diff := cmp.Diff(map[amend.Reason]int{"act": 1, "duplicate": 1, "withdrawn": 1}, report.Before); diff != "" {
		t.Errorf("before: %s", diff)
	}
	want := `<!-- amend simulate --replay -->
### What this policy makes of 3 recorded events

| decision | before | after |
|---|---:|---:|
| act | 1 | 0 |
| suggested | 0 | 2 |
| duplicate | 1 | 0 |
| resolved | 0 | 1 |
| withdrawn | 1 | 0 |

3 of them are decided otherwise:

| when | alert | before | after |
|---|---|---|---|
| 2026-03-01T12:00:00Z | Busy | act: busy (scale-replicas, pull-request), apps/web.yaml:5 1 → 2 | suggested: busy (scale-replicas, suggest), apps/web.yaml:5 1 → 2 |
| 2026-03-01T12:10:00Z | Busy | duplicate: busy (scale-replicas, pull-request) | suggested: busy (scale-replicas, suggest), apps/web.yaml:5 1 → 2 |
| 2026-03-01T13:40:00Z | Busy | withdrawn: busy (scale-replicas, pull-request) | resolved: busy (scale-replicas, suggest) |

Nothing was changed. Pull requests stay open in this replay, and no change is taken back.
`
	if diff := cmp.Diff(want, report.Markdown()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The comment is Markdown on a host, and the names of alerts are anybody's.
func TestMarkdownIsInertAndBounded(t *testing.T) {
	hostile := amend.Decision{Alert: "@jo |x| <img src=x> [l](http://e)\n\n# h", Reason: amend.ReasonAct}
	var before, after []amend.Decision
	for range 60 {
		before, after = append(before, hostile), append(after, amend.Decision{Reason: amend.ReasonDuplicate})
	}
	text := replay.Compare(before, after).Markdown()
	for _, bad := range []string{"@jo", " |x| ", " <img", " [l](", "\n# h"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in it:\n%s", bad, text)
		}
	}
	if rows := strings.Count(text, "\\#"); rows != 50 || !strings.Contains(text, "and 10 more.") {
		t.Errorf("%d rows", rows)
	}
}
