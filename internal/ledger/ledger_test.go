package ledger_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sha(n int) string { return fmt.Sprintf("%040x", n) }

// text is a commit message of ours.
func text(incident string, episode int) string {
	return "restart Deployment shop/web\n\nWhy: because\n\n" + message.Trailers{
		Incident: incident, Episode: episode, Action: "restart", Playbook: "web-anomaly", Alert: "firing.1",
		Workload: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"},
		Path:     repoPath("apps/web.yaml"), Line: 7,
	}.String()
}

// repoPath parses a path that is known to be good.
func repoPath(s string) amend.RepoPath {
	p, _ := amend.ParseRepoPath(s)
	return p
}

func record(incident string, episode, commit int, at time.Time) amend.Record {
	return amend.Record{
		Incident: incident, Episode: episode, Action: "restart", Target: "Deployment/shop/web",
		Playbook: "web-anomaly", Alert: "firing.1", Edited: "apps/web.yaml:7", Commit: sha(commit), At: at,
	}
}

func TestFromCommit(t *testing.T) {
	local := noon.In(time.FixedZone("", 3600))
	got, ok := ledger.FromCommit(sha(1), local, text("web-1", 2))
	if diff := cmp.Diff(record("web-1", 2, 1, noon), got); !ok || diff != "" {
		t.Errorf("ok %v (-want +got):\n%s", ok, diff)
	}
	for name, message := range map[string]string{
		"foreign": "fix things\n\nSigned-off-by: A\n",
		"revert":  "Revert \"restart\"\n\nThis reverts commit " + sha(1) + ".\n\n" + strings.SplitN(text("web-1", 2), "\n\n", 3)[2],
	} {
		if r, ok := ledger.FromCommit(sha(2), noon, message); ok {
			t.Errorf("%s: a record %+v", name, r)
		}
	}
	quoted := strings.Replace(text("web-1", 2), "because", "This reverts commit "+sha(1)+".", 1)
	if _, ok := ledger.FromCommit(sha(3), noon, quoted); !ok {
		t.Error("text inside a line counts as a revert")
	}
}

func TestReverts(t *testing.T) {
	trailers := strings.SplitN(text("web-1", 2), "\n\n", 3)[2]
	t2, _ := message.ParseTrailers(text("web-1", 2))
	long := strings.Repeat("ab", 32)
	for name, c := range map[string]struct{ text, want string }{
		"by git":             {"Revert \"x\"\n\nThis reverts commit " + sha(7) + ".\n", sha(7)},
		"of a merge":         {"Revert \"x\"\n\nThis reverts commit " + sha(7) + ", reversing\nchanges made to " + sha(8) + ".\n", sha(7)},
		"by amend":           {message.Revert(t2, sha(7), nil, noon), sha(7)},
		"with trailers":      {"Revert\n\nThis reverts commit " + sha(7) + ".\n\n" + trailers, sha(7)},
		"SHA-256":            {"Revert\n\nThis reverts commit " + long + ".\n", long},
		"abbreviated":        {"Revert\n\nThis reverts commit " + sha(7)[:12] + ".\n", ""},
		"no SHA":             {"Revert\n\nThis reverts commit " + sha(7) + "0.\n", ""},
		"inside a line":      {"Fix\n\n> This reverts commit " + sha(7) + ".\n", ""},
		"a change":           {text("web-1", 2), ""},
		"of another project": {"This reverts the last commit.\n", ""},
	} {
		if got, ok := ledger.Reverts(c.text); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: takes back %q, %v; want %q", name, got, ok, c.want)
		}
	}
	if r, ok := ledger.FromCommit(sha(9), noon, message.Revert(t2, sha(7), nil, noon)); ok {
		t.Errorf("a revert by amend is the change %+v", r)
	}
}

func TestIndex(t *testing.T) {
	commits := []ledger.Commit{
		{SHA: sha(1), At: noon, Message: text("web-1", 1)},
		{SHA: sha(2), At: noon.Add(time.Hour), Message: text("web-1", 2)},
		{SHA: sha(3), At: noon.Add(2 * time.Hour), Message: text("web-1", 2)}, // cherry-picked
		{SHA: sha(4), At: noon, Message: text("api-1", 1)},
		{SHA: sha(5), At: noon, Message: "Revert \"x\"\n\nThis reverts commit " + sha(1) + ".\n"},
		{SHA: sha(6), At: noon, Message: "unrelated"},
	}
	episode := func(n, commit int, at time.Time) amend.Episode {
		return amend.Episode{N: n, State: amend.EpisodeLanded, At: at,
			Change: amend.Change{Kind: amend.KindCommit, Commit: sha(commit)}, Action: "restart"}
	}
	want := []amend.Episode{episode(1, 1, noon), episode(2, 2, noon.Add(time.Hour))}
	want[0].TakenBack = &amend.TakenBack{Commit: sha(5), At: noon, ByPerson: true}
	for name, order := range map[string][]int{
		"as they were made": {0, 1, 2, 3, 4, 5},
		"newest first":      {5, 4, 3, 2, 1, 0},
		"twice":             {0, 5, 2, 1, 0, 2, 3, 4, 5, 1},
	} {
		var x ledger.Index
		if got := x.Episodes("web-1"); got != nil {
			t.Errorf("empty index: %v", got)
		}
		for _, i := range order {
			x.Add(commits[i])
		}
		if diff := cmp.Diff(want, x.Episodes("web-1")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		wantRecords := []amend.Record{record("web-1", 1, 1, noon), record("api-1", 1, 4, noon), record("web-1", 2, 2, noon.Add(time.Hour))}
		if diff := cmp.Diff(wantRecords, x.Records()); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", name, diff)
		}
		if r, ok := x.Record("web-1", 2); !ok || r != record("web-1", 2, 2, noon.Add(time.Hour)) {
			t.Errorf("%s: the record of web-1, 2 is %+v, %v", name, r, ok)
		}
		if r, ok := x.Record("web-1", 3); ok {
			t.Errorf("%s: an episode that never was: %+v", name, r)
		}
		if by, ok := x.RevertOf(sha(1)); !ok || by != sha(5) {
			t.Errorf("%s: taken back by %s, %v", name, by, ok)
		}
		if by, ok := x.RevertOf(sha(2)); ok {
			t.Errorf("%s: taken back by %s, which it was not", name, by)
		}
		if len(x.Episodes("api-1")) != 1 || x.Episodes("none") != nil {
			t.Errorf("%s: more or fewer than was added", name)
		}
	}
}

// A large history costs what its changes cost.
func TestIndexForgetsForeignCommits(t *testing.T) {
	var before, after runtime.MemStats
	var x ledger.Index
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 100_000 {
		m := "fix something\n\n" + strings.Repeat("x", 500) + fmt.Sprint(i)
		if i%1000 == 0 {
			m = text("web-1", i/1000+1)
		}
		x.Add(ledger.Commit{SHA: sha(i), At: noon.Add(time.Duration(i) * time.Second), Message: m})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := len(x.Episodes("web-1")); n != 100 {
		t.Errorf("%d episodes, want 100", n)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("keeps %d bytes of a history of 50 MB", grown)
	}
	runtime.KeepAlive(&x)
}

// A merge of a remediation is ours as well: what it replaced is not a state to
// go back to. The order in which commits are read does not matter.
func TestMergesOfOurs(t *testing.T) {
	change := ledger.Commit{SHA: sha(1), At: noon, Message: text("web-1", 1)}
	merge := ledger.Commit{SHA: sha(2), At: noon, Message: "Merge", Parents: []string{sha(9), sha(1)}}
	other := ledger.Commit{SHA: sha(3), At: noon, Message: "Merge", Parents: []string{sha(1), sha(8)}}
	for _, commits := range [][]ledger.Commit{{change, merge, other}, {other, merge, change}} {
		var x ledger.Index
		for _, c := range commits {
			x.Add(c)
		}
		if !x.Ours(change.SHA) || !x.Ours(merge.SHA) || x.Ours(other.SHA) {
			t.Errorf("ours: change %v, merge %v, other %v", x.Ours(change.SHA), x.Ours(merge.SHA), x.Ours(other.SHA))
		}
	}
}

// TestLandedSince: a change has landed when its merge was made, whatever is read
// first and whichever of its commits was merged.
func TestLandedSince(t *testing.T) {
	made := ledger.Commit{SHA: sha(1), At: noon, Message: text("web-1", 1)}
	again := ledger.Commit{SHA: sha(2), At: noon.Add(time.Hour), Message: text("web-1", 1)}
	merge := ledger.Commit{SHA: sha(3), At: noon.Add(5 * time.Hour), Message: "Merge", Parents: []string{sha(9), sha(2)}}
	later := ledger.Commit{SHA: sha(4), At: noon.Add(9 * time.Hour), Message: "Merge", Parents: []string{sha(8), sha(2)}}
	for _, order := range [][]ledger.Commit{{made, again, merge, later}, {later, merge, again, made}} {
		var x ledger.Index
		for _, c := range order {
			x.Add(c)
		}
		for after, want := range map[time.Duration]int{-time.Minute: 1, 4 * time.Hour: 1, 6 * time.Hour: 0} {
			if got := x.LandedSince(noon.Add(after)); len(got) != want || want > 0 && got[0].Commit != made.SHA {
				t.Errorf("after %s: %v", after, got)
			}
		}
	}
}
