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
		"another field":    {replaced("memory: 256Mi", "memory: 512Mi"), `limits.memory" in "apps/web/deployment.yaml", which the action scale-replicas does not write`},
		"a field more":     {replaced("      labels:", "      annotations: {a: b}\n      labels:"), "annotations.a"},
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

// A change that was planned anew before it was merged is one change, and its
// revert restores what the plan that landed found.
func TestPlannedAnew(t *testing.T) {
	r := base(t)
	memory := func(replicas int) map[string]string {
		return map[string]string{fileOf("web"): strings.Replace(deployment("web", replicas), "256Mi", "512Mi", 1)}
	}
	first := r.write("refs/heads/amend/x-1", scale("web", 1, 2))
	r.commit(draft{message: "by hand", files: map[string]string{fileOf("web"): deployment("web", 5)}})
	again := scale("web", 1, 6)
	again.parents = []string{r.head, first}
	second := r.write("refs/heads/amend/x-1", again)
	r.commit(draft{message: "elsewhere in the file", files: memory(5)})
	r.commit(draft{message: "Merge", parents: []string{r.head, second}, files: memory(6)})
	r.record()
	if report := r.audit(audit.Options{}); !report.Holds() || report.Changes != 1 || report.Entries != 1 {
		t.Errorf("%+v", report)
	}
	merged := r.head
	for name, plan := range map[string]string{"the first plan": first, "the one that landed": second} {
		r.head = merged
		r.commit(draft{message: message.Revert(trailersOf("web", 1), plan, nil, start), files: memory(5)})
		if report := r.audit(audit.Options{}); !report.Holds() || report.Reverts != 1 {
			t.Errorf("after the revert of %s: %+v", name, report)
		}
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
	r.commit(draft{message: "by hand", files: map[string]string{"notes.md": "late\n"}})
	d := scale("api", 1, 2)
	d.at = start // the date is forged, the place is not
	again := r.commit(d)
	r.record()
	want(t, r.audit(audit.Options{After: start.Add(150 * time.Second)}), audit.OneChange, again, seen)
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
