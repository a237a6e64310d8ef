package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// An alert is what Prometheus would send.
type alert struct {
	name        string
	labels      map[string]string
	annotations map[string]string
	search      search // what would be searched for without amend, if anything
}

var alerts = []alert{
	{
		name:        "WebAppHighAnomalyScore",
		labels:      map[string]string{"severity": "critical", "job": "webapp"},
		annotations: map[string]string{"summary": "Anomaly score of webapp is 91 (limit 80)", "value": "91"},
	},
	{
		name: "ContainerOutOfMemory",
		labels: map[string]string{
			"severity": "critical", "namespace": "checkout", "deployment": "checkout", "container": "checkout", "pod": "checkout-6d5f9c7b8-x2x4v",
		},
		annotations: map[string]string{"summary": "checkout was killed 3 times for want of memory in 10m"},
		search: search{
			field: "spec.template.spec.containers[name=checkout].resources.limits.memory", value: "512Mi", folder: "apps/checkout",
		},
	},
	{
		name: "PodCrashLoopBackOff",
		labels: map[string]string{
			"severity": "critical", "namespace": "payments", "deployment": "payments", "container": "payments", "pod": "payments-7c9c5d9f4-8kq2m",
		},
		annotations: map[string]string{"summary": "payments restarted 7 times since release 3.3.0"},
		search:      search{field: "spec.template.spec.containers[name=payments].image", value: "3.3.0", folder: "apps/payments"},
	},
}

// fire sends all alerts to Alertmanager, as Prometheus does.
func (w *world) fire(ctx context.Context) (time.Time, error) {
	type posted struct {
		Labels       map[string]string `json:"labels"`
		Annotations  map[string]string `json:"annotations"`
		StartsAt     time.Time         `json:"startsAt"`
		GeneratorURL string            `json:"generatorURL"`
	}
	var body []posted
	for _, a := range alerts {
		labels := map[string]string{"alertname": a.name}
		maps.Copy(labels, a.labels)
		body = append(body, posted{labels, a.annotations, w.began, "http://prometheus.example.com/graph"})
	}
	fired := time.Now()
	return fired, w.call(ctx, http.MethodPost, w.alertmanager+"/api/v2/alerts", "", body, nil)
}

// A decision is what amend says about one event; see GET /v1/decisions.
type decision struct {
	EventID, Alert, Reason, Detail, Playbook, Action, Mode, Incident string
	Workload                                                         workload
	Plan                                                             *struct{ Diff string }
	Change                                                           *struct {
		Kind, Commit, Branch, URL string
		Number                    int
	}
	Verdict *struct {
		State, Detail string
		At            time.Time
	}
	ReceivedAt, DecidedAt, ChangedAt time.Time
}

type workload struct{ Kind, Namespace, Name string }

func (w workload) String() string { return w.Kind + " " + w.Namespace + "/" + w.Name }

func (d decision) what() string {
	if d.Change.Number > 0 {
		return fmt.Sprintf("pull request %d: %s", d.Change.Number, d.Change.URL)
	}
	return fmt.Sprintf("commit %.10s on %s", d.Change.Commit, d.Change.Branch)
}

// decision waits for the first decision about an alert.
func (w *world) decision(ctx context.Context, name string) (decision, error) {
	var found decision
	err := poll(ctx, "a decision", func() (bool, error) {
		var all []decision
		if err := w.call(ctx, http.MethodGet, w.amend+"/v1/decisions?limit=1000", w.secret, nil, &all); err != nil {
			return false, err
		}
		for _, d := range all {
			if d.Alert == name {
				found = d
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

func (w *world) merge(ctx context.Context, number int) error {
	url := fmt.Sprintf("%s/api/v3/repos/%s/pulls/%d/merge", w.forge, repo, number)
	return w.call(ctx, http.MethodPut, url, w.token, map[string]string{"merge_method": "merge"}, nil)
}

// An entry is one record of remediation-log.yaml.
type entry struct {
	Incident string `yaml:"incident"`
	Episode  int    `yaml:"episode"`
	Commit   string `yaml:"commit"`
	Verdict  string `yaml:"verdict"`
}

// log reads the log on the branch.
func (w *world) log(ctx context.Context) (string, []entry, error) {
	if _, err := w.git(ctx, "fetch", "-q", "origin"); err != nil {
		return "", nil, err
	}
	if files, err := w.git(ctx, "ls-tree", "--name-only", "origin/main", "remediation-log.yaml"); err != nil || files == "" {
		return "", nil, err
	}
	text, err := w.git(ctx, "show", "origin/main:remediation-log.yaml")
	if err != nil {
		return "", nil, err
	}
	var entries []entry
	err = yaml.Unmarshal([]byte(text), &entries)
	return text, entries, err
}

// record waits for the incident's entry and returns it as it stands in the log.
func (w *world) record(ctx context.Context, incident string) (text string, at time.Time, err error) {
	err = poll(ctx, "the record of "+incident, func() (bool, error) {
		whole, entries, err := w.log(ctx)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if e.Incident == incident {
				text = cutEntry(whole, incident)
				return true, nil
			}
		}
		return false, nil
	})
	return text, time.Now(), err
}

// verdict waits until it is known what became of a change, and until the log says
// so too. It returns the decision with the verdict, and the entry.
func (w *world) verdict(ctx context.Context, d decision) (decision, string, error) {
	err := poll(ctx, "the verdict on "+d.Incident, func() (ok bool, err error) {
		d, err = w.decision(ctx, d.Alert)
		return d.Verdict != nil, err
	})
	if err != nil {
		return d, "", err
	}
	var text string
	err = poll(ctx, "the verdict on "+d.Incident+" in the log", func() (bool, error) {
		whole, entries, err := w.log(ctx)
		text = cutEntry(whole, d.Incident)
		return slices.ContainsFunc(entries, func(e entry) bool { return e.Incident == d.Incident && e.Verdict == d.Verdict.State }), err
	})
	return d, text, err
}

// cutEntry returns the lines of the list item that mentions the incident.
func cutEntry(log, incident string) string {
	for _, item := range strings.Split("\n"+log, "\n- ")[1:] {
		if strings.Contains(item, incident) {
			return "- " + strings.TrimRight(item, "\n")
		}
	}
	return ""
}

var delivered = regexp.MustCompile(`(?m)^amend_gateway_alerts_total\{[^}]*\} ([0-9.e+]+)$`)

// deliveries counts the alerts that reached amend, folded ones included.
func (w *world) deliveries(ctx context.Context) (int, error) {
	var text bytes.Buffer
	if err := w.call(ctx, http.MethodGet, w.amend+"/metrics", "", nil, &text); err != nil {
		return 0, err
	}
	total := 0.0
	for _, m := range delivered.FindAllStringSubmatch(text.String(), -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return int(total), nil
}

// A state is what anybody with a clone, and the API for pull requests, sees.
type state struct {
	head                      string
	commits, pulls            int
	alerts, records, repeated int
}

func (s state) String() string {
	return fmt.Sprintf("demo: %s, %s, %s, %s, %d duplicates",
		count(s.alerts, "alert"), count(s.commits, "commit"), count(s.pulls, "pull request"), count(s.records, "record"), s.repeated)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func (w *world) state(ctx context.Context) (state, error) {
	_, entries, err := w.log(ctx)
	if err != nil {
		return state{}, err
	}
	s := state{records: len(entries)}
	var pulls []struct{ Number int }
	if err := w.call(ctx, http.MethodGet, w.forge+"/api/v3/repos/"+repo+"/pulls?state=all", w.token, nil, &pulls); err != nil {
		return state{}, err
	}
	s.pulls = len(pulls)
	head, err := w.git(ctx, "rev-parse", "origin/main")
	if err != nil {
		return state{}, err
	}
	s.head = strings.TrimSpace(head)
	// Direct commits are on the first parents; those of pull requests are not.
	direct, err := w.trailers(ctx, "--first-parent")
	if err != nil {
		return state{}, err
	}
	all, err := w.trailers(ctx)
	if err != nil {
		return state{}, err
	}
	seen, names := map[string]int{}, map[string]bool{}
	for _, line := range all {
		seen[line]++
		name, _, _ := strings.Cut(line, " ")
		names[name] = true
	}
	s.commits, s.alerts = len(direct), len(names)
	for _, n := range seen {
		s.repeated += n - 1
	}
	return s, nil
}

// trailers lists incident and episode of every change in the branch's history.
func (w *world) trailers(ctx context.Context, more ...string) ([]string, error) {
	args := append([]string{"log", "--format=%(trailers:key=Amend-Incident,valueonly,separator=) %(trailers:key=Amend-Episode,valueonly,separator=)", "origin/main"}, more...)
	out, err := w.git(ctx, args...)
	var lines []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, err
}

// call does one HTTP request with JSON in and out; a *bytes.Buffer takes text.
func (w *world) call(ctx context.Context, method, url, token string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.300s (%v)", method, req.URL.Path, resp.Status, data, err)
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *bytes.Buffer:
		_, err = out.Write(data)
		return err
	default:
		return json.Unmarshal(data, out)
	}
}
