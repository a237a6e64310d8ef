package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/audit"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// TestHonestHistory: what amend, its record workflow and people do every day
// breaks no promise.
func TestHonestHistory(t *testing.T) {
	r := base(t)
	change := r.commit(scale("web", 1, 2))
	r.record()
	// By a person, who may do anything.
	r.commit(draft{message: "by hand", files: map[string]string{"README.md": "-", ".amend/policy.yaml": policyText + "# more\n"}})
	// Through a pull request that is merged, with its text in the merge.
	mainline := r.head
	branch := r.write("refs/heads/amend/x-1", scale("api", 1, 3))
	r.commit(draft{message: "Merge pull request #1\n\n" + text(trailersOf("api", 1)), parents: []string{mainline, branch}, files: map[string]string{fileOf("api"): deployment("api", 3)}})
	// Squashed, with the lines that hosts add.
	squash := scale("web", 2, 4)
	squash.message = strings.TrimSpace(squash.message) + "\nCo-authored-by: Jo <jo@example.com>\n"
	r.commit(squash)
	r.record()
	// Taken back by amend, and by a person.
	back, _ := message.ParseTrailers(squash.message)
	r.commit(draft{message: message.Revert(back, r.git(nil, "rev-parse", "main~1"), nil, start), files: map[string]string{fileOf("web"): deployment("web", 2)}})
	r.commit(draft{message: "Revert \"scale\"\n\nThis reverts commit " + change + ".\n", files: map[string]string{fileOf("web"): deployment("web", 1)}})

	// By the second action of a playbook.
	stuck := trailersOf("web", 1)
	stuck.Playbook, stuck.Action = "stuck", "restart"
	stuck.Incident = amend.IncidentID("stuck", stuck.Workload)
	r.commit(draft{message: text(stuck), files: map[string]string{fileOf("web"): deployment("web", 9)}})
	r.record()

	report := r.audit(audit.Options{})
	if !report.Holds() || len(report.Pending) > 0 {
		t.Errorf("violations %+v, pending %v", report.Violations, report.Pending)
	}
	if report.Changes != 4 || report.Reverts != 1 || report.Judged != 5 || report.Entries != 4 || report.Commits != r.commits {
		t.Errorf("counts %+v, want 4 changes, 1 revert, 5 judged, 4 entries, %d commits", report, r.commits)
	}
}

// TestViolations breaks each promise in one way at a time.
func TestViolations(t *testing.T) {
	edit := func(files ...string) draft {
		d := scale("web", 1, 2)
		for i := 0; i < len(files); i += 2 {
			d.files[files[i]] = files[i+1]
		}
		return d
	}
	with := func(change func(*message.Trailers)) draft {
		d, tr := scale("web", 1, 2), trailersOf("web", 1)
		change(&tr)
		d.message = text(tr)
		return d
	}
	replaced := func(old, now string) draft {
		return edit(fileOf("web"), strings.Replace(deployment("web", 2), old, now, 1))
	}
	line7, _ := amend.ParseRepoPath("apps/api/deployment.yaml")
	for name, c := range map[string]struct {
		draft draft
		want  string
	}{
		"nothing":             {draft{message: text(trailersOf("web", 1))}, "changes no file"},
		"another line":        {with(func(t *message.Trailers) { t.Line = 3 }), "line 3, which it does not change"},
		"another file":        {with(func(t *message.Trailers) { t.Path = line7 }), "which it does not change"},
		"another incident":    {with(func(t *message.Trailers) { t.Incident = "busy-0123456789" }), "its incident is busy-0123456789"},
		"an unknown action":   {with(func(t *message.Trailers) { t.Action = "nuke" }), "no action nuke"},
		"an unknown playbook": {with(func(t *message.Trailers) { t.Playbook, t.Incident = "x", amend.IncidentID("x", t.Workload) }), "has no playbook x"},
		"another's action":    {with(func(t *message.Trailers) { t.Action = "restart" }), "has another action than restart"},
		"a kind too many": {with(func(t *message.Trailers) {
			t.Workload.Kind = "Secret"
			t.Incident = amend.IncidentID("busy", t.Workload)
		}), `may not change a "Secret"`},
		"the policy":       {edit(".amend/policy.yaml", policyText+"\n# x"), "which no change may"},
		"a workflow":       {edit(".github/workflows/x.yml", "a: b"), "which no change may"},
		"a file is added":  {edit("apps/new.yaml", "a: b\n"), "adds or removes"},
		"a file goes":      {edit("README.md", "-"), "adds or removes"},
		"no manifest":      {edit("README.md", "ho\n"), "is no manifest"},
		"another workload": {edit(fileOf("api"), deployment("api", 2)), `changes "api"`},
		"a link":           {draft{message: text(trailersOf("web", 1)), mode: "120000", files: map[string]string{fileOf("web"): "/etc/passwd"}}, "from mode 100644 to 120000"},
		"a mode":           {draft{message: text(trailersOf("web", 1)), mode: "100755", files: map[string]string{fileOf("web"): deployment("web", 2)}}, "from mode 100644 to 100755"},
		"a command":        {replaced("          image:", "          command: [sh]\n          image:"), "containers[0].command[0]"},
		"an identity":      {replaced("    spec:", "    spec:\n      serviceAccountName: admin"), "serviceAccountName"},
		"a value goes":     {replaced("          resources:\n            limits:\n              memory: 256Mi\n", ""), "removes"},
		"a name":           {replaced("  name: web", "  name: other"), "adds, removes or renames an object"},
		"an object":        {edit(fileOf("web"), deployment("web", 2)+"---\napiVersion: v1\nkind: Secret\nmetadata: {name: x}\n"), "adds, removes or renames an object"},
		"broken YAML":      {edit(fileOf("web"), deployment("web", 2)+"}\n"), "not readable YAML"},
		"a comment only":   {edit(fileOf("web"), strings.Replace(deployment("web", 1), "replicas: 1", "replicas: 1 # one", 1)), "changes no value"},
		"too large":        {edit(fileOf("web"), deployment("web", 2)+strings.Repeat("# more\n", 100)), "touches"},
	} {
		t.Run(name, func(t *testing.T) {
			r := base(t)
			sha := r.commit(c.draft)
			r.record()
			want(t, r.audit(audit.Options{}), audit.Bounded, sha, c.want)
		})
	}
}

// want checks that a report holds violations of one invariant and commit alone,
// and that one of them says what is wanted.
func want(t *testing.T, r audit.Report, i audit.Invariant, sha, text string) {
	t.Helper()
	said := false
	for _, v := range r.Violations {
		said = said || strings.Contains(v.Found, text)
		if v.Invariant != i || v.Commit != sha || v.Do == "" {
			t.Errorf("a violation of %s in %s, want only %s in %s: %s", v.Invariant, v.Commit, i, sha, v.Found)
		}
	}
	if !said {
		t.Errorf("nothing says %q: %+v", text, r.Violations)
	}
}

// Files that are no YAML: programs, and text that becomes a value.
func TestPrograms(t *testing.T) {
	const program = "local name = 'web';\n{\n  spec: { replicas: 1 },\n  data: |||\n    image: latest\n  |||,\n}\n"
	for name, c := range map[string]struct {
		file, before, old, now string
		line                   int
		want                   string
	}{
		"a value":          {"a.jsonnet", program, "replicas: 1", "replicas: 2", 3, ""},
		"a text":           {"a.libsonnet", program, "'web'", "'api'", 1, ""},
		"a block":          {"a.jsonnet", program, "latest", "stable", 5, ""},
		"a field more":     {"a.jsonnet", program, "replicas: 1 }", "replicas: 1, metadata: { annotations: { a: 'b' } } }", 3, ""},
		"an import":        {"a.jsonnet", program, "replicas: 1", "replicas: import 'x'", 3, "adds logic"},
		"a call":           {"a.jsonnet", program, "replicas: 1", "replicas: std.length('x')", 3, "adds logic"},
		"a command":        {"a.jsonnet", program, "replicas: 1", "replicas: 1, command: ['x']", 3, "adds logic, or a field"},
		"a field less":     {"a.jsonnet", program, "{ replicas: 1 }", "{}", 3, "takes away"},
		"a line less":      {"a.jsonnet", program, "local name = 'web';\n", "", 1, "takes away"},
		"many lines":       {"a.jsonnet", program, "{ replicas", "{\n" + strings.Repeat("a: 1,\n", 20) + "replicas", 3, "more of the program"},
		"a setting":        {"web.env", "A=1\nB=2\n", "B=2", "B=3", 2, ""},
		"what is no text":  {"web.env", "A=1\n", "A=1", "A=\x00", 1, "no text"},
		"a script in pass": {"run.sh", "echo 1\n", "1", "2", 0, "not what it is about"},
	} {
		t.Run(name, func(t *testing.T) {
			r := base(t)
			r.commit(draft{message: "program", files: map[string]string{c.file: c.before}})
			d := scale("web", 1, 2)
			if tr := trailersOf("web", 1); c.line > 0 {
				tr.Path, _ = amend.ParseRepoPath(c.file)
				tr.Line = c.line
				d = draft{message: text(tr), files: map[string]string{}}
			}
			d.files[c.file] = strings.Replace(c.before, c.old, c.now, 1)
			sha := r.commit(d)
			r.record()
			report := r.audit(audit.Options{})
			if c.want == "" {
				if !report.Holds() {
					t.Errorf("%+v", report.Violations)
				}
				return
			}
			said := slices.ContainsFunc(report.Violations, func(v audit.Violation) bool { return strings.Contains(v.Found, c.want) && v.Commit == sha })
			if !said {
				t.Errorf("nothing says %q: %+v", c.want, report.Violations)
			}
		})
	}
}

func TestTemplates(t *testing.T) {
	const chart = "charts/web/templates/deployment.yaml"
	const template = "{{- if .Values.on }}\nreplicas: {{ .Values.n | default 3 }}\nfixed: 1\n{{- end }}\n"
	for now, wrong := range map[string]string{
		strings.Replace(template, "fixed: 1", "fixed: 2", 1):      "",
		strings.Replace(template, "default 3", "default 4", 1):    "",
		strings.Replace(template, "fixed: 1", "command: x", 1):    "a field that no change may set",
		strings.Replace(template, ".Values.n ", ".Values.m ", 1):  "logic of the template",
		strings.Replace(template, "if .Values.on", "if true", 1):  "logic of the template",
		strings.Replace(template, "fixed: 1", "{{ .Files }}", 1):  "logic of the template",
		strings.Replace(template, "default 3", "default .x", 1):   "logic of the template",
		strings.Replace(template, "fixed: 1", "fixed: 1 {{", 1):   "logic of the template",
		strings.Replace(template, "fixed: 1\n", "a: {{ .b }}", 1): "logic of the template",
	} {
		r := base(t)
		r.commit(draft{message: "chart", files: map[string]string{chart: template}})
		tr := trailersOf("web", 1)
		tr.Path, _ = amend.ParseRepoPath(chart)
		tr.Line = 3
		if strings.Contains(now, "default 4") || strings.Contains(now, ".Values.m") || strings.Contains(now, "default .x") {
			tr.Line = 2
		} else if strings.Contains(now, "if true") {
			tr.Line = 1
		}
		sha := r.commit(draft{message: text(tr), files: map[string]string{chart: now}})
		r.record()
		report := r.audit(audit.Options{})
		if wrong == "" {
			if !report.Holds() {
				t.Errorf("%s: %+v", now, report.Violations)
			}
			continue
		}
		want(t, report, audit.Bounded, sha, wrong)
	}
}

// A change may add a patch for its workload, and for no other object.
func TestPatches(t *testing.T) {
	const overlay = "prod/kustomization.yaml"
	const none = "resources: [../apps]\n"
	const patch = none + `patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: web
        namespace: shop
      spec:
        replicas: 2
`
	const targeted = none + `patches:
  - target: {group: apps, version: v1, kind: Deployment, name: web, namespace: shop}
    patch: |-
      - op: replace
        path: /spec/replicas
        value: 2
`
	replaced := func(old, now string) string { return strings.Replace(patch, old, now, 1) }
	for name, c := range map[string]struct {
		before, after string
		line          int
		want          string
	}{
		"of the workload":           {none, patch, 2, ""},
		"of its name in the base":   {none, replaced("name: web", "name: we"), 2, ""},
		"of another one":            {none, replaced("name: web", "name: api"), 2, "metadata.name"},
		"of another kind":           {none, replaced("Deployment", "ClusterRole"), 2, "|kind"},
		"of another namespace":      {none, replaced("shop", "kube-system"), 2, "metadata.namespace"},
		"of a forbidden field":      {none, replaced("replicas: 2", "template: {spec: {hostNetwork: true}}"), 2, "hostNetwork"},
		"by a target":               {none, targeted, 2, ""},
		"by a target of all":        {none, strings.Replace(targeted, "name: web", "name: .*", 1), 2, "target.name"},
		"by a target of a kind":     {none, strings.Replace(targeted, "Deployment", "Secret", 1), 2, "target.kind"},
		"by a pointer to a command": {none, strings.Replace(targeted, "/spec/replicas", "/spec/template/spec/containers/0/command", 1), 2, "path"},
		"of another value":          {replaced("replicas: 2", "replicas: 1"), patch, 10, ""},
		"that was another object's": {replaced("name: web", "name: wa"), patch, 7, "metadata.name"},
		"and another apiVersion":    {replaced("apps/v1", "apps/v2"), patch, 4, "apiVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			r := base(t)
			r.commit(draft{message: "overlay", files: map[string]string{overlay: c.before}})
			tr := trailersOf("web", 1)
			tr.Path, _ = amend.ParseRepoPath(overlay)
			tr.Line = c.line
			sha := r.commit(draft{message: text(tr), files: map[string]string{overlay: c.after}})
			r.record()
			report := r.audit(audit.Options{})
			if c.want == "" {
				if !report.Holds() {
					t.Errorf("%+v", report.Violations)
				}
				return
			}
			want(t, report, audit.Bounded, sha, c.want)
		})
	}
}

func TestOneChange(t *testing.T) {
	r := base(t)
	first := r.commit(scale("web", 1, 2))
	second := r.commit(scale("web", 1, 3)) // forged, or a cherry-pick
	r.record()
	want(t, r.audit(audit.Options{}), audit.OneChange, second, first)

	// Once one of them is taken back, one is live.
	revert := r.commit(draft{message: "Revert\n\nThis reverts commit " + second + ".\n", files: map[string]string{fileOf("web"): deployment("web", 2)}})
	if report := r.audit(audit.Options{}); !report.Holds() {
		t.Errorf("after a revert: %+v", report.Violations)
	}
	// And when that is taken back, two are live again.
	r.commit(draft{message: "Reapply\n\nThis reverts commit " + revert + ".\n", files: map[string]string{fileOf("web"): deployment("web", 3)}})
	want(t, r.audit(audit.Options{}), audit.OneChange, second, first)
}

// A merge that is taken back takes the change back that it brought.
func TestRevertOfMerge(t *testing.T) {
	r := base(t)
	mainline := r.head
	branch := r.write("refs/heads/amend/x-1", scale("web", 1, 2))
	merge := r.commit(draft{message: "Merge", parents: []string{mainline, branch}, files: map[string]string{fileOf("web"): deployment("web", 2)}})
	r.commit(draft{message: "Revert \"Merge\"\n\nThis reverts commit " + merge + ", reversing\nchanges made to " + mainline + ".\n", files: map[string]string{fileOf("web"): deployment("web", 1)}})
	r.commit(scale("web", 1, 2)) // brought again by hand
	r.record()
	if report := r.audit(audit.Options{}); !report.Holds() {
		t.Errorf("%+v", report.Violations)
	}
}

func TestReverts(t *testing.T) {
	for name, c := range map[string]struct {
		replicas int
		of       string // what the revert names instead
		trailers message.Trailers
		extra    string // one more file that it writes
		want     string
	}{
		"exact":          {replicas: 1, trailers: trailersOf("web", 1)},
		"other bytes":    {replicas: 5, trailers: trailersOf("web", 1), want: "exact bytes"},
		"more than that": {replicas: 1, trailers: trailersOf("web", 1), extra: "more.yaml", want: "exact bytes"},
		"of nothing":     {replicas: 1, of: strings.Repeat("a", 40), trailers: trailersOf("web", 1), want: "no change in this history"},
		"of another":     {replicas: 1, trailers: trailersOf("web", 2), want: "its trailers are not those"},
	} {
		t.Run(name, func(t *testing.T) {
			r := base(t)
			of := r.commit(scale("web", 1, 2))
			if c.of != "" {
				of = c.of
			}
			d := draft{message: message.Revert(c.trailers, of, nil, start), files: map[string]string{fileOf("web"): deployment("web", c.replicas)}}
			if c.extra != "" {
				d.files[c.extra] = "a: b\n"
			}
			sha := r.commit(d)
			r.record()
			report := r.audit(audit.Options{})
			if c.want == "" {
				if !report.Holds() || report.Reverts != 1 {
					t.Errorf("%+v", report)
				}
				return
			}
			want(t, report, audit.Restored, sha, c.want)
		})
	}
}

func TestLog(t *testing.T) {
	r := base(t)
	sha := r.commit(scale("web", 1, 2))
	young := audit.Options{Grace: time.Hour, Now: start.Add(30 * time.Minute)}
	if report := r.audit(young); !report.Holds() || len(report.Pending) != 1 || report.Pending[0].Commit != sha {
		t.Errorf("a young change: %+v", report)
	}
	want(t, r.audit(audit.Options{Grace: time.Minute}), audit.Logged, sha, "no entry for the change")
	early := audit.Options{Grace: time.Hour, Now: start.Add(-24 * time.Hour)}
	want(t, r.audit(early), audit.Logged, sha, "no entry for the change") // of a far future

	r.record()
	recorded := string(r.log())
	for name, c := range map[string]struct{ log, commit, want string }{
		"edited by hand":         {strings.Replace(recorded, `"scale-replicas"`, `"restart"`, 1), sha, `action is "restart", the commit says "scale-replicas"`},
		"another commit":         {strings.Replace(recorded, sha, strings.Repeat("b", 40), 1), sha, "commit is"},
		"deleted":                {"", sha, "no entry for the change"},
		"an entry of no change":  {recorded + strings.Replace(recorded[strings.Index(recorded, "- incident"):], "episode: 1", "episode: 2", 1), "", "not in the history"},
		"twice":                  {recorded + recorded[strings.Index(recorded, "- incident"):], "", "second entry"},
		"unreadable":             {"log: {}\n", "", "cannot be read"},
		"comments and no change": {"# ours\n" + recorded, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			head, commits := r.head, r.commits
			defer func() { r.head, r.commits = head, commits }()
			r.commit(draft{message: "log", files: map[string]string{ledger.LogFile: c.log}})
			report := r.audit(audit.Options{})
			if c.want == "" {
				if !report.Holds() {
					t.Errorf("%+v", report.Violations)
				}
				return
			}
			want(t, report, audit.Logged, c.commit, c.want)
		})
	}
}

// A host that squashes several commits puts the trailers where nobody reads them.
func TestLostTrailers(t *testing.T) {
	r := base(t)
	d := scale("web", 1, 2)
	d.message = "Scale (#3)\n\n* " + d.message + "\n* and more\n"
	sha := r.commit(d)
	want(t, r.audit(audit.Options{}), audit.Logged, sha, "before its last paragraph")
}

// What was looked at is not judged again, and still counts as history.
func TestSince(t *testing.T) {
	r := base(t)
	r.commit(draft{message: text(trailersOf("api", 1)), files: map[string]string{"README.md": "-"}}) // never logged either
	seen := r.head
	if report := r.audit(audit.Options{}); len(report.Violations) < 2 {
		t.Fatalf("%+v", report.Violations)
	}
	for name, opt := range map[string]audit.Options{"commit": {Since: seen}, "date": {After: start.Add(150 * time.Second)}} {
		if report := r.audit(opt); !report.Holds() || report.Judged != 0 {
			t.Errorf("%s: %+v", name, report)
		}
	}
	again := r.commit(scale("api", 1, 2))
	r.record()
	want(t, r.audit(audit.Options{Since: seen}), audit.OneChange, again, seen)
	_, err := audit.Run(t.Context(), cloned{r.open().Repo}, audit.Options{Head: r.head, Since: strings.Repeat("a", 40)})
	if amend.KindOf(err) != amend.Invalid {
		t.Errorf("a commit that is not there: %v", err)
	}
}

// The order of violations is that of the history, whoever judged them first.
func TestReportIsStable(t *testing.T) {
	r := base(t)
	for n := range 20 {
		d := scale("web", n+1, n+2)
		d.files["README.md"] = fmt.Sprint(n)
		r.commit(d)
	}
	first := r.audit(audit.Options{})
	for range 5 {
		if again := r.audit(audit.Options{}); !slices.Equal(first.Violations, again.Violations) {
			t.Fatal("two audits of the same history differ")
		}
	}
	var done []int
	r.audit(audit.Options{Progress: func(n, total int) { done = append(done, n) }})
	if len(done) != 20 || done[19] != 20 {
		t.Errorf("progress %v", done)
	}
}
