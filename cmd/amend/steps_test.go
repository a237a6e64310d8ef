package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/steps"
)

// requestPolicy answers requests for a restart, beside what the fixture's does.
const requestPolicy = `
  - name: asked
    match: ['alertname="RemediationRequest"']
    workload:
      kind: {label: kind, allowed: [Deployment]}
      namespace: {label: namespace}
      name: {label: name}
    action: restart
    mode: commit
  - name: asked-memory
    match: ['alertname="RemediationRequest"', 'action="raise-memory-limit"']
    workload:
      kind: {label: kind, allowed: [Deployment]}
      namespace: {label: namespace}
      name: {label: name}
    action: raise-memory-limit
    with: {factor: 2, ceiling: 2Gi}
    mode: pull-request
  - name: elsewhere
    match: ['alertname="Elsewhere"']
    workload:
      kind: Deployment
      namespace: {value: bank}
      name: {label: deployment}
    action: restart
    mode: suggest
`

// A play is what a script is played on.
type play struct {
	*stage
	cluster *cluster
	// fires is how many more times Alertmanager says that an alert fires.
	fires atomic.Int64
}

// scriptApps is how many applications the env repo of a script has.
const scriptApps = 5

// alertmanager is one that is up for long, and knows the alerts of the scripts as
// long as they fire.
func (p *play) alertmanager() string {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/status" {
			answer(w, map[string]any{"uptime": time.Now().Add(-time.Hour)})
			return
		}
		var list []any
		for n := 1; n <= scriptApps && p.fires.Load() > 0; n++ {
			for _, name := range []string{"AppStuck", "AppOutOfMemory"} {
				list = append(list, map[string]any{"labels": firing(name, app(n)).Labels, "status": map[string]any{"state": "active"}})
			}
		}
		p.fires.Add(-1)
		answer(w, list)
	}))
	p.Cleanup(web.Close)
	return web.URL
}

// TestSteps runs testdata/steps: the steps of Workflows as their containers run
// them, against a real writer.
func TestSteps(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/steps",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			s := newStage(t, scriptApps, "", nil)
			policy := strings.Replace(s.git("show", "main:.amend/policy.yaml")+requestPolicy,
				"  cooldown: 1h\n", "  cooldown: 1h\n  verify: {after: 20ms, deadline: 1s}\n", 1)
			s.put(".amend/policy.yaml", &policy)
			p := &play{stage: s, cluster: newCluster(s)}
			s.start("--kubeconfig", p.cluster.kubeconfig(), "--sweep-interval", "1h")
			s.eventually("the writer is ready", p.ready)
			env.Values["play"] = p
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("WRITER", "http://"+s.addr)
			env.Setenv("ALERTMANAGER", p.alertmanager())
			env.Setenv("KUBECONFIG_FILE", p.cluster.kubeconfig())
			for name := range clusterTokens {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(name+"\n"), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"event":   playing(3, "event STATUS ALERT APP", (*play).event),
			"changes": playing(2, "changes APP COUNT", (*play).count),
			"writer":  playing(1, "writer kill|start", (*play).process),
			"cluster": playing(2, "cluster down|health|disturb VALUE", (*play).set),
			"alert":   playing(1, "alert TIMES", (*play).lasts),
			"request": playing(3, "request NAMESPACE/NAME ACTION APP", (*play).create),
			"phase":   playing(4, "phase NAMESPACE/NAME PHASE REASON CONDITIONS", (*play).phase),
			"person":  playing(1, "person merge|edit|edit-3", (*play).person),
			"told":    playing(2, "told NUMBER VERDICT", (*play).told),
			"bytes":   playing(2, "bytes PATH as-before", (*play).asBefore),
		},
	})
}

// playing makes a command of a script out of a method.
func playing(args int, usage string, do func(*play, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, given []string) {
		if neg || len(given) != args {
			ts.Fatalf("usage: %s", usage)
		}
		do(ts.Value("play").(*play), ts, given)
	}
}

func (p *play) ready() bool {
	res, err := httpGet("http://" + p.addr + "/readyz")
	return err == nil && res == 200
}

// event puts an event about an application where a Workflow and a file have it.
func (p *play) event(ts *testscript.TestScript, args []string) {
	a := firing(args[1], args[2])
	a.StartsAt = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	a.Annotations = map[string]string{"summary": "{{=1+1}} $(id)"}
	if args[0] == string(amend.Resolved) {
		a = resolved(a)
	}
	e := alert.NewEvent(a, time.Now(), alert.NewIdentity(alert.DefaultVolatile()))
	packed, err := alert.Pack(e)
	ts.Check(err)
	ts.Setenv(steps.EventEnv, packed)
	ce, err := alert.ToCloudEvent(e)
	ts.Check(err)
	data, err := json.Marshal(ce)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("event.json"), data, 0o600))
}

// count checks how many changes of an application are on main, and sets $COMMIT
// to the latest.
func (p *play) count(ts *testscript.TestScript, args []string) {
	all := p.changesOf(args[0])
	if strconv.Itoa(len(all)) != args[1] {
		ts.Fatalf("%d changes of %s are on main, want %s", len(all), args[0], args[1])
	}
	if len(all) > 0 {
		ts.Setenv("COMMIT", all[0].Commit)
	}
	ts.Setenv("TIP", p.tip())
}

func (p *play) process(ts *testscript.TestScript, args []string) {
	if args[0] == "kill" {
		p.kill()
		return
	}
	p.start()
	p.eventually("the writer is ready", p.ready)
}

func (p *play) set(ts *testscript.TestScript, args []string) {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	switch args[0] {
	case "down":
		p.cluster.down = args[1] == "yes"
	case "health":
		p.cluster.health = args[1]
	case "disturb":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		p.cluster.disturb = n
	default:
		ts.Fatalf("the cluster has no %s", args[0])
	}
}

// lasts says how many more times Alertmanager is asked until the alerts are over.
func (p *play) lasts(ts *testscript.TestScript, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	p.fires.Store(int64(n))
}

func (p *play) create(_ *testscript.TestScript, args []string) {
	p.cluster.add(args[0], args[1], args[2])
}

// phase checks the status of a request. The conditions are written as
// Decided=True,Changed=True; - is none.
func (p *play) phase(ts *testscript.TestScript, args []string) {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	got := p.cluster.requests[args[0]].Status
	var conditions []string
	for _, c := range got.Conditions {
		conditions = append(conditions, c.Type+"="+string(c.Status))
	}
	text := strings.Join(conditions, ",")
	if text == "" {
		text = "-"
	}
	if got.Phase != kube.Phase(args[1]) || got.Reason != args[2] || text != args[3] {
		ts.Fatalf("the status is %s, %q, %s; want %v\n%+v", got.Phase, got.Reason, text, args[1:], got)
	}
	ts.Logf("%s: %s", args[0], got.Message)
}

// asBefore checks that a file holds the bytes that it had first.
func (p *play) asBefore(ts *testscript.TestScript, args []string) {
	first := strings.TrimSpace(p.git("rev-list", "--max-parents=0", "main"))
	if was, is := p.git("show", first+":"+args[0]), p.git("show", "main:"+args[0]); was != is {
		ts.Fatalf("%s holds\n%s\nand held\n%s", args[0], is, was)
	}
}

// told checks that a pull request says what became of its change, once.
func (p *play) told(ts *testscript.TestScript, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	labels, _, err := p.api.Issues.ListLabelsByIssue(p.Context(), "acme", "env", n, nil)
	ts.Check(err)
	comments, _, err := p.api.Issues.ListComments(p.Context(), "acme", "env", n, nil)
	ts.Check(err)
	labelled := slices.ContainsFunc(labels, func(l *github.Label) bool { return l.GetName() == "amend/"+args[1] })
	said := slices.DeleteFunc(comments, func(c *github.IssueComment) bool { return !strings.HasPrefix(c.GetBody(), "**"+args[1]+"**: ") })
	if !labelled || len(said) != 1 {
		ts.Fatalf("the labels are %v and the comments %v", labels, comments)
	}
}

// person does what people do to the pull request, or to the file of app-001 or
// app-003.
func (p *play) person(ts *testscript.TestScript, args []string) {
	if n, ok := map[string]int{"edit": 1, "edit-3": 3}[args[0]]; ok {
		path := "apps/" + app(n) + "/deployment.yaml"
		text := strings.Replace(p.git("show", "main:"+path), "replicas: 2 ", "replicas: 7 ", 1)
		p.put(path, &text)
		return
	}
	result, _, err := p.api.PullRequests.Merge(ts.Value("play").(*play).Context(), "acme", "env", 1, "", &github.PullRequestOptions{MergeMethod: "merge"})
	ts.Check(err)
	ts.Setenv("MERGE", result.GetSHA())
}

// httpGet returns the status of an answer.
func httpGet(url string) (int, error) {
	res, err := http.Get(url)
	if err != nil {
		return 0, fmt.Errorf("get: %w", err)
	}
	return res.StatusCode, res.Body.Close()
}
