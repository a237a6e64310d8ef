package writer_test

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/policy"
)

func (h *hub) Verdict(_ context.Context, commit string) (state amend.VerdictState, err error) {
	err = h.call("read verdict", func() error {
		if all := h.verdicts[commit]; len(all) > 0 {
			state = all[len(all)-1].State
		}
		return nil
	})
	return state, err
}

func (h *hub) SetVerdict(_ context.Context, v amend.Verdict) error {
	return h.call("set verdict", func() error {
		h.verdicts[v.Commit] = append(h.verdicts[v.Commit], v)
		return nil
	})
}

func (h *hub) JudgePull(_ context.Context, branch string, state amend.VerdictState, comment string) error {
	return h.call("judge pull", func() error {
		i := slices.IndexFunc(h.pulls, func(p *request) bool { return p.branch == branch && p.State == amend.EpisodeLanded })
		if i < 0 || slices.Contains(h.pulls[i].labels, "amend/"+string(state)) {
			return nil
		}
		h.pulls[i].labels, h.pulls[i].comments = append(h.pulls[i].labels, "amend/"+string(state)), append(h.pulls[i].comments, comment)
		return nil
	})
}

// states lists what was shown beside a commit, the latest last.
func (h *hub) states(commit string) (states []amend.VerdictState) {
	for _, v := range h.verdicts[commit] {
		states = append(states, v.State)
	}
	return states
}

// judge gives verdicts one after the other.
func (b *bench) judge(commit string, states ...amend.VerdictState) {
	b.t.Helper()
	for _, state := range states {
		r, err := b.writer.Judge(context.Background(), amend.Verdict{State: state, Commit: commit, Detail: "the alert of @jo has ended"})
		if err != nil {
			b.t.Errorf("%s: %v", state, err)
		}
		if shown := b.hub.states(r.Commit); r.Verdict != shown[len(shown)-1] {
			b.t.Errorf("%s: it says that %q stands, and %v is shown", state, r.Verdict, shown)
		}
	}
}

func TestVerdictsGoForward(t *testing.T) {
	type states = []amend.VerdictState
	for _, c := range []struct{ given, shown states }{
		{states{amend.Pending, amend.Worked}, states{amend.Pending, amend.Worked}},
		{states{amend.Worked, amend.Worked, amend.Pending, amend.Failed, amend.Unverified, amend.Reverted}, states{amend.Worked}},
		{states{amend.Pending, amend.Pending, amend.Failed, amend.Failed, amend.Worked, amend.Reverted, amend.Worked}, states{amend.Pending, amend.Failed, amend.Reverted}},
		{states{amend.Unverified, amend.Pending, amend.Unverified, amend.Worked}, states{amend.Unverified, amend.Worked}},
		{states{amend.Superseded, amend.Failed, amend.Reverted}, states{amend.Superseded}},
	} {
		onBench(t, map[string]string{"a.txt": "web=1\n"}, func(t *testing.T, b *bench) {
			b.wantReasons(b.send(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
			commit, asked := b.hub.branches["main"], len(b.hub.asked)
			b.judge(commit, c.given...)
			if diff := cmp.Diff(c.shown, b.hub.states(commit)); diff != "" {
				t.Errorf("given %v (-want +got):\n%s", c.given, diff)
			}
			final := len(slices.DeleteFunc(slices.Clone(c.shown), func(s amend.VerdictState) bool { return s == amend.Pending }))
			if len(b.hub.asked)-asked != final {
				t.Errorf("given %v: the log was told %d times, want %d", c.given, len(b.hub.asked)-asked, final)
			}
		})
	}
}

// Whoever merged a pull request reads there what became of it, once, and is not
// called by what an alert says.
func TestVerdictOnPullRequest(t *testing.T) {
	onBench(t, map[string]string{"a.txt": "web=1\n"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.PullRequest, "a.txt")), amend.ReasonAct)
		pull := b.hub.pulls[0]
		b.hub.merge(pull)
		b.judge(pull.Commit, amend.Pending)
		if len(pull.comments) > 0 {
			t.Errorf("before it is known: %q", pull.comments)
		}
		b.hub.fault = failing("set verdict")
		_, err := b.writer.Judge(context.Background(), amend.Verdict{State: amend.Failed, Commit: pull.Commit, Detail: "the alert of @jo still fires"})
		if err == nil {
			t.Error("a status that was not set is no error")
		}
		b.hub.fault = nil
		b.judge(pull.Commit, amend.Failed, amend.Failed, amend.Reverted)
		if diff := cmp.Diff([]string{"amend/failed", "amend/reverted"}, pull.labels); diff != "" {
			t.Error(diff)
		}
		if len(pull.comments) != 2 || !strings.HasPrefix(pull.comments[0], "**failed**: the alert") || strings.Contains(pull.comments[0], "@jo") {
			t.Errorf("the comments are %q", pull.comments)
		}
		// The status is that of the commit that the log names, not of the merge.
		if got := b.hub.states(b.hub.landed()[0].Commit); len(got) != 3 {
			t.Errorf("shown beside the change: %v", got)
		}
	})
}

func failing(call string) func(string) (error, error) {
	return func(c string) (error, error) {
		if c == call {
			return amend.Errorf(amend.Transient, call, "503"), nil
		}
		return nil, nil
	}
}

func TestJudgeRefuses(t *testing.T) {
	onBench(t, map[string]string{"a.txt": "web=1\n"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
		ours := b.hub.branches["main"]
		theirs := b.hub.push("by hand", func(files map[string]string) { files["a.txt"] = "web=9\n" })
		for _, c := range []struct {
			verdict amend.Verdict
			want    amend.Kind
		}{
			{amend.Verdict{State: "fine", Commit: ours}, amend.Invalid},
			{amend.Verdict{State: amend.Worked, Commit: "main"}, amend.Invalid},
			{amend.Verdict{State: amend.Worked, Commit: theirs}, amend.NotFound},
		} {
			if _, err := b.writer.Judge(context.Background(), c.verdict); amend.KindOf(err) != c.want {
				t.Errorf("%+v: %v, want %s", c.verdict, err, c.want)
			}
		}
		if len(b.hub.verdicts) > 0 {
			t.Errorf("shown: %v", b.hub.verdicts)
		}
	})
}

func TestSuperseded(t *testing.T) {
	files := map[string]string{"a.txt": "web=1\napi=1\n"}
	superseded := func(b *bench, commit string) string {
		b.t.Helper()
		time.Sleep(time.Minute)
		by, err := b.writer.Superseded(context.Background(), commit)
		if err != nil || by.Reverts {
			b.t.Errorf("%+v, %v", by, err)
		}
		return by.Commit
	}
	onBench(t, files, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
		first := b.hub.branches["main"]
		if by := superseded(b, first); by != "" {
			t.Errorf("alone, and superseded by %s", by)
		}
		b.wantReasons(b.again(firing("api", amend.Commit, "a.txt")), amend.ReasonAct)
		b.hub.push("by hand", func(files map[string]string) { files["a.txt"] += "x=1\n" })
		if by := superseded(b, first); by != "" {
			t.Errorf("another workload's change %s, or a person's, took the place", by)
		}
		time.Sleep(2 * time.Hour) // the cooldown
		b.wantReasons(b.again(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
		second := b.hub.branches["main"]
		if by := superseded(b, first); by != second {
			t.Errorf("superseded by %q, want %s", by, second)
		}
		if by := superseded(b, second); by != "" {
			t.Errorf("the newest is superseded by %s", by)
		}
	})
	// A pull request that was opened before, and merged after: what was made in
	// between is not newer.
	onBench(t, files, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.PullRequest, "a.txt")), amend.ReasonAct)
		time.Sleep(time.Hour)
		b.hub.merge(b.hub.pulls[0])
		if by := superseded(b, b.hub.pulls[0].Commit); by != "" {
			t.Errorf("superseded by %s", by)
		}
	})
}

// A change lands when its pull request is merged, however long that took.
func TestLandedByMerge(t *testing.T) {
	onBench(t, map[string]string{"a.txt": "web=1\n", "b.txt": "web=1\n"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.PullRequest, "a.txt")), amend.ReasonAct)
		time.Sleep(5 * time.Hour)
		b.hub.merge(b.hub.pulls[0])
		time.Sleep(time.Hour)
		for since, want := range map[time.Duration]int{2 * time.Hour: 1, time.Minute: 0} {
			landed, err := b.writer.Landed(context.Background(), time.Now().Add(-since))
			if err != nil || len(landed) != want {
				t.Errorf("since %s: %v, %v; want %d", since, landed, err, want)
			}
		}
	})
}

// What is taken back has no effect any more, so nothing that follows is its doing.
func TestTakenBackIsSuperseded(t *testing.T) {
	for _, byHand := range []bool{true, false} {
		for name, land := range landings {
			onBench(t, map[string]string{"f": "web=1", "other": "x"}, func(t *testing.T, b *bench) {
				commit := land(b)[0]
				time.Sleep(time.Minute)
				var back string
				if byHand {
					back = b.hub.push("Revert\n\nThis reverts commit "+commit+".\n", func(files map[string]string) { files["f"] = "web=1" })
				} else {
					back = b.wantRevert(commit, amend.ReasonReverted, "is taken back")
				}
				time.Sleep(time.Minute)
				if by, err := b.writer.Superseded(context.Background(), commit); err != nil || by != (amend.Successor{Commit: back, Reverts: true}) {
					t.Errorf("%s, by hand %v: superseded by %+v, %v; want %s", name, byHand, by, err, back)
				}
			})
		}
	}
}

// An event that is delivered again after days asks about a change that has been
// good since; whatever fires now, it stays.
func TestOldChangesStay(t *testing.T) {
	for name, land := range landings {
		onBench(t, map[string]string{"f": "web=1", "other": "x"}, func(t *testing.T, b *bench) {
			b.check = func(fs.FS, amend.Record) (amend.Check, error) { return amend.Check{OnFailure: amend.TakeBack}, nil }
			r, err := b.writer.Change(context.Background(), land(b)[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []amend.OnFailure{amend.TakeBack, amend.Keep} {
				time.Sleep(13 * time.Hour)
				if got, err := b.writer.Check(context.Background(), r); err != nil || got.OnFailure != want {
					t.Errorf("%s: %+v, %v; want %s", name, got, err, want)
				}
			}
		})
	}
}

// Many that wait for a verdict cost few looks at the branch.
func TestLooksAreFew(t *testing.T) {
	onBench(t, map[string]string{"a.txt": "web=1\n"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
		commit, before := b.hub.branches["main"], b.hub.count("head")
		for range 50 {
			if _, err := b.writer.Superseded(context.Background(), commit); err != nil {
				t.Fatal(err)
			}
			if landed, err := b.writer.Landed(context.Background(), time.Now().Add(-time.Hour)); err != nil || len(landed) != 1 || landed[0].Commit != commit {
				t.Fatalf("%v, %v", landed, err)
			}
		}
		if looks := b.hub.count("head") - before; looks != 1 {
			t.Errorf("100 questions looked at the branch %d times", looks)
		}
	})
}

func TestCheckReadsThePolicy(t *testing.T) {
	onBench(t, map[string]string{"a.txt": "web=1\n"}, func(t *testing.T, b *bench) {
		b.wantReasons(b.send(firing("web", amend.Commit, "a.txt")), amend.ReasonAct)
		r := b.hub.landed()[0]
		want := amend.Check{After: time.Minute, OnFailure: amend.TakeBack}
		b.check = func(tree fs.FS, got amend.Record) (amend.Check, error) {
			if _, err := fs.Stat(tree, "a.txt"); err != nil || got != r {
				t.Errorf("asked about %+v in another tree: %v", got, err)
			}
			return want, nil
		}
		if got, err := b.writer.Check(context.Background(), r); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
		// Who cannot say what is to be done wants nothing done.
		b.check = func(fs.FS, amend.Record) (amend.Check, error) { return want, policy.Problems{{Message: "wrong"}} }
		if got, err := b.writer.Check(context.Background(), r); err != nil || got != (amend.Check{OnFailure: amend.Keep}) {
			t.Errorf("%+v, %v", got, err)
		}
		b.check = func(fs.FS, amend.Record) (amend.Check, error) {
			return want, amend.Errorf(amend.Transient, "read", "away")
		}
		if _, err := b.writer.Check(context.Background(), r); amend.KindOf(err) != amend.Transient {
			t.Error(err)
		}
	})
}
