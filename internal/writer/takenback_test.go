package writer_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
)

// says is the message of a commit that says to take another one back.
func says(commit string) string { return "Revert\n\nThis reverts commit " + commit + ".\n" }

// Anybody may write into a message that a change is taken back. As long as it is there
// it is not, and can be taken back still.
func TestTakenBackInWordsOnly(t *testing.T) {
	for name, land := range landings {
		onBench(t, map[string]string{"f": "web=1", "other": "x"}, func(t *testing.T, b *bench) {
			commits := land(b)
			lie := b.hub.push(says(commits[0]), func(files map[string]string) { files["other"] = "y" })
			time.Sleep(time.Minute)
			if by, err := b.writer.Superseded(context.Background(), commits[0]); err != nil || by != (amend.Successor{}) {
				t.Errorf("%s: superseded by %+v, %v", name, by, err)
			}
			if r, err := b.writer.TakenBack(context.Background(), lie); amend.KindOf(err) != amend.NotFound {
				t.Errorf("%s: the lie took %+v back, %v", name, r, err)
			}
			// By its incident too, of which it is the latest change that is there.
			d, err := b.writer.Revert(context.Background(), amend.Reversal{Incident: incident("web"), At: asked}, nil)
			if err != nil || d.Reason != amend.ReasonReverted || d.Change.Commit == lie || b.hub.file("f") != "web=1" {
				t.Errorf("%s: %+v, %v; the file holds %q", name, d, err, b.hub.file("f"))
			}
			// Both are said of the change now, and only one is true.
			if by := b.wantRevert(commits[0], amend.ReasonReverted, "nothing is left to do"); by != d.Change.Commit {
				t.Errorf("%s: taken back by %s, want %s", name, by, d.Change.Commit)
			}
		})
	}
}

// A commit that takes a change back is known by its own id, and by that of the merge
// or the squash which brought it, long after it was made.
func TestTakenBack(t *testing.T) {
	for name, land := range landings {
		for merged, back := range map[string]func(b *bench, commit string) []string{
			"by amend": func(b *bench, commit string) []string {
				return []string{b.wantRevert(commit, amend.ReasonReverted, "is taken back")}
			},
			"by hand": func(b *bench, commit string) []string {
				return []string{b.hub.push(says(commit), edit("web=2", "web=1"))}
			},
			"by merge": func(b *bench, commit string) []string {
				p := b.proposed(commit)
				b.hub.merge(p)
				return []string{p.Commit, b.hub.branches[p.branch]}
			},
			"by squash": func(b *bench, commit string) []string {
				p := b.proposed(commit)
				return []string{b.hub.squash(p, "Revert it (#2)\n\n"+b.hub.commits[b.hub.branches[p.branch]].message)}
			},
		} {
			onBench(t, map[string]string{"f": "web=1", "other": "x"}, func(t *testing.T, b *bench) {
				commits := land(b)
				want, err := b.writer.Change(context.Background(), commits[0])
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(7 * time.Hour)
				for _, by := range back(b, commits[0]) {
					if got, err := b.writer.TakenBack(context.Background(), by); err != nil || got != want {
						t.Errorf("%s, %s: %s took back %+v, %v; want %+v", name, merged, by, got, err, want)
					}
				}
				time.Sleep(time.Minute)
				for since, want := range map[time.Duration][]amend.Record{time.Hour: {want}, time.Second: nil} {
					got, err := b.writer.Reverted(context.Background(), time.Now().Add(-since))
					if err != nil || !slices.Equal(got, want) {
						t.Errorf("%s, %s: since %s: %+v, %v; want %+v", name, merged, since, got, err, want)
					}
				}
				for _, c := range append(commits, b.hub.push("human", edit("x", "y"))) {
					if r, err := b.writer.TakenBack(context.Background(), c); amend.KindOf(err) != amend.NotFound {
						t.Errorf("%s, %s: %s took %+v back, %v", name, merged, c, r, err)
					}
				}
				if _, err := b.writer.TakenBack(context.Background(), "main"); amend.KindOf(err) != amend.Invalid {
					t.Errorf("a branch: %v", err)
				}
			})
		}
	}
}

// proposed returns the pull request that takes a change back.
func (b *bench) proposed(commit string) *request {
	b.t.Helper()
	d, err := b.writer.Revert(context.Background(), amend.Reversal{Commit: commit, Propose: true, At: asked}, nil)
	if err != nil || d.Reason != amend.ReasonRevertProposed {
		b.t.Fatalf("%+v, %v", d, err)
	}
	i := slices.IndexFunc(b.hub.pulls, func(p *request) bool { return p.branch == d.Change.Branch })
	time.Sleep(3 * time.Hour)
	return b.hub.pulls[i]
}

// What was taken back and brought again by hand is live, and has no successor.
func TestTakenBackAndBroughtAgain(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1", "other": "x"}, func(t *testing.T, b *bench) {
		commit := b.send(firing("web", amend.Commit, "f"))[0].Change.Commit
		by := b.wantRevert(commit, amend.ReasonReverted, "is taken back")
		b.hub.push(says(by), edit("web=1", "web=2"))
		time.Sleep(time.Minute)
		if by, err := b.writer.Superseded(context.Background(), commit); err != nil || by != (amend.Successor{}) {
			t.Errorf("superseded by %+v, %v", by, err)
		}
		b.wantRevert(commit, amend.ReasonChangedSince, "brought it again")
	})
}

// A change that was planned anew is the plan that landed, whichever of its commits
// names it; the log, the verdict and the revert speak of that one.
func TestPlannedAnewIsWhatLanded(t *testing.T) {
	onKept(t, &keeper{}, func(t *testing.T, b *bench, _ amend.Event, p *request) {
		first := b.hub.branches[p.branch]
		b.hub.push("human", edit("web=1", "# a line above\nweb=5"))
		b.later()
		second := b.hub.branches[p.branch]
		b.hub.merge(p)
		b.later()
		asked := b.hub.asked[len(b.hub.asked)-1]
		if asked.Commit != second || first == second {
			t.Errorf("the entry of %s was asked for, want that of %s", asked.Commit, second)
		}
		for _, c := range []string{first, second, p.Commit} {
			if r, err := b.writer.Change(context.Background(), c); err != nil || r != asked {
				t.Errorf("%s is the change %+v, %v; want %+v", c, r, err, asked)
			}
		}
		b.judge(first, amend.Failed)
		if got := b.hub.states(second); !slices.Equal(got, []amend.VerdictState{amend.Failed}) {
			t.Errorf("beside what landed stands %v", got)
		}
		by := b.wantRevert(first, amend.ReasonReverted, "is taken back")
		if text := b.hub.commits[by].message; !strings.Contains(text, "This reverts commit "+second) {
			t.Errorf("the revert says\n%s", text)
		}
		if got := b.hub.file("f"); got != "# a line above\nweb=5\nother=1" {
			t.Errorf("the file holds %q", got)
		}
	})
}
