package writer_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/writer"
)

// The ways to ask for a write: a commit, a pull request, its withdrawal, a revert.
var writes = map[string]struct {
	before func(*bench) // what has to be there
	ask    func(*bench, writer.Allow) (amend.Decision, error)
	want   amend.Reason
	// episode of the decision when it is refused
	episode int
}{
	"commit": {nil, func(b *bench, allow writer.Allow) (amend.Decision, error) {
		return b.writer.Handle(context.Background(), firing("web", amend.Commit, "f"), allow)
	}, amend.ReasonAct, 0},
	"pull request": {nil, func(b *bench, allow writer.Allow) (amend.Decision, error) {
		return b.writer.Handle(context.Background(), firing("web", amend.PullRequest, "f"), allow)
	}, amend.ReasonAct, 0},
	"withdrawal": {func(b *bench) { b.send(firing("web", amend.PullRequest, "f")) }, func(b *bench, allow writer.Allow) (amend.Decision, error) {
		return b.writer.Handle(context.Background(), resolved(firing("web", amend.PullRequest, "f")), allow)
	}, amend.ReasonWithdrawn, 1},
	"revert": {func(b *bench) { b.send(firing("web", amend.Commit, "f")) }, func(b *bench, allow writer.Allow) (amend.Decision, error) {
		return b.writer.Revert(context.Background(), amend.Reversal{Commit: b.hub.branches["main"], At: asked}, allow)
	}, amend.ReasonReverted, 1},
}

// state is all that others see of a hub.
func state(h *hub) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	b.WriteString(cmp.Diff(nil, h.branches))
	for _, p := range h.pulls {
		b.WriteString(string(p.State) + "\n")
	}
	return b.String()
}

func TestAllow(t *testing.T) {
	object := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	unreachable := errors.New("the API server is away")
	for name, w := range writes {
		for _, c := range []struct {
			name   string
			err    error
			reason amend.Reason // "" for what is decided without Allow
			detail string
			kind   amend.Kind
		}{
			{"yes", nil, "", "", ""},
			{"no", amend.Refusef(amend.ReasonForbidden, "you may not"), amend.ReasonForbidden, "you may not", ""},
			{"no without a reason", &amend.Error{Kind: amend.Refused, Err: errors.New("you may not")}, amend.ReasonForbidden, "you may not", ""},
			{"no for another reason", amend.Refusef(amend.ReasonProtected, "not this"), amend.ReasonProtected, "not this", ""},
			{"nobody knows", amend.Errorf(amend.Transient, "ask", "%w", unreachable), "", "", amend.Transient},
			{"not classified", unreachable, "", "", amend.Internal},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
					b.run()
					if w.before != nil {
						w.before(b)
					}
					before := state(b.hub)
					var seen []amend.ObjectRef
					d, err := w.ask(b, func(_ context.Context, o amend.ObjectRef) error {
						seen = append(seen, o)
						if state(b.hub) != before {
							t.Error("it was asked after the write")
						}
						return c.err
					})
					if diff := cmp.Diff([]amend.ObjectRef{object}, seen); diff != "" {
						t.Errorf("asked about (-want +got):\n%s", diff)
					}
					if amend.KindOf(err) != c.kind || c.kind != "" && !errors.Is(err, unreachable) {
						t.Fatalf("ended in %v, want an error of kind %q", err, c.kind)
					}
					if c.err == nil {
						if d.Reason != w.want || state(b.hub) == before {
							t.Errorf("ended in %q: %s", d.Reason, d.Detail)
						}
						return
					}
					if d.Reason != c.reason || d.Detail != c.detail || d.Plan != nil || d.Change != nil {
						t.Errorf("ended in %+v", d)
					}
					if c.kind == "" && (d.Incident != incident("web") || d.Episode != w.episode) {
						t.Errorf("the refusal is about %q, episode %d, want episode %d", d.Incident, d.Episode, w.episode)
					}
					if state(b.hub) != before {
						t.Errorf("something was written:\n%s", state(b.hub))
					}
				})
			})
		}
	}
}

// Nobody is asked about a decision that writes nothing.
func TestAllowIsForWrites(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		commit := landings["commit"](b)[0]
		no := func(context.Context, amend.ObjectRef) error {
			t.Error("it was asked")
			return amend.Refusef(amend.ReasonForbidden, "no")
		}
		for _, e := range []amend.Event{firing("web", amend.Commit, "f"), resolved(firing("web", amend.Commit, "f")), firing("none", amend.Commit, "f")} {
			if d, err := b.writer.Handle(context.Background(), e, no); err != nil || d.Reason == amend.ReasonForbidden {
				t.Errorf("ended in %q, %v", d.Reason, err)
			}
		}
		b.wantRevert(commit, amend.ReasonReverted, "")
		if d, err := b.writer.Revert(context.Background(), amend.Reversal{Commit: commit, At: asked}, no); err != nil || d.Reason != amend.ReasonReverted {
			t.Errorf("a revert that is done ended in %q, %v", d.Reason, err)
		}
	})
}

// One whose question hangs holds the others up for a bounded time.
func TestAllowThatHangs(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1"}, func(t *testing.T, b *bench) {
		b.run()
		hangs := make(chan error, 1)
		go func() {
			_, err := b.writer.Handle(context.Background(), firing("web", amend.Commit, "f"), func(ctx context.Context, _ amend.ObjectRef) error {
				<-ctx.Done()
				return ctx.Err()
			})
			hangs <- err
		}()
		synctest.Wait()
		started := time.Now()
		if d, err := b.writer.Handle(context.Background(), firing("api", amend.Commit, "f"), nil); err != nil || !d.Acts() {
			t.Errorf("its neighbour ended in %q, %v", d.Reason, err)
		}
		if waited := time.Since(started); waited > 10*time.Second {
			t.Errorf("its neighbour waited %s", waited)
		}
		if err := <-hangs; amend.KindOf(err) != amend.Transient {
			t.Errorf("it ended in %v", err)
		}
	})
}

// A refusal in the middle of a batch costs its neighbours nothing, and is not
// made on changes that never land.
func TestAllowInABatch(t *testing.T) {
	onBench(t, map[string]string{"f": many(3)}, func(t *testing.T, b *bench) {
		refuse := func(_ context.Context, o amend.ObjectRef) error {
			if o.Name == "w1" {
				return amend.Refusef(amend.ReasonForbidden, "not %s", o.Name)
			}
			return nil
		}
		got := make(chan outcome, 3)
		for _, name := range []string{"w0", "w1", "w2"} {
			go func() {
				d, err := b.writer.Handle(context.Background(), firing(name, amend.Commit, "f"), refuse)
				got <- outcome{d, err}
			}()
			synctest.Wait()
		}
		b.run()
		acted := 0
		for range 3 {
			o := <-got
			switch {
			case o.err == nil && o.Acts():
				acted++
			case o.err != nil || o.Reason != amend.ReasonForbidden || o.Workload.Name != "w1" || o.Plan != nil:
				t.Errorf("%s ended in %q, %v", o.Workload.Name, o.Reason, o.err)
			}
		}
		if want := "w0=2\nw1=1\nw2=2\n"; acted != 2 || b.hub.file("f") != want {
			t.Errorf("%d acted, the file holds %q, want %q", acted, b.hub.file("f"), want)
		}
	})
}

func TestPreviewWritesNothing(t *testing.T) {
	for name, e := range map[string]amend.Event{
		"commit":       firing("web", amend.Commit, "f"),
		"pull request": firing("web", amend.PullRequest, "f"),
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				e.Time, e.Alert.StartsAt = time.Now(), time.Now()
				b.run()
				preview := func(e amend.Event, want amend.Reason) amend.Decision {
					t.Helper()
					before := state(b.hub)
					d, err := b.writer.Preview(context.Background(), e)
					if err != nil || d.Reason != want {
						t.Errorf("a preview ended in %q, %v; want %q", d.Reason, err, want)
					}
					if state(b.hub) != before || b.hub.count("commit")+len(b.hub.asked) != b.hub.count("update branch")*2+b.hub.count("create branch") {
						t.Error("a preview wrote")
					}
					return d
				}
				shown := preview(e, amend.ReasonAct)
				if shown.Plan == nil || shown.Change != nil || !shown.ChangedAt.IsZero() || shown.Episode != 1 {
					t.Errorf("shown: %+v", shown)
				}
				preview(e, amend.ReasonAct) // it left no trace
				d, err := b.writer.Handle(context.Background(), e, nil)
				synctest.Wait()
				if err != nil || !cmp.Equal(d.Plan.Files, shown.Plan.Files, cmp.AllowUnexported(amend.RepoPath{})) || d.Episode != shown.Episode {
					t.Errorf("%+v was made, %v, and %+v shown", d.Plan, err, shown.Plan)
				}
				preview(e, amend.ReasonDuplicate)
				if name == "commit" {
					preview(resolved(e), amend.ReasonResolved)
					return
				}
				if d := preview(resolved(e), amend.ReasonWithdrawn); d.Change == nil || d.Change.Number != 1 {
					t.Errorf("shown: %+v", d.Change)
				}
			})
		})
	}
}

// A preview between commits of one batch is about what is in Git, and not about
// what may never get there.
func TestPreviewInABatch(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" {
				return amend.Refusef(amend.ReasonProtected, "not here"), nil
			}
			return nil, nil
		}
		wait := b.queue(firing("web", amend.Commit, "f"))
		shown := make(chan outcome, 1)
		go func() {
			d, err := b.writer.Preview(context.Background(), firing("web", amend.Commit, "f"))
			shown <- outcome{d, err}
		}()
		synctest.Wait()
		b.run()
		if got := wait(); amend.KindOf(got[0].err) != amend.Refused {
			t.Errorf("the commit ended in %q, %v", got[0].Reason, got[0].err)
		}
		if o := <-shown; o.err != nil || !o.Acts() || o.Episode != 1 {
			t.Errorf("the preview ended in %q, episode %d, %v", o.Reason, o.Episode, o.err)
		}
	})
}
