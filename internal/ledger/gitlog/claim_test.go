package gitlog_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/ledger/gitlog"
)

// Who may push can say that the log has what it has not. A run believes that of just
// this log, and not for longer than a day.
func TestFalseClaims(t *testing.T) {
	bare := newRemote(t)
	dir := newClone(t, bare)
	opt := gitlog.Options{Dir: dir, Push: true}
	land(t, bare, fix("web-1", 1))
	reconcile(t, opt, 1)
	land(t, bare, fix("web-1", 2))
	git(t, dir, "pull", "-q")
	start, blob := git(t, dir, "rev-parse", "HEAD"), git(t, dir, "rev-parse", "HEAD:"+ledger.LogFile)
	for name, c := range map[string]struct {
		blob, commit string
		age          time.Duration
		believed     bool
	}{
		"just now":             {blob, start, time.Minute, true},
		"a day ago":            {blob, start, 25 * time.Hour, false},
		"a time to come":       {blob, start, -time.Hour, false},
		"another log":          {start, start, time.Minute, false},
		"a commit that is not": {blob, strings.Repeat("0", 39) + "1", time.Minute, false},
		"a file":               {blob, blob, time.Minute, false},
	} {
		git(t, dir, "fetch", "-q")
		git(t, dir, "reset", "-q", "--hard", start)
		commit(t, dir, fmt.Sprintf("by hand\n\nLog %s has every change up to %s; the whole history was read at %s.\n",
			c.blob, c.commit, time.Now().Add(-c.age).UTC().Format(time.RFC3339)))
		git(t, dir, "push", "-qf", "origin", "HEAD:refs/heads/main")
		want := 1
		if c.believed {
			want = 0
		}
		if added, err := gitlog.Reconcile(t.Context(), opt); added != want || err != nil {
			t.Errorf("%s: added %d, want %d: %v", name, added, want, err)
		}
	}
}

// An entry whose incident somebody changed stands for its commit only, so the log does
// not have the same change under another one, and a run has to know that both are one.
func TestNothingIsClaimedOfARenamedEntry(t *testing.T) {
	bare := newRemote(t)
	dir := newClone(t, bare)
	opt := gitlog.Options{Dir: dir, Push: true}
	land(t, bare, fix("web-1", 1))
	reconcile(t, opt, 1)
	write(t, dir, ledger.LogFile, strings.Replace(git(t, dir, "show", "main:"+ledger.LogFile), "web-1", "old-1", 1)+"\n")
	git(t, dir, "commit", "-qam", "by hand")
	git(t, dir, "push", "-q", "origin", "main")
	land(t, bare, fix("web-1", 2))
	reconcile(t, opt, 1)
	// Of commits of the same second, neither is known to be the earlier one.
	t.Setenv("GIT_COMMITTER_DATE", time.Now().Add(time.Minute).Format(time.RFC3339))
	land(t, bare, fix("web-1", 1))
	reconcile(t, opt, 0)
	wantChanges(t, bare, "main", "old-1/1", "web-1/2")
}

// wholeHistory returns the records of all changes that a branch has.
func wholeHistory(t testing.TB, dir string) []amend.Record {
	t.Helper()
	var all ledger.Index
	for entry := range strings.SplitSeq(git(t, dir, "log", "--format=%H%x00%P%x00%cI%x00%ce%x00%B%x01", "HEAD"), "\x01") {
		f := strings.Split(strings.TrimPrefix(entry, "\n"), "\x00")
		if len(f) < 5 {
			continue
		}
		at, err := time.Parse(time.RFC3339, f[2])
		if err != nil {
			t.Fatal(err)
		}
		all.Add(ledger.Commit{SHA: f[0], Parents: strings.Fields(f[1]), At: at, Committer: f[3], Message: f[4]})
	}
	return all.Records()
}

// A person does anything with a branch and its log, by a random sequence.
type person struct {
	testing.TB
	rand *rand.Rand
	dir  string
	made int
}

// do does one thing in the clone, which has the branch of the remote.
func (p *person) do() (what string) {
	revisions := strings.Fields(git(p, p.dir, "log", "--format=%H"))
	any := revisions[p.rand.IntN(len(revisions))]
	log, _ := exec.Command("git", "-C", p.dir, "show", "HEAD:"+ledger.LogFile).Output() // there may be none
	entries := strings.SplitAfter(string(log), "\n- ")
	keep := func(text string) {
		write(p, p.dir, ledger.LogFile, text)
		git(p, p.dir, "add", ledger.LogFile)
		git(p, p.dir, "commit", "-q", "--allow-empty", "-m", "by hand")
	}
	switch what = []string{"fix", "fix", "twice", "other", "lose", "rename", "restore", "merge", "amend", "rebase"}[p.rand.IntN(10)]; what {
	case "fix":
		p.made++
		commit(p, p.dir, fix("web-1", p.made))
	case "twice":
		commit(p, p.dir, git(p, p.dir, "show", "-s", "--format=%B", any))
	case "other":
		commit(p, p.dir, "by hand")
	case "lose":
		i := p.rand.IntN(len(entries))
		keep(strings.TrimSuffix(strings.Join(append(entries[:i:i], entries[i+1:]...), ""), "- "))
	case "rename":
		p.made++
		keep(strings.Replace(string(log), `"web-1"`, fmt.Sprintf(`"old-%d"`, p.made), 1))
	case "restore":
		before, _ := exec.Command("git", "-C", p.dir, "show", any+":"+ledger.LogFile).Output()
		keep(string(before))
	case "merge":
		p.made++
		git(p, p.dir, "checkout", "-q", "--detach", any)
		p.Setenv("GIT_COMMITTER_DATE", time.Now().Add(-time.Duration(p.rand.IntN(100))*time.Hour).Format(time.RFC3339))
		side := commit(p, p.dir, fix("web-1", p.made))
		p.Setenv("GIT_COMMITTER_DATE", "")
		git(p, p.dir, "checkout", "-q", "main")
		git(p, p.dir, "merge", "-q", "--no-ff", "-m", "merge", side)
	case "amend":
		write(p, p.dir, ledger.LogFile, string(log)+"# ours\n")
		git(p, p.dir, "add", ledger.LogFile)
		git(p, p.dir, "commit", "-q", "--amend", "--no-edit", "--allow-empty")
	case "rebase":
		rebase := exec.Command("git", "-C", p.dir, "rebase", "-q", "-X", "theirs", "--force-rebase", "--keep-empty", any)
		if rebase.Run() != nil { // one of the two has no log
			git(p, p.dir, "rebase", "--abort")
		}
	}
	return what
}

// Whatever people do, a run that reads what is new adds what one that reads all would.
func TestClaimsAreAsGoodAsTheHistory(t *testing.T) {
	for seed := range uint64(2) {
		bare := newRemote(t)
		p := &person{TB: t, rand: rand.New(rand.NewPCG(seed, 0)), dir: newClone(t, bare)}
		opt := gitlog.Options{Dir: newClone(t, bare), Push: true}
		believed := 0
		for range 12 {
			var did []string
			for range 1 + p.rand.IntN(3) {
				did = append(did, p.do())
			}
			git(t, p.dir, "push", "-qf", "origin", "HEAD:refs/heads/main")
			data, _ := exec.Command("git", "-C", p.dir, "show", "HEAD:"+ledger.LogFile).Output()
			log, err := ledger.ParseLog(data)
			if err != nil {
				continue // the last entry has lost its end
			}
			want := ledger.Missing(log, wholeHistory(t, p.dir))
			reconcile(t, opt, len(want))
			git(t, p.dir, "fetch", "-q")
			git(t, p.dir, "reset", "-q", "--hard", "origin/main")
			if len(want) == 0 {
				continue
			}
			after, err := ledger.ParseLog([]byte(git(t, p.dir, "show", "HEAD:"+ledger.LogFile) + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append(log.Records, want...), after.Records); diff != "" {
				t.Fatalf("after %v (-want +got):\n%s", did, diff)
			}
			if strings.Contains(git(t, p.dir, "log", "-1", "--format=%B"), "has every change up to") {
				believed++
			}
		}
		if believed == 0 {
			t.Errorf("seed %d: no run claimed anything", seed)
		}
	}
}
