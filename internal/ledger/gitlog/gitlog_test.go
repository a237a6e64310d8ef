package gitlog_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/ledger/gitlog"
	"github.com/amendhq/amend/internal/message"
)

// TestMain keeps the settings of whoever runs the tests out of them.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull, "GIT_TERMINAL_PROMPT": "0",
		"GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@example.org",
		"GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@example.org",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// git runs git in dir and returns what it printed.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// newRemote makes a bare repository with one commit on main.
func newRemote(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	bare := filepath.Join(dir, "env.git")
	git(t, dir, "init", "-q", "--bare", "-b", "main", bare)
	work := newClone(t, bare)
	write(t, work, "apps/web.yaml", "replicas: 3\n")
	git(t, work, "add", ".")
	git(t, work, "commit", "-qm", "start")
	git(t, work, "push", "-q", "origin", "HEAD:refs/heads/main")
	return bare
}

func newClone(t testing.TB, bare string, flags ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, filepath.Dir(dir), slices.Concat([]string{"clone", "-q"}, flags, []string{"file://" + bare, dir})...)
	git(t, dir, "symbolic-ref", "HEAD", "refs/heads/main") // also in a clone of nothing
	return dir
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fix is the message of a change that amend made.
func fix(incident string, episode int) string {
	path, _ := amend.ParseRepoPath("apps/web.yaml")
	return "restart Deployment shop/web\n\nWhy: \"it\" burns\n\n" + message.Trailers{
		Incident: incident, Episode: episode, Action: "restart", Playbook: "web-anomaly", Alert: "firing.1",
		Workload: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Path: path, Line: 1,
	}.String()
}

// commit makes an empty commit in a clone and returns its id.
func commit(t testing.TB, dir, message string) string {
	t.Helper()
	cmd := exec.Command("git", "-C", dir, "commit", "-q", "--allow-empty", "-F", "-")
	cmd.Stdin = strings.NewReader(message)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("commit: %v\n%s", err, out)
	}
	return git(t, dir, "rev-parse", "HEAD")
}

// land makes commits on the remote's branch.
func land(t testing.TB, bare string, messages ...string) (ids []string) {
	t.Helper()
	dir := newClone(t, bare)
	for _, m := range messages {
		ids = append(ids, commit(t, dir, m))
	}
	git(t, dir, "push", "-q", "origin", "HEAD:refs/heads/main")
	return ids
}

func reconcile(t testing.TB, opt gitlog.Options, want int) {
	t.Helper()
	added, err := gitlog.Reconcile(t.Context(), opt)
	if err != nil || added != want {
		t.Fatalf("added %d, %v; want %d", added, err, want)
	}
}

// changes lists the log of a commit as "incident/episode", in its order.
func changes(t testing.TB, dir, rev string) (list []string) {
	t.Helper()
	log, err := ledger.ParseLog([]byte(git(t, dir, "show", rev+":"+ledger.LogFile)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range log.Records {
		list = append(list, fmt.Sprintf("%s/%d", r.Incident, r.Episode))
	}
	return list
}

func wantChanges(t testing.TB, dir, rev string, want ...string) {
	t.Helper()
	got := slices.Sorted(slices.Values(changes(t, dir, rev)))
	if !slices.Equal(got, want) {
		t.Errorf("log has %v, want %v", got, want)
	}
}

func TestRecordsAndPushes(t *testing.T) {
	bare := newRemote(t)
	dir := newClone(t, bare)
	ids := land(t, bare, fix("web-1", 1), "by hand", fix("web-1", 2))
	opt := gitlog.Options{Dir: dir, Push: true, Name: "Recorder", Email: "r@example.org"}
	reconcile(t, opt, 2)
	wantChanges(t, bare, "main", "web-1/1", "web-1/2")
	if got := git(t, bare, "log", "-1", "--format=%an <%ae> %cn %s", "main"); got != "Recorder <r@example.org> Recorder record 2 remediations" {
		t.Errorf("commit is %q", got)
	}
	if body := git(t, bare, "log", "-1", "--format=%B", "main"); strings.Contains(body, "Amend-") || !strings.Contains(body, ids[0]) {
		t.Errorf("message:\n%s", body)
	}
	if got := git(t, bare, "diff", "--stat", "--name-only", "main^", "main"); got != ledger.LogFile {
		t.Errorf("touches %q", got)
	}
	if git(t, dir, "rev-parse", "HEAD") != git(t, bare, "rev-parse", "main") || git(t, dir, "status", "--porcelain") != "" {
		t.Error("the clone did not follow")
	}
	head := git(t, bare, "rev-parse", "main")
	reconcile(t, opt, 0)
	if git(t, bare, "rev-parse", "main") != head {
		t.Error("nothing missing, and yet a commit")
	}
	land(t, bare, fix("api-1", 1))
	reconcile(t, opt, 1)
	wantChanges(t, bare, "main", "api-1/1", "web-1/1", "web-1/2")
	if got := git(t, bare, "log", "-1", "--format=%s", "main"); got != "record 1 remediation" {
		t.Errorf("subject %q", got)
	}
}

// A tag may be called as the branch is.
func TestRecordsBesideATag(t *testing.T) {
	bare := newRemote(t)
	dir := newClone(t, bare)
	land(t, bare, fix("web-1", 1))
	git(t, dir, "tag", "main")
	reconcile(t, gitlog.Options{Dir: dir, Push: true}, 1)
	wantChanges(t, bare, "main", "web-1/1")
}

func TestRecordsLocally(t *testing.T) {
	bare := newRemote(t)
	dir := newClone(t, bare)
	commit(t, dir, fix("web-1", 1))
	opt := gitlog.Options{Dir: dir}
	write(t, dir, "apps/web.yaml", "half done\n")
	reconcile(t, opt, 1)
	wantChanges(t, dir, "HEAD", "web-1/1")
	if got := git(t, dir, "status", "--porcelain"); got != "M apps/web.yaml" {
		t.Errorf("status %q", got)
	}
	if _, err := os.Stat(filepath.Join(dir, ledger.LogFile)); err != nil {
		t.Error(err)
	}
	commit(t, dir, fix("web-1", 2))
	write(t, dir, ledger.LogFile, "# being edited\n")
	if added, err := gitlog.Reconcile(t.Context(), opt); added != 0 || amend.KindOf(err) != amend.Conflict {
		t.Errorf("over an edited log: %d, %v", added, err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, ledger.LogFile)); string(content) != "# being edited\n" {
		t.Errorf("the edit became %q, %v", content, err)
	}
}

// Thirty changes land through several clones while ten reconcilers push.
func TestConcurrent(t *testing.T) {
	bare := newRemote(t)
	var want []string
	var wait sync.WaitGroup
	for w := range 3 {
		for i := range 10 {
			want = append(want, fmt.Sprintf("web-%d/%d", w, i+1))
		}
		dir := newClone(t, bare)
		wait.Go(func() {
			for i := range 10 {
				if err := pushFix(dir, fix(fmt.Sprintf("web-%d", w), i+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var total sync.Map
	for r := range 10 {
		dir := newClone(t, bare)
		wait.Go(func() {
			added, err := gitlog.Reconcile(context.Background(), gitlog.Options{Dir: dir, Push: true})
			if err != nil {
				t.Error(err)
			}
			total.Store(r, added)
		})
	}
	wait.Wait()
	last, err := gitlog.Reconcile(t.Context(), gitlog.Options{Dir: newClone(t, bare), Push: true})
	if err != nil {
		t.Fatal(err)
	}
	total.Range(func(_, added any) bool { last += added.(int); return true })
	if last < 30 {
		t.Errorf("%d added in total, want 30 at least", last)
	}
	slices.Sort(want)
	wantChanges(t, bare, "main", want...)
	if got := git(t, bare, "log", "--merges", "--format=%H", "main"); got != "" {
		t.Errorf("merges: %s", got)
	}
}

// pushFix lands one change, however often somebody else is first.
func pushFix(dir, message string) error {
	for range 100 {
		err := exec.Command("sh", "-c", `cd "$1" && git fetch -q origin && git reset -q --hard origin/main &&
			printf %s "$2" | git commit -q --allow-empty -F - && git push -q origin HEAD:refs/heads/main`, "sh", dir, message).Run()
		if err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("never got through")
}

// A run that died left its objects, or even a commit on the local branch.
func TestAfterInterruption(t *testing.T) {
	bare := newRemote(t)
	land(t, bare, fix("web-1", 1))
	dir := newClone(t, bare)
	reconcile(t, gitlog.Options{Dir: dir}, 1) // recorded here, never pushed
	land(t, bare, fix("web-1", 2))            // and the branch went on
	reconcile(t, gitlog.Options{Dir: dir, Push: true}, 2)
	wantChanges(t, bare, "main", "web-1/1", "web-1/2")
	if git(t, dir, "rev-parse", "HEAD") == git(t, bare, "rev-parse", "main") {
		t.Error("the local commit was thrown away")
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gitlog.Reconcile(ctx, gitlog.Options{Dir: dir, Push: true}); amend.KindOf(err) != amend.Transient {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRewrittenHistory(t *testing.T) {
	bare := newRemote(t)
	start := git(t, bare, "rev-parse", "main")
	land(t, bare, fix("web-1", 1), fix("web-1", 2))
	dir := newClone(t, bare)
	reconcile(t, gitlog.Options{Dir: dir, Push: true}, 2)
	log := git(t, bare, "show", "main:"+ledger.LogFile) + "\n"
	// Somebody rebuilds the branch: the second change is lost, the first has
	// another id, a third was never recorded, and the log is kept.
	work := newClone(t, bare)
	git(t, work, "reset", "-q", "--hard", start)
	commit(t, work, fix("web-1", 3))
	commit(t, work, fix("web-1", 1)+"Signed-off-by: A <a@example.org>\n")
	write(t, work, ledger.LogFile, log)
	git(t, work, "add", ".")
	git(t, work, "commit", "-qm", "keep the log")
	git(t, work, "push", "-qf", "origin", "HEAD:refs/heads/main")
	reconcile(t, gitlog.Options{Dir: dir, Push: true}, 1)
	wantChanges(t, bare, "main", "web-1/1", "web-1/2", "web-1/3")
	if got := git(t, bare, "show", "main:"+ledger.LogFile); !strings.HasPrefix(got, log) {
		t.Errorf("old entries changed:\n%s", got)
	}
}

// A person can lose an entry in a merge, or write one that names any commit.
// Neither may keep what is older out of the log for good.
func TestEntryLostOrForged(t *testing.T) {
	bare := newRemote(t)
	dir := newClone(t, bare)
	opt := gitlog.Options{Dir: dir, Push: true}
	land(t, bare, fix("web-1", 1), fix("web-1", 2))
	reconcile(t, opt, 2)
	log, err := ledger.ParseLog([]byte(git(t, dir, "show", "main:"+ledger.LogFile)))
	if err != nil {
		t.Fatal(err)
	}
	kept := log.Records[1]
	forged := kept
	forged.Incident, forged.Episode, forged.Commit = "none-1", 2, git(t, dir, "rev-parse", "main")
	for _, c := range []struct {
		only    amend.Record
		missing int
		want    []string
	}{
		{kept, 1, []string{"web-1/1", "web-1/2"}},
		{forged, 2, []string{"none-1/2", "web-1/1", "web-1/2"}},
	} {
		rewritten, err := ledger.Append(ledger.Log{}, []amend.Record{c.only})
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, ledger.LogFile, string(rewritten.Bytes()))
		git(t, dir, "commit", "-qam", "by hand")
		git(t, dir, "push", "-q", "origin", "main")
		reconcile(t, opt, c.missing)
		wantChanges(t, bare, "main", c.want...)
	}
}

func TestMergesRevertsAndForeignTrailers(t *testing.T) {
	bare := newRemote(t)
	work := newClone(t, bare)
	git(t, work, "checkout", "-qb", "amend/web-1-1")
	first := commit(t, work, fix("web-1", 1))
	git(t, work, "checkout", "-q", "main")
	commit(t, work, "by hand")
	git(t, work, "merge", "-q", "--no-ff", "-m", "Merge pull request #1\n\n"+fix("web-1", 1), "amend/web-1-1")
	commit(t, work, "Revert \"restart\"\n\nThis reverts commit "+first+".\n")
	for _, hostile := range []string{
		strings.Replace(fix("evil-1", 1), "Amend-Episode: 1", "Amend-Episode: 1\nAmend-Episode: 2", 1),
		strings.Replace(fix("evil-2", 1), "apps/web.yaml:1", "../../etc/passwd:1", 1),
		strings.Replace(fix("evil-3", 1), "firing.1", "x\"\n- incident: y", 1),
		fix("evil-4", 1) + "\nmore text\n",
		"quotes us\n\n> " + strings.ReplaceAll(fix("evil-5", 1), "\n", "\n> "),
	} {
		commit(t, work, hostile)
	}
	odd := strings.NewReplacer("firing.1", "%22%0A-%20incident%3A%20x%23", "apps/web.yaml", "a%20b/%E2%80%AE%22.yaml").Replace(fix("odd-1", 1))
	commit(t, work, odd)
	git(t, work, "push", "-q", "origin", "HEAD:refs/heads/main")
	reconcile(t, gitlog.Options{Dir: work, Push: true}, 2)
	wantChanges(t, bare, "main", "odd-1/1", "web-1/1")
	log, err := ledger.ParseLog([]byte(git(t, bare, "show", "main:"+ledger.LogFile)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range log.Records {
		if r.Incident == "odd-1" && (r.Alert != "\"\n- incident: x#" || r.Edited != "a b/\u202e\".yaml:1") {
			t.Errorf("odd values read back as %q and %q", r.Alert, r.Edited)
		}
	}
}

func TestShallowAndPartialClones(t *testing.T) {
	bare := newRemote(t)
	git(t, bare, "config", "uploadpack.allowFilter", "true")
	land(t, bare, fix("web-1", 1), "x", "y", fix("web-1", 2), "z")
	for name, flags := range map[string][]string{
		"shallow": {"--depth=1"},
		"partial": {"--filter=blob:none", "--no-checkout"},
	} {
		t.Run(name, func(t *testing.T) {
			local := newClone(t, bare, flags...)
			if name == "partial" {
				git(t, local, "read-tree", "HEAD")
				git(t, local, "checkout-index", "-a")
			}
			reconcile(t, gitlog.Options{Dir: local}, 2)
			wantChanges(t, local, "HEAD", "web-1/1", "web-1/2")
		})
	}
	dir := newClone(t, bare, "--depth=1")
	git(t, dir, "checkout", "-q", "--detach")
	if _, err := gitlog.Reconcile(t.Context(), gitlog.Options{Dir: dir, Push: true}); amend.KindOf(err) != amend.Invalid {
		t.Errorf("on no branch: %v", err)
	}
	head := git(t, dir, "rev-parse", "HEAD")
	reconcile(t, gitlog.Options{Dir: dir, Branch: "main", Push: true}, 2)
	wantChanges(t, bare, "main", "web-1/1", "web-1/2")
	if git(t, dir, "rev-parse", "HEAD") != head {
		t.Error("moved a HEAD that is not on the branch")
	}
}

// What a person set up for their own work does not change ours.
func TestIgnoresSettingsOfPeople(t *testing.T) {
	bare := newRemote(t)
	land(t, bare, fix("web-1", 1))
	dir := newClone(t, bare)
	for _, hook := range []string{"pre-commit", "commit-msg", "pre-push", "post-merge", "reference-transaction"} {
		write(t, dir, ".git/hooks/"+hook, "#!/bin/sh\necho "+hook+" >> \"$(git rev-parse --git-dir)/ran\"\nexit 1\n")
		if err := os.Chmod(filepath.Join(dir, ".git/hooks", hook), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range map[string]string{
		"commit.gpgSign": "true", "core.autocrlf": "true", "log.showSignature": "true", "push.followTags": "true",
		"merge.verifySignatures": "true", "format.pretty": "oneline", "color.ui": "always", "grep.patternType": "fixed",
	} {
		git(t, dir, "config", key, value)
	}
	t.Setenv("GIT_DIR", filepath.Join(t.TempDir(), "elsewhere"))
	t.Setenv("GIT_INDEX_FILE", filepath.Join(t.TempDir(), "index"))
	opt := gitlog.Options{Dir: dir, Push: true}
	reconcile(t, opt, 1)
	os.Unsetenv("GIT_DIR")
	os.Unsetenv("GIT_INDEX_FILE")
	wantChanges(t, bare, "main", "web-1/1")
	if ran, err := os.ReadFile(filepath.Join(dir, ".git/ran")); err == nil {
		t.Errorf("hooks ran: %s", ran)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	bare := newRemote(t)
	land(t, bare, fix("web-1", 1))
	dir := newClone(t, bare)
	broken := newRemote(t)
	work := newClone(t, broken)
	write(t, work, ledger.LogFile, "- incident: x\n<<<<<<< HEAD\n")
	git(t, work, "add", ".")
	git(t, work, "commit", "-qm", "conflict")
	linked := newClone(t, bare)
	if err := os.Symlink("/etc/passwd", filepath.Join(linked, ledger.LogFile)); err != nil {
		t.Fatal(err)
	}
	git(t, linked, "add", ".")
	git(t, linked, "commit", "-qm", "link")
	closed := newRemote(t)
	land(t, closed, fix("web-1", 1))
	write(t, closed, "hooks/pre-receive", "#!/bin/sh\necho not you >&2\nexit 1\n")
	if err := os.Chmod(filepath.Join(closed, "hooks/pre-receive"), 0o755); err != nil {
		t.Fatal(err)
	}
	secret := newClone(t, bare)
	git(t, secret, "remote", "set-url", "origin", "file://user:hunter2@localhost/nowhere")
	empty := t.TempDir()
	git(t, empty, "init", "-q")
	for name, c := range map[string]struct {
		opt  gitlog.Options
		kind amend.Kind
	}{
		"no clone":        {gitlog.Options{Dir: t.TempDir()}, amend.Invalid},
		"no folder":       {gitlog.Options{Dir: "/nowhere", Push: true, Branch: "main"}, amend.Invalid},
		"no commit":       {gitlog.Options{Dir: empty}, amend.NotFound},
		"no such branch":  {gitlog.Options{Dir: dir, Push: true, Branch: "gone"}, amend.NotFound},
		"an odd branch":   {gitlog.Options{Dir: dir, Push: true, Branch: "a:b"}, amend.Invalid},
		"a broken log":    {gitlog.Options{Dir: work}, amend.Invalid},
		"a link":          {gitlog.Options{Dir: linked}, amend.Invalid},
		"push declined":   {gitlog.Options{Dir: newClone(t, closed), Push: true}, amend.Refused},
		"remote is away":  {gitlog.Options{Dir: secret, Push: true}, amend.Transient},
		"remote a switch": {gitlog.Options{Dir: dir, Push: true, Remote: "--upload-pack=touch /tmp/x"}, amend.Transient},
	} {
		added, err := gitlog.Reconcile(t.Context(), c.opt)
		if added != 0 || amend.KindOf(err) != c.kind {
			t.Errorf("%s: %d, kind %q: %v", name, added, amend.KindOf(err), err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: says too much: %v", name, err)
		}
	}
	if got := git(t, linked, "status", "--porcelain"); got != "" {
		t.Errorf("left behind: %s", got)
	}
}

// TestVerdictsAreNoted, once, beside the entries that are added; a host that does
// not answer costs nothing but the verdicts.
func TestVerdictsAreNoted(t *testing.T) {
	bare := newRemote(t)
	ids := land(t, bare, fix("web", 1), fix("web", 2), fix("web", 3))
	shown := map[string]amend.VerdictState{ids[0]: amend.Worked, ids[1]: amend.Pending}
	asked := 0
	down := true
	opt := gitlog.Options{Dir: newClone(t, bare), Push: true, Verdicts: func(_ context.Context, commit string) (amend.Verdict, error) {
		asked++
		if down {
			return amend.Verdict{}, amend.Errorf(amend.Transient, "ask", "down")
		}
		return amend.Verdict{State: shown[commit], At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, nil
	}}
	want := func(states ...amend.VerdictState) {
		t.Helper()
		log, err := ledger.ParseLog([]byte(git(t, bare, "show", "main:"+ledger.LogFile)))
		if err != nil {
			t.Fatal(err)
		}
		var got []amend.VerdictState
		for _, id := range ids {
			i := slices.IndexFunc(log.Records, func(r amend.Record) bool { return r.Commit == id })
			got = append(got, log.Records[i].Verdict)
		}
		if !slices.Equal(got, states) {
			t.Errorf("the verdicts are %q, want %q", got, states)
		}
	}
	reconcile(t, opt, 3)
	if asked != 1 {
		t.Errorf("a host that is down was asked %d times", asked)
	}
	want("", "", "")
	down = false
	reconcile(t, opt, 0)
	want(amend.Worked, "", "")
	if subject := git(t, bare, "log", "-1", "--format=%s", "main"); subject != "record what became of remediations" {
		t.Errorf("the commit is %q", subject)
	}
	head := git(t, bare, "rev-parse", "main")
	reconcile(t, opt, 0)
	if git(t, bare, "rev-parse", "main") != head {
		t.Error("a run with nothing to note has made a commit")
	}
	shown[ids[1]] = amend.Failed
	reconcile(t, opt, 0)
	shown[ids[1]] = amend.Reverted
	reconcile(t, opt, 0)
	want(amend.Worked, amend.Reverted, "")
}
