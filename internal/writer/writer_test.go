package writer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/pipeline"
)

// many is a file with the lines of n workloads, w0 to wn.
func many(n int) (content string) {
	for i := range n {
		content += fmt.Sprintf("w%d=1\n", i)
	}
	return content
}

func TestGroupCommit(t *testing.T) {
	onBench(t, map[string]string{"all": many(20)}, func(t *testing.T, b *bench) {
		var events []amend.Event
		var reasons []amend.Reason
		for i := range 20 {
			events = append(events, firing(fmt.Sprintf("w%d", i), amend.Commit, "all"))
			reasons = append(reasons, amend.ReasonAct)
		}
		outcomes := b.send(events...)
		b.wantReasons(outcomes, reasons...)
		if n := b.hub.count("commit"); n != 20 {
			t.Errorf("%d commits were made, want one a change", n)
		}
		if n := b.hub.count("update branch"); n != 1 {
			t.Errorf("the branch was moved %d times, want once", n)
		}
		if got, want := b.hub.file("all"), strings.ReplaceAll(many(20), "=1", "=2"); got != want {
			t.Errorf("the file holds\n%s", got)
		}
		parent := ""
		for i, o := range outcomes {
			c := b.hub.commits[o.Change.Commit]
			if parent != "" && c.parents[0] != parent {
				t.Errorf("commit %d does not stand on the one before it", i)
			}
			if r, ok := ledger.FromCommit(o.Change.Commit, c.at, c.message); !ok || r.Incident != o.Incident || r.Episode != 1 {
				t.Errorf("commit %d reads back as %+v, %v", i, r, ok)
			}
			parent = o.Change.Commit
		}
		if len(b.hub.asked) != 1 {
			t.Errorf("the log was asked for %d times, want once", len(b.hub.asked))
		}
	})
}

func TestRunTwice(t *testing.T) {
	for _, mode := range []amend.Mode{amend.Commit, amend.PullRequest} {
		t.Run(string(mode), func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				e := firing("web", mode, "f")
				first := b.send(e)
				b.wantReasons(first, amend.ReasonAct)
				for range 2 {
					time.Sleep(time.Minute)
					again := b.send(e)
					b.wantReasons(again, amend.ReasonDuplicate)
					if again[0].Change == nil || again[0].Change.Commit != first[0].Change.Commit {
						t.Errorf("the second delivery names the change %+v, the first made %+v", again[0].Change, first[0].Change)
					}
				}
				if diff := cmp.Diff(map[string]int{amend.Branch(incident("web"), 1): 1}, b.hub.changes()); diff != "" {
					t.Errorf("live changes (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestSameIncidentTwiceInABatch(t *testing.T) {
	for _, mode := range []amend.Mode{amend.Commit, amend.PullRequest} {
		t.Run(string(mode), func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				e := firing("web", mode, "f")
				got := b.send(e, e, e)
				b.wantReasons(got, amend.ReasonAct, amend.ReasonDuplicate, amend.ReasonDuplicate)
				for _, o := range got[1:] {
					if o.Change == nil || o.Change.Commit != got[0].Change.Commit {
						t.Errorf("a duplicate names the change %+v instead of %+v", o.Change, got[0].Change)
					}
				}
			})
		})
	}
}

// A playbook whose mode was changed must not commit beside its own open pull
// request, and may once that is decided.
func TestNoCommitBesideAnOpenPullRequest(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		first := b.send(firing("web", amend.PullRequest, "f"))
		b.wantReasons(first, amend.ReasonAct)
		b.restart() // by then the writer may remember nothing
		b.run()
		got := b.send(firing("web", amend.Commit, "f"))
		b.wantReasons(got, amend.ReasonDuplicate)
		if got[0].Change == nil || got[0].Change.Number != first[0].Change.Number {
			t.Errorf("the duplicate names %+v, want pull request %d", got[0].Change, first[0].Change.Number)
		}
	})
}

// A duplicate of a change that never landed must not be told that it did.
func TestDuplicateOfACommitThatFailed(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		failing := true
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" && failing {
				failing = false
				return amend.Errorf(amend.Transient, call, "no answer"), nil
			}
			return nil, nil
		}
		e := firing("web", amend.Commit, "f")
		got := b.send(e, e)
		if got[0].err == nil {
			t.Errorf("the first ended in %q, and its commit did not land", got[0].Reason)
		}
		b.wantReasons(got[1:], amend.ReasonAct)
		b.wantReasons(b.send(e), amend.ReasonDuplicate)
		if b.hub.file("f") != "web=2" {
			t.Errorf("the file holds %q", b.hub.file("f"))
		}
	})
}

func TestLostAnswerIsFoundInGit(t *testing.T) {
	for _, c := range []struct {
		mode  amend.Mode
		call  string
		again amend.Reason // of the second delivery
	}{
		{amend.Commit, "commit", amend.ReasonAct},
		{amend.Commit, "update branch", amend.ReasonDuplicate},
		{amend.PullRequest, "commit", amend.ReasonAct},
		{amend.PullRequest, "create branch", amend.ReasonAct},
		{amend.PullRequest, "open pull", amend.ReasonDuplicate},
	} {
		t.Run(string(c.mode)+" "+c.call, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				lost := false
				b.hub.fault = func(call string) (error, error) {
					if call != c.call || lost {
						return nil, nil
					}
					lost = true
					return nil, amend.Errorf(amend.Transient, call, "the answer was lost")
				}
				e := firing("web", c.mode, "f")
				if got := b.send(e); amend.KindOf(got[0].err) != amend.Transient {
					t.Errorf("ended in %q, %v; want an error", got[0].Reason, got[0].err)
				}
				time.Sleep(time.Minute)
				got := b.send(e)
				b.wantReasons(got, c.again)
				if got[0].Change == nil || got[0].Change.Commit == "" {
					t.Errorf("no change is named: %+v", got[0].Change)
				}
				if diff := cmp.Diff(map[string]int{amend.Branch(incident("web"), 1): 1}, b.hub.changes()); diff != "" {
					t.Errorf("live changes (-want +got):\n%s", diff)
				}
				if len(b.hub.pulls) > 1 {
					t.Errorf("%d pull requests were opened", len(b.hub.pulls))
				}
			})
		})
	}
}

func TestBranchMoved(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1\napi=1\nhuman=0"}, func(t *testing.T, b *bench) {
		races := 3
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" && races > 0 {
				races--
				b.hub.pushLocked("human", func(files map[string]string) {
					files["f"] = strings.Replace(files["f"], "human=", "human=1", 1)
				})
			}
			return nil, nil
		}
		b.wantReasons(b.send(firing("web", amend.Commit, "f"), firing("api", amend.Commit, "f")), amend.ReasonAct, amend.ReasonAct)
		if got, want := b.hub.file("f"), "web=2\napi=2\nhuman=1110"; got != want {
			t.Errorf("the file holds %q, want %q", got, want)
		}
	})
}

// What was decided on a branch that moved is decided again, on what it became.
func TestStoppedWhileDeciding(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" {
				b.hub.pushLocked("stop", func(files map[string]string) { files[pipeline.StopFile] = "" })
			}
			return nil, nil
		}
		b.wantReasons(b.send(firing("web", amend.Commit, "f")), amend.ReasonKillSwitch)
		if b.hub.file("f") != "web=1" {
			t.Errorf("the file was changed to %q", b.hub.file("f"))
		}
	})
}

func TestBranchThatNeverRests(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" {
				b.hub.pushLocked("human", func(files map[string]string) { files["human"] += "x" })
			}
			return nil, nil
		}
		got := b.send(firing("web", amend.Commit, "f"), firing("nobody", amend.Commit, "f"))
		if amend.KindOf(got[0].err) != amend.Transient {
			t.Errorf("ended in %q, %v; want an error", got[0].Reason, got[0].err)
		}
		if n := b.hub.count("update branch"); n > 25 {
			t.Errorf("tried %d times", n)
		}
	})
}

func TestOneThatFailsDoesNotFailItsNeighbours(t *testing.T) {
	for _, c := range []struct{ name, call string }{{"commit", "commit"}, {"pull request", "open pull"}} {
		t.Run(c.name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "a=1\nb=1\nc=1", "g": "d=1", "h": "e=1"}, func(t *testing.T, b *bench) {
				n := 0
				b.hub.fault = func(call string) (error, error) {
					if call != c.call {
						return nil, nil
					}
					if n++; n == 1 || c.call == "commit" && n == 3 {
						return amend.Refusef(amend.ReasonProtected, "not this one"), nil
					}
					return nil, nil
				}
				unreadable := firing("x", amend.Commit, "f")
				unreadable.Alert.Labels["fail"] = "yes"
				got := b.send(
					firing("a", amend.Commit, "f"), unreadable, firing("nobody", amend.Commit, "f"), firing("b", amend.Commit, "f"),
					firing("d", amend.PullRequest, "g"), firing("c", amend.Commit, "f"), firing("e", amend.PullRequest, "h"),
				)
				failed := 0
				for i, o := range got {
					switch {
					case i == 1:
						if amend.KindOf(o.err) != amend.Transient {
							t.Errorf("the one that cannot be decided ended in %q, %v", o.Reason, o.err)
						}
					case i == 2:
						b.wantReasons(got[2:3], amend.ReasonNotInRepo)
					case o.err != nil:
						failed++
					default:
						b.wantReasons(got[i:i+1], amend.ReasonAct)
					}
				}
				if want := map[string]int{"commit": 2, "open pull": 1}[c.call]; failed != want {
					t.Errorf("%d failed, want %d", failed, want)
				}
				// Nothing is in Git that was reported as failed, and the reverse.
				acted := 0
				for _, o := range got {
					if o.err == nil && o.Acts() {
						acted++
					}
				}
				if n := len(b.hub.changes()); n != acted {
					t.Errorf("%d changes are live, %d were reported", n, acted)
				}
			})
		})
	}
}

func TestModesMixInABatch(t *testing.T) {
	onBench(t, map[string]string{"f": "a=1\nb=1\nc=1"}, func(t *testing.T, b *bench) {
		got := b.send(firing("a", amend.Commit, "f"), firing("b", amend.PullRequest, "f"), firing("c", amend.Commit, "f"))
		b.wantReasons(got, amend.ReasonAct, amend.ReasonAct, amend.ReasonAct)
		if got, want := b.hub.file("f"), "a=2\nb=1\nc=2"; got != want {
			t.Errorf("main holds %q, want %q", got, want)
		}
		pull := b.hub.commits[got[1].Change.Commit]
		if pull.parents[0] != b.hub.branches["main"] || pull.files["f"] != "a=2\nb=2\nc=2" {
			t.Errorf("the pull request stands on %s with %q; it must stand on what landed and hold its own edit only", pull.parents[0], pull.files["f"])
		}
	})
}

func TestCallerThatLeaves(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			synctest.Wait()
			cancel()
		}()
		_, err := b.writer.Handle(ctx, firing("web", amend.Commit, "f"), nil)
		if amend.KindOf(err) != amend.Transient || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		b.wantReasons(b.deliver(firing("web", amend.Commit, "f")), amend.ReasonDuplicate)
		if b.hub.file("f") != "web=2" {
			t.Errorf("the file holds %q", b.hub.file("f"))
		}
	})
}

func TestWriterThatStops(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		b.run()
		b.stop()
		if _, err := b.writer.Handle(context.Background(), firing("web", amend.Commit, "f"), nil); amend.KindOf(err) != amend.Transient {
			t.Errorf("Handle without a writer: %v", err)
		}
		if err := b.writer.Sweep(context.Background()); amend.KindOf(err) != amend.Transient {
			t.Errorf("Sweep without a writer: %v", err)
		}
	})
}

// Trailers are the only memory of a change, so one without them is not made.
func TestNothingIsWrittenThatWouldBeForgotten(t *testing.T) {
	for _, mode := range []amend.Mode{amend.Commit, amend.PullRequest} {
		onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
			decide := b.decide
			b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
				d, err := decide(w, e)
				if d.Plan != nil {
					d.Plan.Request.Playbook = "not a name"
				}
				return d, err
			}
			if got := b.send(firing("web", mode, "f")); amend.KindOf(got[0].err) != amend.Internal {
				t.Errorf("%s: ended in %q, %v", mode, got[0].Reason, got[0].err)
			}
			if n := b.hub.count("commit"); n != 0 {
				t.Errorf("%s: %d commits were made", mode, n)
			}
		})
	}
}
