package audit_test

// The tests make real clones with the git program and read them as the command
// does.

import (
	"bytes"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/audit"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// kinds is the part of the catalogue that the tests speak of.
var kinds = map[string][]string{"scale-replicas": {"Deployment"}, "restart": {"Deployment"}, "set-config-value": {"ConfigMap"}}

// fields are those that the actions may write; of restart nothing is known.
var fields = map[string][]amend.FieldPattern{"scale-replicas": {"spec.replicas"}, "set-config-value": {"data.**", "data[*]"}}

// A repo is a bare clone that the tests write with git fast-import.
type repo struct {
	testing.TB
	dir     string
	commits int
	head    string
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{TB: t, dir: t.TempDir()}
	r.git(nil, "init", "-q", "--bare", "-b", "main")
	return r
}

func (r *repo) git(stdin []byte, args ...string) string {
	r.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CONFIG_NOSYSTEM=1"}
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A draft is one commit to be: whole files by name, "-" to remove one.
type draft struct {
	message string
	files   map[string]string
	parents []string // SHAs; the head of main when nil
	mode    string   // of all files; 100644 when empty
	at      time.Time
}

// commit puts a draft on main and returns its SHA. Commits are a minute apart.
func (r *repo) commit(d draft) string {
	r.Helper()
	return r.write("refs/heads/main", d)
}

// write puts a draft on a ref.
func (r *repo) write(ref string, d draft) string {
	r.Helper()
	if d.parents == nil && r.head != "" {
		d.parents = []string{r.head}
	}
	r.commits++
	if d.at.IsZero() {
		d.at = start.Add(time.Duration(r.commits) * time.Minute)
	}
	if d.mode == "" {
		d.mode = "100644"
	}
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit %s\ncommitter T <t@example.org> %d +0000\ndata %d\n%s\n", ref, d.at.Unix(), len(d.message), d.message)
	for i, p := range d.parents {
		fmt.Fprintf(&in, "%s %s\n", map[bool]string{true: "from", false: "merge"}[i == 0], p)
	}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if content := d.files[name]; content == "-" {
			fmt.Fprintf(&in, "D %s\n", name)
		} else {
			fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", d.mode, name, len(content), content)
		}
	}
	r.git(in.Bytes(), "fast-import", "--quiet", "--force")
	sha := r.git(nil, "rev-parse", ref)
	if ref == "refs/heads/main" {
		r.head = sha
	}
	return sha
}

const policyText = "apiVersion: amend.dev/v1alpha1\nkind: Policy\nplaybooks:\n  - {name: busy, action: scale-replicas}\n  - {name: stuck, action: nothing, then: [{action: restart}]}\n  - {name: search, action: set-config-value}\n"

// deployment is the manifest of an application.
func deployment(app string, replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: %[1]s
  namespace: shop
spec:
  replicas: %[2]d
  selector:
    matchLabels: {app: %[1]s}
  template:
    metadata:
      labels: {app: %[1]s}
    spec:
      containers:
        - name: app
          image: registry.example.com/shop/%[1]s:1.0.0
          resources:
            limits:
              memory: 256Mi
`, app, replicas)
}

func fileOf(app string) string { return "apps/" + app + "/deployment.yaml" }

// trailersOf are those of an application that is scaled.
func trailersOf(app string, episode int) message.Trailers {
	w := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: app}
	path, _ := amend.ParseRepoPath(fileOf(app))
	return message.Trailers{
		Incident: amend.IncidentID("busy", w), Episode: episode, Action: "scale-replicas", Playbook: "busy",
		Alert: "0123.firing", Workload: w, Path: path, Line: 7,
	}
}

func text(t message.Trailers) string { return "scale-replicas\n\nWhy: busy\n\n" + t.String() }

// scale is the draft of a change as amend makes it.
func scale(app string, episode, replicas int) draft {
	return draft{message: text(trailersOf(app, episode)), files: map[string]string{fileOf(app): deployment(app, replicas)}}
}

// base is a repo with a policy and two applications of one replica.
func base(t testing.TB) *repo {
	r := newRepo(t)
	r.commit(draft{message: "start", files: map[string]string{
		".amend/policy.yaml": policyText, fileOf("web"): deployment("web", 1), fileOf("api"): deployment("api", 1), "README.md": "hi\n",
	}})
	return r
}

// record adds the entries that the log lacks, as the record workflow does.
func (r *repo) record() {
	r.Helper()
	clone := r.open()
	var index ledger.Index
	for c, err := range (cloned{clone.Repo}).Commits(r.head) {
		if err != nil {
			r.Fatal(err)
		}
		index.Add(c)
	}
	data := r.log()
	log, err := ledger.ParseLog(data)
	if err != nil {
		r.Fatal(err)
	}
	grown, err := ledger.Append(log, ledger.Missing(log, index.Records()))
	if err != nil {
		r.Fatal(err)
	}
	r.commit(draft{message: "record", files: map[string]string{ledger.LogFile: string(grown.Bytes())}})
}

// log returns the log at the head.
func (r *repo) log() []byte {
	files, err := r.open().Tree(r.head)
	if err != nil {
		r.Fatal(err)
	}
	data, _ := fs.ReadFile(files, ledger.LogFile) // none at first
	return data
}

func (r *repo) open() *git.Clone {
	r.Helper()
	clone, err := git.OpenDir(r.dir)
	if err != nil {
		r.Fatal(err)
	}
	return clone
}

// audit audits main, an hour after its last commit unless opt says otherwise.
func (r *repo) audit(opt audit.Options) audit.Report {
	r.Helper()
	opt.Head, opt.Kinds, opt.Fields = r.head, kinds, fields
	if opt.Now.IsZero() {
		opt.Now = start.Add(time.Duration(r.commits)*time.Minute + time.Hour)
	}
	report, err := audit.Run(r.Context(), cloned{r.open().Repo}, opt)
	if err != nil {
		r.Fatal(err)
	}
	return report
}

// cloned is a clone as the audit wants it.
type cloned struct{ *git.Repo }

func (c cloned) Commits(head string) iter.Seq2[ledger.Commit, error] {
	return func(yield func(ledger.Commit, error) bool) {
		for c, err := range c.Log(head, "") {
			if !yield(ledger.Commit{SHA: c.SHA, Parents: c.Parents, At: c.Time, Message: c.Message}, err) {
				return
			}
		}
	}
}

func (c cloned) Differences(from, to string) (all []audit.Difference, err error) {
	list, err := c.Repo.Differences(from, to)
	for _, d := range list {
		all = append(all, audit.Difference{Path: d.Path, Before: audit.Entry(d.Before), After: audit.Entry(d.After)})
	}
	return all, err
}
