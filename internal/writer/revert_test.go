package writer_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/pipeline"
)

// asked is when the reverts of these tests are asked for.
var asked = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (b *bench) revert(commit string) (amend.Decision, error) {
	defer synctest.Wait() // for what the writer does after its answer
	return b.writer.Revert(context.Background(), amend.Reversal{Commit: commit, At: asked}, nil)
}

// wantRevert reverts and returns the commit that did.
func (b *bench) wantRevert(commit string, want amend.Reason, detail string) string {
	b.t.Helper()
	d, err := b.revert(commit)
	if err != nil || d.Reason != want || !strings.Contains(d.Detail, detail) {
		b.t.Fatalf("the revert of %s ended in %q (%s), %v; want %q with %q", commit, d.Reason, d.Detail, err, want, detail)
	}
	if d.EventID != "firing.web" || d.Incident != incident("web") || d.Workload.String() != "Deployment/shop/web" || !d.ReceivedAt.Equal(asked) {
		b.t.Errorf("the decision does not say what it is about: %+v", d)
	}
	if want != amend.ReasonReverted {
		return ""
	}
	if d.Change == nil || !b.hub.descends(b.hub.branches["main"], d.Change.Commit) {
		b.t.Fatalf("it was taken back by %+v, which is not in the branch", d.Change)
	}
	return d.Change.Commit
}

// landings are the ways by which a change of the file "f", from "web=1" to
// "web=2", comes to the branch; each returns the commits that name it.
var landings = map[string]func(*bench) []string{
	"commit": func(b *bench) []string {
		return []string{b.send(firing("web", amend.Commit, "f"))[0].Change.Commit}
	},
	"merge": func(b *bench) []string {
		made := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
		b.hub.push("human", func(files map[string]string) { files["other"] = "meanwhile" })
		b.hub.merge(b.hub.pulls[0])
		return []string{b.hub.branches["main"], made}
	},
	"squash": func(b *bench) []string {
		made := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
		return []string{b.hub.squash(b.hub.pulls[0], b.hub.commits[made].message+"Co-authored-by: A <a@example.com>\n")}
	},
}

func TestRevertRestoresTheBytes(t *testing.T) {
	for name, land := range landings {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "# odd \r\nweb=1", "other": "x", "dir/g": "y"}, func(t *testing.T, b *bench) {
				commits := land(b)
				if got := b.hub.file("f"); got != "# odd \r\nweb=2" {
					t.Fatalf("the change made %q", got)
				}
				b.hub.push("human", func(files map[string]string) { files["dir/g"] = "z" })
				entries := len(b.hub.asked)
				by := b.wantRevert(commits[0], amend.ReasonReverted, "is taken back")
				if got := b.hub.file("f"); got != "# odd \r\nweb=1" {
					t.Errorf("after the revert the file holds %q", got)
				}
				if got := b.hub.file("dir/g"); got != "z" {
					t.Errorf("the edit of a person is gone: %q", got)
				}
				// Asked for again, by any name of the change and by a new writer.
				for range 2 {
					for _, c := range commits {
						if again := b.wantRevert(c, amend.ReasonReverted, by+" took the change back"); again != by {
							t.Errorf("a second commit %s takes it back", again)
						}
					}
					b.restart()
					b.run()
				}
				checkRevertCommit(t, b, by)
				if len(b.hub.asked) != entries {
					t.Error("an entry in the log was asked for a revert")
				}
			})
		})
	}
}

func checkRevertCommit(t *testing.T, b *bench, sha string) {
	t.Helper()
	text := b.hub.commits[sha].message
	if subject, _, _ := strings.Cut(text, "\n"); !strings.HasPrefix(subject, "Revert: increment Deployment shop/web") {
		t.Errorf("its subject is %q", subject)
	}
	records := b.hub.landed()
	if len(records) == 0 || slices.ContainsFunc(records, func(r amend.Record) bool { return r.Commit == sha }) {
		t.Errorf("the history holds the changes %+v", records)
	}
	if reverted, ok := ledger.Reverts(text); !ok || reverted != records[0].Commit {
		t.Errorf("it pairs with %s, want the change %s", reverted, records[0].Commit)
	}
}

func TestRevertLeavesWhatOthersChanged(t *testing.T) {
	touch := func(name, content string) func(*bench, string) {
		return func(b *bench, _ string) {
			b.hub.push("human", func(files map[string]string) {
				if files[name] = content; content == "" {
					delete(files, name)
				}
			})
		}
	}
	for _, c := range []struct {
		name   string
		before func(b *bench, commit string)
		want   amend.Reason
		detail string
	}{
		{"one more line", touch("f", "web=2\nhuman=1"), amend.ReasonChangedSince, "f does not hold what the change wrote"},
		{"undone by hand", touch("f", "web=1"), amend.ReasonChangedSince, "f does not hold"},
		{"deleted", touch("f", ""), amend.ReasonChangedSince, "f does not hold"},
		{"stopped", touch(pipeline.StopFile, "dana"), amend.ReasonKillSwitch, "remove the file"},
		{"brought again", func(b *bench, commit string) {
			by := b.wantRevert(commit, amend.ReasonReverted, "")
			b.hub.push("Revert \"Revert\"\n\nThis reverts commit "+by+".\n", func(files map[string]string) { files["f"] = "web=2" })
		}, amend.ReasonChangedSince, "brought it again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				commit := landings["commit"](b)[0]
				c.before(b, commit)
				head := b.hub.branches["main"]
				b.wantRevert(commit, c.want, c.detail)
				if b.hub.branches["main"] != head {
					t.Error("the branch was moved")
				}
			})
		})
	}
}

// A person who reverts with git is understood.
func TestRevertedByHand(t *testing.T) {
	for name, land := range landings {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				commits := land(b)
				by := b.hub.push("Revert \"x\"\n\nThis reverts commit "+commits[0]+".\n", func(files map[string]string) { files["f"] = "web=1" })
				for _, c := range commits {
					if got := b.wantRevert(c, amend.ReasonReverted, ""); got != by {
						t.Errorf("taken back by %s, want the person's %s", got, by)
					}
				}
			})
		})
	}
}

// What came together with a change cannot be told from it, so it is left alone.
func TestRevertOfMoreThanTheChange(t *testing.T) {
	for name, c := range map[string]struct {
		bring  func(b *bench, head string) string // puts more onto the branch of the pull request
		detail string
	}{
		"a person's commit": {func(b *bench, head string) string {
			return b.hub.join(b.hub.pulls[0].branch, "human", func(files map[string]string) { files["g"] = "2" }, head)
		}, "other commits came"},
		"an update of the branch": {func(b *bench, head string) string {
			main := b.hub.push("human", func(files map[string]string) { files["g"] = "2" })
			return b.hub.join(b.hub.pulls[0].branch, "Merge main", func(files map[string]string) { files["g"] = "2" }, head, main)
		}, "other commits came"},
		"an edit in the merge": {nil, "does not hold what"},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1", "g": "1"}, func(t *testing.T, b *bench) {
				made := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
				main := b.hub.branches["main"]
				merged := made
				if c.bring != nil {
					merged = c.bring(b, made)
					main = b.hub.branches["main"]
				}
				land := b.hub.join("main", "Merge", func(files map[string]string) {
					files["f"], files["g"] = "web=2", "2"
				}, main, merged)
				if c.bring == nil {
					b.hub.push("human", func(files map[string]string) { files["g"] = "3" })
				}
				head := b.hub.branches["main"]
				for _, commit := range []string{land, made} {
					b.wantRevert(commit, amend.ReasonChangedSince, c.detail)
				}
				if b.hub.branches["main"] != head {
					t.Error("the branch was moved")
				}
			})
		})
	}
}

func TestRevertOfAddedAndProtectedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want amend.Reason
	}{
		"added":     {"new", amend.ReasonChangedSince},
		"protected": {".amend/policy.yaml", amend.ReasonProtected},
		"no path":   {"a%2e", amend.ReasonProtected},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1", ".amend/policy.yaml": "1", "a%2e": "1"}, func(t *testing.T, b *bench) {
				made := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
				squashed := b.hub.push(b.hub.commits[made].message, func(files map[string]string) { files["f"], files[c.file] = "web=2", "2" })
				b.wantRevert(squashed, c.want, c.file)
			})
		})
	}
}

// A link, a submodule or a mode is nothing that a revert could write.
func TestRevertOfMoreThanContents(t *testing.T) {
	for content, detail := range map[string]string{"web=2": "more than the content of files", "web=1": "changed the content of no file"} {
		onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
			made := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
			head := b.hub.join("main", b.hub.commits[made].message, func(files map[string]string) {
				files["f"], files["modes"] = content, "f is executable"
			}, b.hub.branches["main"])
			b.wantRevert(head, amend.ReasonChangedSince, detail)
			if b.hub.branches["main"] != head {
				t.Error("the branch was moved")
			}
		})
	}
}

// That the host forbids something is no decision about the change.
func TestRevertThatTheHostRefuses(t *testing.T) {
	for _, call := range []string{"commit", "update branch"} {
		onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
			commit := landings["commit"](b)[0]
			b.hub.fault = func(c string) (error, error) {
				if c == call {
					return amend.Refusef(amend.ReasonProtected, "%s is forbidden", c), nil
				}
				return nil, nil
			}
			if d, err := b.revert(commit); amend.KindOf(err) != amend.Refused || d.Reason != "" || d.Incident != incident("web") {
				t.Errorf("%s: ended in %q, %v", call, d.Reason, err)
			}
		})
	}
}

func TestRevertOfWhatIsNoChange(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		open := b.send(firing("web", amend.PullRequest, "f"))[0].Change.Commit
		human := b.hub.push("human", func(files map[string]string) { files["g"] = "1" })
		for name, c := range map[string]struct {
			commit string
			want   amend.Kind
		}{
			"a person's":      {human, amend.NotFound},
			"not merged":      {open, amend.NotFound},
			"unknown":         {strings.Repeat("ab", 20), amend.NotFound},
			"short":           {human[:10], amend.Invalid},
			"a branch":        {"main", amend.Invalid},
			"upper case":      {strings.ToUpper(human), amend.Invalid},
			"more than a SHA": {human + "\n", amend.Invalid},
		} {
			if d, err := b.revert(c.commit); amend.KindOf(err) != c.want || d.Reason != "" {
				t.Errorf("%s: ended in %q, %v; want %s", name, d.Reason, err, c.want)
			}
		}
	})
}

func TestRevertsMeetInOneBatch(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1", "g": "api=1"}, func(t *testing.T, b *bench) {
		commit := landings["commit"](b)[0]
		busy := make(chan struct{})
		decide := b.decide
		b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
			if e.ID == "busy" {
				<-busy
				return amend.Decision{Reason: amend.ReasonNoPlaybook}, nil
			}
			return decide(w, e)
		}
		first := b.queue(amend.Event{ID: "busy"})
		var by [3]amend.Decision
		var errs [3]error
		done := make(chan struct{})
		for i := range by {
			go func() {
				by[i], errs[i] = b.writer.Revert(context.Background(), amend.Reversal{Commit: commit, At: asked}, nil)
				done <- struct{}{}
			}()
			synctest.Wait()
		}
		api := b.queue(firing("api", amend.Commit, "g"))
		close(busy)
		first()
		for range by {
			<-done
		}
		b.wantReasons(api(), amend.ReasonAct)
		synctest.Wait()
		for i, d := range by {
			if errs[i] != nil || d.Reason != amend.ReasonReverted || d.Change == nil || d.Change.Commit != by[0].Change.Commit {
				t.Errorf("revert %d ended in %q by %+v, %v", i, d.Reason, d.Change, errs[i])
			}
		}
		if f, g := b.hub.file("f"), b.hub.file("g"); f != "web=1" || g != "api=2" {
			t.Errorf("the files hold %q and %q", f, g)
		}
	})
}

func TestRevertLosesARace(t *testing.T) {
	for name, c := range map[string]struct {
		edit string
		want amend.Reason
		file string
	}{
		"beside it":    {"other", amend.ReasonReverted, "web=1"},
		"the same one": {"f", amend.ReasonChangedSince, "human"},
	} {
		t.Run(name, func(t *testing.T) {
			onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
				commit := landings["commit"](b)[0]
				raced := false
				b.hub.fault = func(call string) (error, error) {
					if call == "update branch" && !raced {
						raced = true
						b.hub.pushLocked("human", func(files map[string]string) { files[c.edit] = "human" })
					}
					return nil, nil
				}
				b.wantRevert(commit, c.want, "")
				if got := b.hub.file("f"); got != c.file {
					t.Errorf("the file holds %q, want %q", got, c.file)
				}
			})
		})
	}
}

// The answer to the move of the branch is lost: the next try finds the revert.
func TestRevertWhoseAnswerIsLost(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		commit := landings["commit"](b)[0]
		b.hub.fault = func(call string) (error, error) {
			if call == "update branch" {
				return nil, amend.Errorf(amend.Transient, call, "the answer was lost")
			}
			return nil, nil
		}
		if d, err := b.revert(commit); amend.KindOf(err) != amend.Transient || d.Reason != "" {
			t.Fatalf("ended in %q, %v", d.Reason, err)
		}
		b.hub.fault = nil
		by := b.wantRevert(commit, amend.ReasonReverted, "took the change back")
		if by != b.hub.branches["main"] {
			t.Errorf("the head is %s, taken back by %s", b.hub.branches["main"], by)
		}
	})
}

// A change that was taken back has landed all the same: its cooldown holds.
func TestRevertIsNoEpisode(t *testing.T) {
	onBench(t, map[string]string{"f": "web=1"}, func(t *testing.T, b *bench) {
		e := firing("web", amend.Commit, "f")
		commit := b.send(e)[0].Change.Commit
		b.wantRevert(commit, amend.ReasonReverted, "")
		b.wantReasons(b.again(e), amend.ReasonDuplicate)
		time.Sleep(2 * time.Hour)
		got := b.again(firing("web", amend.Commit, "f"))
		b.wantReasons(got, amend.ReasonAct)
		if got[0].Episode != 2 {
			t.Errorf("episode %d after one change that was taken back, want 2", got[0].Episode)
		}
	})
}
