package ledger_test

import (
	"fmt"
	"runtime"
	"slices"
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
		if by := x.Reverts(sha(1)); !slices.Equal(by, []string{sha(5)}) {
			t.Errorf("%s: taken back by %s", name, by)
		}
		if by := x.Reverts(sha(2)); by != nil {
			t.Errorf("%s: taken back by %s, which it was not", name, by)
		}
		if len(x.Episodes("api-1")) != 1 || x.Episodes("none") != nil {
			t.Errorf("%s: more or fewer than was added", name)
		}
	}
}

// A change that was planned anew is what its last plan is, in whatever order it is
// read; the merge that brings it is no plan, even with our trailers.
func TestPlannedAnew(t *testing.T) {
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	plan := func(n, line int, parents ...string) ledger.Commit {
		return ledger.Commit{SHA: sha(n), At: at(n), Parents: parents, Committer: "noreply@amend.dev",
			Message: strings.Replace(text("web-1", 1), ":7\n", fmt.Sprintf(":%d\n", line), 1)}
	}
	first, second, third := plan(1, 7, sha(90)), plan(2, 9, sha(91), sha(1)), plan(3, 11, sha(92), sha(2))
	merge := plan(4, 11, sha(93), sha(3))
	merge.Committer = "noreply@github.com"
	picked := plan(5, 30, sha(94))
	unknown := plan(2, 9, sha(91), sha(1))
	unknown.Committer = ""
	revert := ledger.Commit{SHA: sha(8), At: at(8), Message: "Revert\n\nThis reverts commit " + sha(1) + ".\n"}
	for name, c := range map[string]struct {
		commits []ledger.Commit
		want    int
		edited  string
	}{
		"once":                      {[]ledger.Commit{first, second}, 2, "apps/web.yaml:9"},
		"twice":                     {[]ledger.Commit{first, second, third, revert}, 3, "apps/web.yaml:11"},
		"and merged":                {[]ledger.Commit{first, second, third, merge}, 3, "apps/web.yaml:11"},
		"and picked later":          {[]ledger.Commit{first, second, third, merge, picked}, 3, "apps/web.yaml:11"},
		"merged and not anew":       {[]ledger.Commit{third, merge}, 3, "apps/web.yaml:11"},
		"by nobody knows whom":      {[]ledger.Commit{first, unknown}, 1, "apps/web.yaml:7"},
		"what it replaced is lost":  {[]ledger.Commit{second}, 2, "apps/web.yaml:9"},
		"what it stands on is ours": {[]ledger.Commit{first, {SHA: sha(2), At: at(2), Parents: []string{sha(91), sha(1)}, Committer: "noreply@amend.dev", Message: text("web-1", 2)}}, 1, "apps/web.yaml:7"},
	} {
		for _, order := range orders(c.commits) {
			var x ledger.Index
			for _, c := range order {
				x.Add(c)
			}
			r, _ := x.Record("web-1", 1)
			if r.Commit != sha(c.want) || r.Edited != c.edited || !r.At.Equal(at(c.want)) {
				t.Errorf("%s: the change is %+v, want commit %d and %s", name, r, c.want, c.edited)
			}
			episodes := x.Episodes("web-1")
			if episodes[0].Change.Commit != r.Commit || !slices.Contains(x.Records(), r) {
				t.Errorf("%s: episodes %+v, records %+v", name, episodes, x.Records())
			}
			if name == "twice" && (episodes[0].TakenBack == nil || episodes[0].TakenBack.Commit != sha(8)) {
				t.Errorf("whoever takes the first plan back takes back the change: %+v", episodes)
			}
		}
	}
}

// orders lists all orders of some commits.
func orders(commits []ledger.Commit) [][]ledger.Commit {
	if len(commits) < 2 {
		return [][]ledger.Commit{commits}
	}
	var all [][]ledger.Commit
	for i, c := range commits {
		for _, rest := range orders(slices.Delete(slices.Clone(commits), i, i+1)) {
			all = append(all, append([]ledger.Commit{c}, rest...))
		}
	}
	return all
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

// TestRevertedSince: a change is taken back when the commit that does so is made, or
// merged much later, under whichever of its names and whatever is read first.
func TestRevertedSince(t *testing.T) {
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	history := []ledger.Commit{
		{SHA: sha(1), At: at(0), Message: text("web-1", 1)},
		{SHA: sha(2), At: at(1), Message: "Merge", Parents: []string{sha(90), sha(1)}},
		{SHA: sha(3), At: at(2), Message: "Revert\n\nThis reverts commit " + sha(1) + ".\n"},
		{SHA: sha(4), At: at(7), Message: "Merge", Parents: []string{sha(2), sha(3)}},
		{SHA: sha(5), At: at(0), Message: text("api-1", 1)},
		{SHA: sha(6), At: at(3), Message: "Revert the merge\n\nThis reverts commit " + sha(2) + ", reversing\nchanges\n"},
		{SHA: sha(7), At: at(9), Message: "This reverts commit " + sha(99) + ".\n"},
	}
	backwards := slices.Clone(history)
	slices.Reverse(backwards)
	for _, order := range [][]ledger.Commit{history, backwards, append(backwards, history...)} {
		var x ledger.Index
		if got := x.RevertedSince(noon); got != nil {
			t.Errorf("of nothing: %v", got)
		}
		for _, c := range order {
			x.Add(c)
		}
		for after, want := range map[int]int{-1: 1, 5: 1, 8: 0} {
			if got := x.RevertedSince(at(after)); len(got) != want || want > 0 && got[0] != record("web-1", 1, 1, noon) {
				t.Errorf("after %d hours: %v", after, got)
			}
		}
	}
}
