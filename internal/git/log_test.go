package git_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
)

// knot makes a history with merges, a second root and a side branch.
func knot(t *testing.T) (*upstream, *git.Mirror) {
	t.Helper()
	u := newUpstream(t)
	f := func(v string) map[string]string { return map[string]string{"f": v} }
	u.stream(t,
		stream{branch: "main", files: f("1")},
		stream{branch: "main", files: f("2"), from: ":1"},
		stream{branch: "side", files: map[string]string{"g": "1"}, from: ":1"},
		stream{branch: "main", files: f("3"), from: ":2", merge: ":3"},
		stream{branch: "side", files: map[string]string{"g": "2"}, from: ":3"},
		stream{branch: "root2", files: map[string]string{"h": "1"}},
		stream{branch: "main", files: f("4"), from: ":4", merge: ":6"},
		stream{branch: "main", files: f("5"), from: ":7", merge: ":5", message: "last\n\nAmend-Incident: x\n"},
	)
	m := open(t, u.config(t))
	fetch(t, m)
	return u, m
}

func shas(t *testing.T, m interface{ Log(a, b string) seq }, from, until string) []string {
	t.Helper()
	var got []string
	for c, err := range m.Log(from, until) {
		must(t, err)
		got = append(got, c.SHA)
	}
	return got
}

func TestLogIsWhatGitSays(t *testing.T) {
	u, m := knot(t)
	revs := []string{"main", "main~1", "main~2", "main~3", "side", "side~1", "root2", ""}
	for _, from := range revs[:7] {
		for _, until := range revs {
			args := []string{"rev-list", u.rev(t, from)}
			if until != "" {
				until = u.rev(t, until)
				args = append(args, "^"+until)
			}
			want := strings.Fields(run(t, u.dir, args...))
			got := shas(t, m, u.rev(t, from), until)
			if d := cmp.Diff(want, got); d != "" && len(want)+len(got) > 0 {
				t.Errorf("%v (-git +ours):\n%s", args, d)
			}
		}
	}
}

func TestLogCommit(t *testing.T) {
	u, m := knot(t)
	for c, err := range m.Log(u.rev(t, "main"), "") {
		must(t, err)
		want := git.Commit{
			SHA: u.rev(t, "main"), Parents: []string{u.rev(t, "main^1"), u.rev(t, "main^2")},
			Message: "last\n\nAmend-Incident: x\n", Author: git.Person{Name: "Ann", Email: "ann@example.com"}, Committer: "ann@example.com", Time: c.Time,
		}
		if d := cmp.Diff(want, c); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if got, want := c.Time.Unix(), strings.TrimSpace(run(t, u.dir, "log", "-1", "--format=%ct", "main")); cmp.Diff(want, strconv.FormatInt(got, 10)) != "" {
			t.Errorf("time = %d, want %s", got, want)
		}
		break // ends the walk
	}
}

// Clocks that run backwards make no commit missing.
func TestLogWithWrongClocks(t *testing.T) {
	u := newUpstream(t)
	f := func(v string) map[string]string { return map[string]string{"f": v} }
	u.stream(t,
		stream{branch: "main", files: f("1"), time: 1_900_000_000},
		stream{branch: "main", files: f("2"), from: ":1", time: 1_000},
		stream{branch: "main", files: f("3"), from: ":2", time: 1_900_000_001},
		stream{branch: "main", files: f("4"), from: ":3", merge: ":1", time: 1_500_000_000},
	)
	m := open(t, u.config(t))
	fetch(t, m)
	for _, until := range []string{"main~1", "main~2", "main~3"} {
		want := strings.Fields(run(t, u.dir, "rev-list", "main", "^"+u.rev(t, until)))
		got := shas(t, m, u.rev(t, "main"), u.rev(t, until))
		for _, sha := range want {
			if !slices.Contains(got, sha) {
				t.Errorf("%s..main lacks %s", until, sha)
			}
		}
	}
}

// What lies between a commit and itself is nothing, however long its history is:
// the writer asks that of each of its own commits.
func TestLogOfNothingReadsNoHistory(t *testing.T) {
	u := newUpstream(t)
	history := []stream{{branch: "main", files: map[string]string{"f": "0"}}}
	for i := 1; i < 500; i++ {
		history = append(history, stream{branch: "main", files: map[string]string{"f": strconv.Itoa(i)}, from: ":" + strconv.Itoa(i)})
	}
	u.stream(t, history...)
	m := open(t, u.config(t))
	fetch(t, m)
	head := u.rev(t, "main")
	cost := func(until string) float64 {
		return testing.AllocsPerRun(1, func() { shas(t, m, head, until) })
	}
	if nothing, all := cost(head), cost(""); nothing*10 > all {
		t.Errorf("nothing costs %v allocations, and all 500 commits %v", nothing, all)
	}
}

func TestLogErrors(t *testing.T) {
	u, m := knot(t)
	for _, tc := range []struct {
		from, until string
		want        amend.Kind
	}{
		{strings.Repeat("1", 40), "", amend.NotFound},
		{u.rev(t, "main"), strings.Repeat("1", 40), amend.NotFound},
		{"main", "", amend.Invalid},
		{"", "", amend.Invalid},
	} {
		n := 0
		for _, err := range m.Log(tc.from, tc.until) {
			wantKind(t, err, tc.want)
			n++
		}
		if n != 1 {
			t.Errorf("%d items, want the error alone", n)
		}
	}
}

func TestVersions(t *testing.T) {
	u := newUpstream(t)
	const name = "apps/web/deploy.yaml"
	var want []string
	for _, step := range []struct {
		files map[string]string
		is    string // the content that a version starts with here
	}{
		{map[string]string{"other": "1"}, ""},
		{map[string]string{name: "A"}, "A"},
		{map[string]string{"other": "2"}, ""},
		{map[string]string{name: "B", "other": "3"}, "B"},
		{map[string]string{"apps/web/else": "1"}, ""},
		{map[string]string{name: ""}, ""}, // deleted
		{map[string]string{"apps/web/else": "2"}, ""},
		{map[string]string{name: "B"}, "B"}, // and back
		{map[string]string{name: "A"}, "A"},
		{map[string]string{"other": "4"}, ""},
	} {
		sha := u.commit(t, "main", step.files)
		if step.is != "" {
			want = append([]string{sha + " " + step.is}, want...)
		}
	}
	m := open(t, u.config(t))
	fetch(t, m)
	for _, most := range []int{1, 2, len(want)} { // a reader may stop early
		var got []string
		for v, err := range m.Versions(head(t, m, "main"), repoPath(t, name)) {
			must(t, err)
			if got = append(got, v.Commit+" "+string(v.Content)); len(got) == most && most < len(want) {
				break
			}
		}
		if d := cmp.Diff(want[:most], got); d != "" {
			t.Errorf("the first %d (-want +got):\n%s", most, d)
		}
	}
	for v, err := range m.Versions(head(t, m, "main"), repoPath(t, "apps/web")) {
		t.Errorf("a folder has a version: %v %v", v, err)
	}
	for v, err := range m.Versions(head(t, m, "main"), repoPath(t, "apps/web/else/x")) {
		t.Errorf("a file below a file has a version: %v %v", v, err)
	}
}

// A merge is one step of its first parent's history.
func TestVersionsFollowFirstParents(t *testing.T) {
	u := newUpstream(t)
	u.stream(t,
		stream{branch: "main", files: map[string]string{"f": "1"}},
		stream{branch: "side", files: map[string]string{"f": "2"}, from: ":1"},
		stream{branch: "side", files: map[string]string{"f": "3"}, from: ":2"},
		stream{branch: "main", files: map[string]string{"f": "3"}, from: ":1", merge: ":3"},
	)
	m := open(t, u.config(t))
	fetch(t, m)
	var got []string
	for v, err := range m.Versions(head(t, m, "main"), repoPath(t, "f")) {
		must(t, err)
		got = append(got, v.Commit+" "+string(v.Content))
	}
	want := []string{u.rev(t, "main") + " 3", u.rev(t, "main~1") + " 1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
