package writer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/pipeline"
)

// proposeBack asks for a pull request that takes a change back.
func (b *bench) proposeBack(commit string) (amend.Decision, error) {
	return b.writer.Revert(context.Background(), amend.Reversal{Commit: commit, Propose: true, Why: "the alert of @jo still fires", At: asked}, nil)
}

// onBadFix plays on after a change of web from 1 to 2, in a file with other lines.
func onBadFix(t *testing.T, play func(t *testing.T, b *bench, commit string)) {
	t.Helper()
	onBench(t, map[string]string{"a.txt": "a=1\nb=1\nc=1\nd=1\nweb=1\ne=1\nf=1\ng=1\nh=1\n"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
		play(t, b, b.hub.branches["main"])
	})
}

func TestProposesToTakeBack(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(files map[string]string)
		want   string // the file as proposed
		says   string // in the body
		reason amend.Reason
	}{
		"exactly": {func(map[string]string) {}, "a=1\nb=1\nc=1\nd=1\nweb=1\ne=1\nf=1\ng=1\nh=1\n", "exact bytes", amend.ReasonRevertProposed},
		"with other lines edited since": {func(f map[string]string) { f["a.txt"] = strings.Replace(f["a.txt"], "a=1", "a=7", 1) + "i=1\n" },
			"a=7\nb=1\nc=1\nd=1\nweb=1\ne=1\nf=1\ng=1\nh=1\ni=1\n", "only the lines of the change", amend.ReasonRevertProposed},
		"with its line edited since":   {func(f map[string]string) { f["a.txt"] = strings.Replace(f["a.txt"], "web=2", "web=9", 1) }, "", "", amend.ReasonChangedSince},
		"with the lines around edited": {func(f map[string]string) { f["a.txt"] = strings.Replace(f["a.txt"], "d=1", "d=9", 1) }, "", "", amend.ReasonChangedSince},
		"with its lines there twice":   {func(f map[string]string) { f["a.txt"] += f["a.txt"] }, "", "", amend.ReasonChangedSince},
		"with its file gone":           {func(f map[string]string) { delete(f, "a.txt") }, "", "", amend.ReasonChangedSince},
	} {
		t.Run(name, func(t *testing.T) {
			onBadFix(t, func(t *testing.T, b *bench, commit string) {
				main := b.hub.push("by hand", c.edit)
				d, err := b.proposeBack(commit)
				if err != nil || d.Reason != c.reason {
					t.Fatalf("%s (%s), %v; want %s", d.Reason, d.Detail, err, c.reason)
				}
				if b.hub.branches["main"] != main {
					t.Error("the branch has moved")
				}
				if c.want == "" {
					if len(b.hub.pulls) > 0 || !d.Refused() {
						t.Errorf("pull requests: %v", b.hub.pulls)
					}
					return
				}
				pull := b.hub.pulls[0]
				head := b.hub.commits[b.hub.branches[pull.branch]]
				if got := head.files["a.txt"]; got != c.want {
					t.Errorf("it proposes\n%s\nwant\n%s", got, c.want)
				}
				if d.Change == nil || d.Change.Number != 1 || d.Change.Kind != amend.KindPullRequest || d.Refused() || !strings.HasPrefix(pull.branch, "amend/revert/p-") {
					t.Errorf("the decision is %+v, %+v", d, d.Change)
				}
				if !strings.Contains(pull.Body, c.says) || strings.Contains(pull.Body, "@jo") || !strings.Contains(pull.Body, "This reverts commit "+commit) {
					t.Errorf("the body is\n%s", pull.Body)
				}
				// Merged, it is a revert as any other one, and the incident rests.
				b.hub.merge(pull)
				if sha, ok := ledger.Reverts(head.message); !ok || sha != commit {
					t.Errorf("the message is\n%s", head.message)
				}
				if d, err := b.proposeBack(commit); err != nil || d.Reason != amend.ReasonReverted || len(b.hub.pulls) != 1 {
					t.Errorf("afterwards: %s, %v", d.Reason, err)
				}
			})
		})
	}
}

// Lines that only look like those of the change are left alone.
func TestLinesThatOnlyLookAlike(t *testing.T) {
	for name, c := range map[string]struct{ before, now string }{
		"the last line, longer since":        {"a=1\nweb=1", "a=1\nweb=25\n"},
		"twice, with the lines between once": {"a=1\nweb=1\na=1\n", "a=1\nweb=2\na=1\nweb=2\na=1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"a.txt": c.before}, func(t *testing.T, b *bench) {
				b.wantReasons(b.send(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
				commit := b.hub.branches["main"]
				b.hub.push("by hand", func(files map[string]string) { files["a.txt"] = c.now })
				d, err := b.proposeBack(commit)
				if err != nil || d.Reason != amend.ReasonChangedSince || len(b.hub.pulls) > 0 {
					t.Errorf("%s, %v; proposed %v", d.Reason, err, b.hub.pulls)
				}
			})
		})
	}
}

// It is asked for again and again, and half of it is there after a crash: one
// pull request comes of it.
func TestProposesToTakeBackOnce(t *testing.T) {
	for _, call := range []string{"commit", "create branch", "open pull"} {
		onBadFix(t, func(t *testing.T, b *bench, commit string) {
			failed := false
			b.hub.fault = func(c string) (before, after error) {
				if c == call && !failed {
					failed = true
					return nil, amend.Errorf(amend.Transient, call, "the answer was lost")
				}
				return nil, nil
			}
			_, err := b.proposeBack(commit)
			if !failed || amend.KindOf(err) != amend.Transient {
				t.Errorf("%s: %v", call, err)
			}
			b.stop()
			b.restart()
			b.run()
			for range 2 {
				time.Sleep(time.Second)
				if d, err := b.proposeBack(commit); err != nil || d.Reason != amend.ReasonRevertProposed || d.Change.Number != 1 {
					t.Errorf("%s: %s, %+v, %v", call, d.Reason, d.Change, err)
				}
			}
			if len(b.hub.pulls) != 1 {
				t.Errorf("%s: %d pull requests", call, len(b.hub.pulls))
			}
		})
	}
}

func TestProposalThatWasRefused(t *testing.T) {
	onBadFix(t, func(t *testing.T, b *bench, commit string) {
		if _, err := b.proposeBack(commit); err != nil {
			t.Fatal(err)
		}
		b.hub.pulls[0].State = amend.EpisodeDeclined
		if d, err := b.proposeBack(commit); err != nil || d.Reason != amend.ReasonMuted || len(b.hub.pulls) != 1 {
			t.Errorf("%s, %v", d.Reason, err)
		}
	})
	onBadFix(t, func(t *testing.T, b *bench, commit string) {
		b.hub.branches["amend/revert/"+incident("web")+"-1"] = b.hub.join("theirs", "by hand", func(map[string]string) {}, commit)
		if _, err := b.proposeBack(commit); amend.ReasonOf(err) != amend.ReasonFailed || len(b.hub.pulls) > 0 {
			t.Errorf("somebody else's branch: %v", err)
		}
	})
}

// An incident names its latest change that was not taken back.
func TestRevertByIncident(t *testing.T) {
	onBadFix(t, func(t *testing.T, b *bench, first string) {
		time.Sleep(2 * time.Hour)
		b.wantReasons(b.again(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
		for _, want := range []string{"web=2\n", "web=1\n"} {
			d, err := b.writer.Revert(context.Background(), amend.Reversal{Incident: incident("web"), At: asked}, nil)
			if err != nil || d.Reason != amend.ReasonReverted || !strings.Contains(b.hub.file("a.txt"), want) {
				t.Errorf("%s (%s), %v; the file is\n%s", d.Reason, d.Detail, err, b.hub.file("a.txt"))
			}
		}
		for _, r := range []amend.Reversal{{Incident: incident("web")}, {Incident: "no-such"}} {
			if _, err := b.writer.Revert(context.Background(), r, nil); amend.KindOf(err) != amend.NotFound {
				t.Errorf("%+v: %v", r, err)
			}
		}
		if _, err := b.writer.Revert(context.Background(), amend.Reversal{}, nil); amend.KindOf(err) != amend.Invalid {
			t.Error(err)
		}
	})
}

// TestRevertNeedsNoBudget: when every budget is spent and everything is frozen, so
// that no change is made, one is still taken back, beside the refusals of a storm.
func TestRevertNeedsNoBudget(t *testing.T) {
	onBadFix(t, func(t *testing.T, b *bench, commit string) {
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			d, err := decide(w, e)
			if err == nil && d.Acts() {
				d.Reason, d.Plan, d.Episode = amend.ReasonBudget, nil, 0
			}
			return d, err
		}
		var storm []amend.Event
		for range 300 {
			storm = append(storm, firing("web", amend.Commit, "a.txt"))
		}
		wait := b.queue(storm...)
		d, err := b.writer.Revert(context.Background(), amend.Reversal{Commit: commit, At: asked}, nil)
		if err != nil || d.Reason != amend.ReasonReverted || !strings.Contains(b.hub.file("a.txt"), "web=1\n") {
			t.Errorf("%s, %v", d.Reason, err)
		}
		wait()
	})
}
