package writer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/writer"
)

func TestChangeOfACommit(t *testing.T) {
	for name, land := range landings {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				commits := land(b)
				human := b.hub.push("human", func(files map[string]string) { files["g"] = "1" })
				want := b.hub.landed()[0]
				for _, c := range commits {
					got, err := b.writer.Change(context.Background(), c)
					if err != nil || got != want {
						t.Errorf("%s is the change %+v, %v; want %+v", c, got, err, want)
					}
				}
				by := b.wantRevert(commits[0], amend.ReasonReverted, "")
				for _, c := range []string{human, by, b.hub.commits[commits[0]].parents[0], strings.Repeat("ab", 20)} {
					if got, err := b.writer.Change(context.Background(), c); amend.KindOf(err) != amend.NotFound {
						t.Errorf("%s is the change %+v, %v", c, got, err)
					}
				}
				if _, err := b.writer.Change(context.Background(), "HEAD"); amend.KindOf(err) != amend.Invalid {
					t.Errorf("a name that is no commit id: %v", err)
				}
			})
		})
	}
}

// A pull request that is open, or was closed, brought nothing to the branch, and
// a merge of several changes is none of them.
func TestChangeThatDidNotLandAlone(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1", "g": "api=1"}, func(t *testing.T, b *bench) {
		web := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
		api := b.again(firing("api", amend.PullRequest, "g"))[0].Change.Commit
		wantNone := func(commit string) {
			t.Helper()
			if got, err := b.writer.Change(context.Background(), commit); amend.KindOf(err) != amend.NotFound {
				t.Errorf("%s is the change %+v, %v", commit, got, err)
			}
		}
		wantNone(web)
		human := b.hub.join("release", "human", func(map[string]string) {}, web)
		both := b.hub.join("release", "Merge both", func(map[string]string) {}, human, api)
		octopus := b.hub.join("main", "Merge", func(files map[string]string) { files["f"], files["g"] = "web=2", "api=2" }, b.hub.branches["main"], both)
		wantNone(octopus)
		wantNone(human)
		for _, commit := range []string{web, api} {
			if got, err := b.writer.Change(context.Background(), commit); err != nil || got.Commit != commit {
				t.Errorf("%s is the change %+v, %v", commit, got, err)
			}
		}
	})
}

func TestRecordOfACommit(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		made := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
		want := func(commit string, state writer.RecordState, dispatches int) {
			t.Helper()
			before := len(b.hub.asked)
			r, got, err := b.writer.Record(context.Background(), commit)
			if err != nil || got != state {
				t.Errorf("the record of %s is %q, %v; want %q", commit, got, err, state)
			}
			if known := r.Commit == made; known != (state != writer.UnknownCommit) {
				t.Errorf("in state %q the record is %+v", got, r)
			}
			if n := len(b.hub.asked) - before; n != dispatches {
				t.Errorf("%d entries were asked for, want %d", n, dispatches)
			}
		}
		want(made, writer.UnknownCommit, 0) // nobody has merged it
		b.hub.merge(b.hub.pulls[0])
		merge := b.hub.branches["main"]
		want(merge, writer.Asked, 1)
		want(made, writer.Asked, 0) // only just
		time.Sleep(3 * time.Minute)
		want(merge, writer.Asked, 1) // nothing came of it
		b.hub.record(b.t, b.hub.landed()...)
		want(merge, writer.Recorded, 0)
		want(made, writer.Recorded, 0)
		want(b.hub.branches["main"], writer.UnknownCommit, 0) // the log's own commit
		want(strings.Repeat("ab", 20), writer.UnknownCommit, 0)
		if _, _, err := b.writer.Record(context.Background(), "main"); amend.KindOf(err) != amend.Invalid {
			t.Errorf("a branch is no commit: %v", err)
		}
	})
}

// A change in commit mode was asked for when it landed; when that failed, the
// step asks again and says that it did not work.
func TestRecordOfALandedCommit(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		commit := landings["commit"](b)[0]
		if _, state, err := b.writer.Record(context.Background(), commit); state != writer.Asked || err != nil || len(b.hub.asked) != 1 {
			t.Errorf("%q, %v after %d dispatches", state, err, len(b.hub.asked))
		}
		b.restart()
		b.run()
		b.hub.fault = func(call string) (error, error) {
			if call == "dispatch" {
				return amend.Errorf(amend.Transient, call, "down"), nil
			}
			return nil, nil
		}
		if _, state, err := b.writer.Record(context.Background(), commit); amend.KindOf(err) != amend.Transient {
			t.Errorf("without an answer: %q, %v", state, err)
		}
	})
}

func TestContains(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		start := b.hub.branches["main"]
		made := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
		human := b.hub.push("human", func(files map[string]string) { files["g"] = "1" })
		b.hub.merge(b.hub.pulls[0])
		merge := b.hub.branches["main"]
		for _, c := range []struct {
			name             string
			revision, commit string
			want             bool
		}{
			{"itself", merge, merge, true},
			{"its first parent", merge, human, true},
			{"what it merged", merge, made, true},
			{"the first of all", merge, start, true},
			{"a child", human, merge, false},
			{"a sibling", human, made, false},
			{"the other way", start, merge, false},
		} {
			got, err := b.writer.Contains(context.Background(), c.revision, c.commit)
			if err != nil || got != c.want {
				t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
			}
		}
		unknown := strings.Repeat("ab", 20)
		for _, pair := range [][2]string{{unknown, merge}, {merge, unknown}} {
			if _, err := b.writer.Contains(context.Background(), pair[0], pair[1]); amend.KindOf(err) != amend.NotFound {
				t.Errorf("%s: %v", pair, err)
			}
		}
		for _, pair := range [][2]string{{"HEAD", merge}, {merge, merge[:7]}, {"", ""}} {
			if _, err := b.writer.Contains(context.Background(), pair[0], pair[1]); amend.KindOf(err) != amend.Invalid {
				t.Errorf("%q: %v", pair, err)
			}
		}
		// A revision of a branch that was pushed just now is fetched, once.
		b.hub.join("side", "human", func(map[string]string) {}, merge)
		fetches := b.hub.count("fetch")
		for range 2 {
			if got, err := b.writer.Contains(context.Background(), b.hub.branches["side"], made); err != nil || !got {
				t.Errorf("a new commit: %v, %v", got, err)
			}
		}
		if n := b.hub.count("fetch") - fetches; n != 1 {
			t.Errorf("fetched %d times, want once", n)
		}
	})
}

// Questions go through the writer's one goroutine and end with it.
func TestQuestionsToAWriterThatStopped(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		sha := b.hub.branches["main"]
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		ask := map[string]func(context.Context) error{
			"change":   func(ctx context.Context) error { _, err := b.writer.Change(ctx, sha); return err },
			"record":   func(ctx context.Context) error { _, _, err := b.writer.Record(ctx, sha); return err },
			"contains": func(ctx context.Context) error { _, err := b.writer.Contains(ctx, sha, sha); return err },
			"revert": func(ctx context.Context) error {
				_, err := b.writer.Revert(ctx, amend.Reversal{Commit: sha, At: asked}, nil)
				return err
			},
			"preview": func(ctx context.Context) error { _, err := b.writer.Preview(ctx, amend.Event{}); return err },
			"sweep":   func(ctx context.Context) error { return b.writer.Sweep(ctx) },
		}
		for name, do := range ask {
			if err := do(gone); amend.KindOf(err) != amend.Transient {
				t.Errorf("%s for a caller that left: %v", name, err)
			}
		}
		b.run()
		b.stop()
		for name, do := range ask {
			if err := do(context.Background()); amend.KindOf(err) != amend.Transient {
				t.Errorf("%s without a writer: %v", name, err)
			}
		}
	})
}
