package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

// parse reads a policy of two playbooks, web-a and web-b, with more fields of the
// policy in front and more fields of web-a.
func parse(t testing.TB, more, playbook string) *policy.Policy {
	t.Helper()
	const one = `  - name: web-%s
    match: ['alertname="WebDown"']
    workload: {kind: Deployment, namespace: {label: namespace}, name: {label: name}}
    action: restart
    mode: commit
`
	text := "apiVersion: amend.dev/v1alpha1\nkind: Policy\n" + more + "playbooks:\n" + fmt.Sprintf(one, "a")
	for line := range strings.Lines(playbook) {
		text += "    " + line
	}
	p, err := policy.Parse("p.yaml", []byte(text+fmt.Sprintf(strings.Replace(one, "WebDown", "WebSlow", 1), "b")), catalogue)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// ask makes the input of an alert that began at a time, in the mode of its playbook.
func ask(t testing.TB, p *policy.Policy, namespace, name string, startsAt, now time.Time) policy.Input {
	t.Helper()
	e := amend.Event{ID: "e1", Alert: amend.Alert{Status: amend.Firing, StartsAt: startsAt,
		Labels: map[string]string{"alertname": "WebDown", "namespace": namespace, "name": name}}}
	b, req, ok, err := p.Choose(e, now)
	if !ok || err != nil {
		t.Fatalf("no playbook: %v", err)
	}
	return policy.Input{Policy: *p, Playbook: b, Request: req, Now: now}
}

// made is a change of a playbook to a workload.
func made(playbook, namespace, name string, episode int, at time.Time) amend.Record {
	object := amend.ObjectRef{Kind: "Deployment", Namespace: namespace, Name: name}
	return amend.Record{Incident: amend.IncidentID(playbook, object), Episode: episode, Playbook: playbook, Target: object.String(), At: at}
}

// open is a pull request of a playbook for a workload that was opened at noon.
func open(playbook, namespace, name string) amend.Record {
	r := made(playbook, namespace, name, 1, noon)
	r.Open = true
	return r
}

func wantReason(t testing.TB, d amend.Decision, want amend.Reason, detail string) {
	t.Helper()
	if d.Reason != want || !strings.Contains(d.Detail, detail) {
		t.Errorf("%s (%s); want %s with %q", d.Reason, d.Detail, want, detail)
	}
}

func TestScope(t *testing.T) {
	p := parse(t, "scope: {namespaces: [shop, team-*]}\n", "")
	for namespace, want := range map[string]amend.Reason{
		"shop": amend.ReasonAct, "team-a": amend.ReasonAct, "team-x-y": amend.ReasonAct,
		"shops": amend.ReasonOutOfScope, "my-team-a": amend.ReasonOutOfScope, "kube-system": amend.ReasonOutOfScope,
	} {
		wantReason(t, policy.Decide(ask(t, p, namespace, "web", noon, noon)), want, "")
	}
}

func TestBudgets(t *testing.T) {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	for _, c := range []struct {
		name, budget string
		records      []amend.Record
		until        time.Duration // after noon; 0 allows
	}{
		{"empty", "{per: repo, changes: 1, within: 1h}", nil, 0},
		{"spent", "{per: repo, changes: 1, within: 1h}", []amend.Record{made("x", "a", "b", 1, ago(time.Minute))}, 59 * time.Minute},
		{"just over", "{per: repo, changes: 1, within: 1h}", []amend.Record{made("x", "a", "b", 1, ago(time.Hour))}, 0},
		{"until the oldest that counts leaves", "{per: repo, changes: 2, within: 1h}",
			[]amend.Record{made("x", "a", "b", 1, ago(time.Minute)), made("x", "a", "b", 2, ago(10*time.Minute)), made("x", "a", "b", 3, ago(20*time.Minute))}, 50 * time.Minute},
		{"one change seen twice", "{per: repo, changes: 2, within: 1h}", []amend.Record{made("x", "a", "b", 1, ago(1)), made("x", "a", "b", 1, ago(2))}, 0},
		{"of another namespace", "{per: namespace, changes: 1, within: 1h}", []amend.Record{made("x", "pay", "b", 1, ago(1))}, 0},
		{"of the namespace", "{per: namespace, changes: 1, within: 1h}", []amend.Record{made("x", "shop", "b", 1, ago(0))}, time.Hour},
		{"of an unknown workload, for the namespace", "{per: namespace, changes: 1, within: 1h}", []amend.Record{{Incident: "x-1", Episode: 1, At: noon}}, time.Hour},
		{"of another workload", "{per: workload, changes: 1, within: 1h}", []amend.Record{made("x", "shop", "b", 1, noon)}, 0},
		{"of the workload", "{per: workload, changes: 1, within: 1h}", []amend.Record{made("x", "shop", "web", 1, noon)}, time.Hour},
		{"of the incident, workload unknown", "{per: workload, changes: 1, within: 1h}",
			[]amend.Record{{Incident: made("web-a", "shop", "web", 1, noon).Incident, Episode: 1, At: noon}}, time.Hour},
		{"of another playbook", "{per: playbook, changes: 1, within: 1h}", []amend.Record{made("web-b", "a", "b", 1, noon)}, 0},
		{"of the playbook", "{per: playbook, changes: 1, within: 1h}", []amend.Record{made("web-a", "a", "b", 1, noon)}, time.Hour},
		{"workloads, a new one", "{per: repo, workloads: 2, within: 1h}", []amend.Record{made("x", "a", "b", 1, ago(1)), made("x", "a", "c", 1, noon)}, time.Hour - 1},
		{"workloads, one of them", "{per: repo, workloads: 2, within: 1h}", []amend.Record{made("x", "shop", "web", 1, noon), made("x", "a", "c", 1, noon)}, 0},
		{"workloads, one of them often", "{per: repo, workloads: 2, within: 1h}", []amend.Record{made("x", "a", "c", 1, noon), made("x", "a", "c", 2, noon)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := ask(t, parse(t, "defaults: {settle: 1ms}\nbudgets: ["+c.budget+"]\n", ""), "shop", "web", noon.Add(time.Minute), noon)
			in.Records = c.records
			if d := policy.Decide(in); c.until == 0 {
				wantReason(t, d, amend.ReasonAct, "")
			} else {
				wantReason(t, d, amend.ReasonBudget, noon.Add(c.until).UTC().Format(time.RFC3339))
			}
			in.Request.Mode = amend.Suggest
			wantReason(t, policy.Decide(in), amend.ReasonSuggested, "")
		})
	}
}

func TestBudgetOfAPolicyWithoutOne(t *testing.T) {
	in := ask(t, parse(t, "", ""), "shop", "web", noon, noon)
	for n := range 10 {
		wantReason(t, policy.Decide(in), amend.ReasonAct, "")
		in.Records = append(in.Records, made("x", "shop", fmt.Sprint(n), 1, noon))
	}
	wantReason(t, policy.Decide(in), amend.ReasonBudget, "10 changes per repo within 5m")
	in.Policy = *parse(t, "budgets: []\n", "")
	wantReason(t, policy.Decide(in), amend.ReasonAct, "")
}

// TestBudgetIsNeverExceeded lets any alerts arrive at any times and counts the
// changes in every window.
func TestBudgetIsNeverExceeded(t *testing.T) {
	const most, within = 3, 60 * time.Minute
	p := parse(t, "defaults: {cooldown: 1m, breaker: {changes: 1000, within: 1m}}\nbudgets: [{per: repo, changes: 3, within: 60m}, {per: namespace, workloads: 2, within: 30m}]\n", "")
	rapid.Check(t, func(rt *rapid.T) {
		now := noon
		var records []amend.Record
		for range rapid.IntRange(1, 40).Draw(rt, "alerts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "minutes")) * time.Minute)
			in := ask(t, p, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "namespace"), rapid.SampledFrom([]string{"u", "v", "w"}).Draw(rt, "name"), now, now)
			in.Records = records
			if d := policy.Decide(in); d.Acts() {
				records = append(records, made("web-a", in.Request.Workload.Namespace, in.Request.Workload.Name, len(records), now))
			}
		}
		for _, r := range records {
			n, workloads := 0, map[string]bool{}
			for _, other := range records {
				if d := other.At.Sub(r.At); d >= 0 && d < within {
					n++
				}
				if d := other.At.Sub(r.At); d >= 0 && d < 30*time.Minute && strings.Contains(other.Target, "/a/") {
					workloads[other.Target] = true
				}
			}
			if n > most || len(workloads) > 2 {
				rt.Fatalf("%d changes and %d workloads of a after %s: %v", n, len(workloads), r.At, records)
			}
		}
	})
}

func TestFreezes(t *testing.T) {
	const weekend = `freezes: [{name: weekend, schedule: "0 18 * * 5", duration: 62h, timeZone: Europe/Berlin}]` + "\n"
	const sale = `freezes: [{name: sale, schedule: "0 0 * * *", duration: 30h, namespaces: [shop], playbooks: [web-a]}]` + "\n"
	at := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct{ freeze, namespace, now, until string }{
		{weekend, "shop", "2026-01-09T16:59:59Z", ""},
		{weekend, "shop", "2026-01-09T17:00:00Z", "2026-01-12T07:00:00Z"},
		{weekend, "shop", "2026-01-12T06:59:59Z", "2026-01-12T07:00:00Z"},
		{weekend, "shop", "2026-01-12T07:00:00Z", ""},
		{weekend, "shop", "2026-07-10T15:59:59Z", ""}, // an hour earlier in summer
		{weekend, "shop", "2026-07-10T16:00:00Z", "2026-07-13T06:00:00Z"},
		{weekend, "shop", "2026-03-28T12:00:00Z", "2026-03-30T07:00:00Z"}, // the clock goes forward meanwhile
		{sale, "pay", "2026-01-09T16:59:59Z", ""},
		{sale, "shop", "2026-01-09T16:59:59Z", "2028-10-05T06:00:00Z"}, // as far as it is looked for
	} {
		d := policy.Decide(ask(t, parse(t, c.freeze, ""), c.namespace, "web", noon, at(c.now)))
		if c.until == "" {
			wantReason(t, d, amend.ReasonAct, "")
		} else {
			wantReason(t, d, amend.ReasonFrozen, c.until)
		}
	}
}

func TestSettling(t *testing.T) {
	p := parse(t, "", "settle: 10m\n")
	for name, c := range map[string]struct {
		record      amend.Record
		starts, now time.Duration // from noon, when it landed
		want        amend.Reason
	}{
		"may end it too":        {made("web-b", "shop", "web", 1, noon), -time.Minute, time.Minute, amend.ReasonSettling},
		"has not ended it":      {made("web-b", "shop", "web", 1, noon), -time.Minute, 10 * time.Minute, amend.ReasonAct},
		"new trouble":           {made("web-b", "shop", "web", 1, noon), time.Second, time.Minute, amend.ReasonAct},
		"of another workload":   {made("web-b", "shop", "api", 1, noon), -time.Minute, time.Minute, amend.ReasonAct},
		"of the same incident":  {made("web-a", "shop", "web", 1, noon), -time.Minute, time.Minute, amend.ReasonAct},
		"of the same name only": {made("web-b", "pay", "web", 1, noon), -time.Minute, time.Minute, amend.ReasonAct},
		"waits":                 {open("web-b", "shop", "web"), 100 * time.Hour, 101 * time.Hour, amend.ReasonSettling},
		"waits, other workload": {open("web-b", "shop", "api"), time.Hour, time.Hour, amend.ReasonAct},
		"waits, same incident":  {open("web-a", "shop", "web"), time.Hour, time.Hour, amend.ReasonAct},
	} {
		t.Run(name, func(t *testing.T) {
			in := ask(t, p, "shop", "web", noon.Add(c.starts), noon.Add(c.now))
			in.Records = []amend.Record{c.record}
			wantReason(t, policy.Decide(in), c.want, "")
		})
	}
}

// TestLeakThatReturns is a leak: each raise ends the alert, and it comes back.
func TestLeakThatReturns(t *testing.T) {
	p := parse(t, "budgets: []\ndefaults: {cooldown: 1h}\n", "")
	var episodes []amend.Episode
	now, acted := noon, 0
	for range 72 / 2 {
		in := ask(t, p, "shop", "web", now, now)
		in.Episodes = episodes
		d := policy.Decide(in)
		if d.Acts() {
			acted++
			episodes = append(episodes, amend.Episode{N: d.Episode, State: amend.EpisodeLanded, At: now, Action: "restart"})
		} else if now.Sub(noon) < 24*time.Hour {
			wantReason(t, d, amend.ReasonBreaker, "3 changes within 1d")
		}
		now = now.Add(2 * time.Hour)
	}
	if acted != 9 { // three on each day
		t.Errorf("acted %d times in three days", acted)
	}
}

func TestTakenBack(t *testing.T) {
	p := parse(t, "defaults: {veto: 7d, breaker: {changes: 9, within: 24h}}\n", "")
	for name, c := range map[string]struct {
		byPerson bool
		now      time.Duration
		want     amend.Reason
		says     string
	}{
		"by a person":           {true, time.Hour, amend.ReasonVetoed, "A person took the change of episode 1 back"},
		"by a person, long ago": {true, 7 * 24 * time.Hour, amend.ReasonAct, ""},
		"by amend":              {false, time.Hour, amend.ReasonBreaker, "because it did not help or somebody asked for that"},
		"by amend, a day ago":   {false, 24 * time.Hour, amend.ReasonAct, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := ask(t, p, "shop", "web", noon.Add(c.now), noon.Add(c.now))
			in.Episodes = []amend.Episode{{N: 1, State: amend.EpisodeLanded, At: noon.Add(-2 * time.Hour), TakenBack: &amend.TakenBack{Commit: strings.Repeat("a", 40), At: noon, ByPerson: c.byPerson}}}
			wantReason(t, policy.Decide(in), c.want, c.says)
		})
	}
}

func TestLadder(t *testing.T) {
	p := parse(t, "budgets: []\n", "then:\n  - {action: scale-replicas, with: {max: 6}}\n  - {action: switch-color, with: {to: blue}}\n")
	var tried []string
	in := ask(t, p, "shop", "web", noon, noon)
	for hour := range 4 {
		in.Now = noon.Add(time.Duration(hour) * time.Hour)
		d := policy.Decide(in)
		if !d.Acts() {
			break
		}
		req := in.Playbook.Rung(in.Request, d.Action)
		tried = append(tried, fmt.Sprint(req.Action, req.Params))
		in.Episodes = append(in.Episodes, amend.Episode{N: d.Episode, State: amend.EpisodeLanded, At: in.Now, Action: d.Action})
		in.Now = in.Now.Add(time.Minute)
		wantReason(t, policy.Decide(in), amend.ReasonDuplicate, "")
	}
	if want := []string{"restartmap[]", "scale-replicasmap[by:1 max:6]", "switch-colormap[to:blue]"}; !slices.Equal(tried, want) {
		t.Errorf("tried %q, want %q", tried, want)
	}
	in.Now = in.Now.Add(time.Hour)
	wantReason(t, policy.Decide(in), amend.ReasonStillFiring, "")

	in.Request.Event.Alert.StartsAt = in.Now // it ended, and comes back
	wantReason(t, policy.Decide(in), amend.ReasonBreaker, "3 changes")
	in.Playbook.Breaker.Changes = 4
	if d := policy.Decide(in); d.Action != "restart" || !d.Acts() {
		t.Errorf("new trouble: %s of %s", d.Reason, d.Action)
	}
}

func TestConditions(t *testing.T) {
	const guarded = `when: '"severity" in labels && labels.severity == "critical" && now - startsAt >= duration("10m")'` + "\n"
	const workload = `when: workload.kind == "Deployment" && workload.namespace.startsWith("team-") && workload.container == ""` + "\n"
	const costly = `when: labels.all(a, labels.all(b, labels.all(c, labels.all(d, a != "none" && b != "none" && c != "none" && d != "none"))))` + "\n"
	many := map[string]string{}
	for n := range 60 {
		many[fmt.Sprint("label", n)] = "x"
	}
	for name, c := range map[string]struct {
		when   string
		labels map[string]string
		age    time.Duration
		want   bool
		reason amend.Reason
	}{
		"holds":           {guarded, map[string]string{"severity": "critical"}, 10 * time.Minute, true, ""},
		"too young":       {guarded, map[string]string{"severity": "critical"}, 9 * time.Minute, false, ""},
		"no label":        {guarded, nil, time.Hour, false, ""},
		"of the workload": {workload, map[string]string{"namespace": "team-a"}, 0, true, ""},
		"of another":      {workload, nil, 0, false, ""},
		"missing label":   {"when: labels.severity == \"critical\"\n", nil, 0, true, amend.ReasonCondition},
		"not a number":    {"when: double(labels.severity) > 1.0\n", map[string]string{"severity": "{{hostile}}"}, 0, true, amend.ReasonCondition},
		"too costly":      {costly, many, 0, true, amend.ReasonCondition},
	} {
		t.Run(name, func(t *testing.T) {
			e := amend.Event{Alert: amend.Alert{Status: amend.Firing, StartsAt: noon.Add(-c.age), Labels: map[string]string{"alertname": "WebDown", "namespace": "shop", "name": "web"}}}
			for k, v := range c.labels {
				e.Alert.Labels[k] = v
			}
			b, _, ok, err := parse(t, "", c.when).Choose(e, noon)
			if ok != c.want || amend.ReasonOf(err) != c.reason || ok && b.Name != "web-a" {
				t.Fatalf("playbook %q, %v, %v", b.Name, ok, err)
			}
			if err != nil && strings.Contains(err.Error(), "hostile") {
				t.Errorf("the error quotes the alert: %v", err)
			}
		})
	}
}

// TestConditionLeavesTheRest shows that what a condition does not hold for goes on
// to the next playbook.
func TestConditionLeavesTheRest(t *testing.T) {
	p := load(t, "testdata/good/guards.txtar")
	for severity, want := range map[string]string{"critical": "critical", "info": "web-down"} {
		b, ok := choose(p, amend.Alert{Labels: map[string]string{"alertname": "WebDown", "namespace": "shop", "name": "web", "severity": severity}})
		if !ok || b.Name != want {
			t.Errorf("severity %s goes to %q, want %q", severity, b.Name, want)
		}
	}
}
