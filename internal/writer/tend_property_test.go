package writer_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// TestPullRequestsHoldOneChange is the promise of keeping pull requests: however
// the branch moves and whatever fails, each proposes exactly one line of its own
// workload, what a person pushed to its branch stays there, and beside that all
// of TestNoFaultMakesASecondChange holds.
func TestPullRequestsHoldOneChange(t *testing.T) {
	runs, replans := 0, 0
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
			runs++
			w := &world{bench: newBench(t, map[string]string{"shared": "a=1\nb=1\nc=1\nd=1\nhuman=0", "c": "c=1\nd=1", "d": "d=1"}), acted: map[string]int{}}
			w.luck = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "luck"), 0))
			w.keeper = &keeper{rules: pipeline.PullRules{StaleAfter: 30 * time.Hour, AutoMerge: rapid.Bool().Draw(rt, "merge")}}
			w.restart()
			w.run()
			defer func() { w.stop() }()
			pushed := map[string]string{} // by persons to branches of amend: branch by commit
			w.hub.fault = func(call string) (before, after error) {
				if call == "update branch" && w.luck.IntN(4) == 0 {
					w.meddleLocked(pushed)
				}
				return w.fault(call)
			}
			tend := func(rt *rapid.T, most int) {
				if w.dead {
					w.revive()
				}
				w.passed += time.Duration(rapid.IntRange(1, most).Draw(rt, "minutes")) * time.Minute
				before := w.hub.count("update branch")
				if _ = w.writer.Sweep(t.Context()); w.hub.count("update branch") > before {
					replans++
				}
			}
			edit := func(rt *rapid.T) {
				at := rapid.SampledFrom([]string{"c c", "c d", "d d"}).Draw(rt, "file and line")
				by := rapid.IntRange(1, 3).Draw(rt, "by")
				w.human = append(w.human, w.hub.push("human", func(files map[string]string) {
					humanEdit(files)
					files[at[:1]] = raised(files[at[:1]], at[2:], by)
				}))
			}
			rt.Repeat(map[string]func(*rapid.T){
				"events":  w.events,
				"crash":   func(*rapid.T) { w.revive() },
				"weather": func(rt *rapid.T) { w.faults = rapid.SampledFrom([]int{0, 10, 40}).Draw(rt, "faults") },
				"tend":    func(rt *rapid.T) { tend(rt, 600) },
				"edit":    edit,
				"drift":   func(rt *rapid.T) { w.events(rt); edit(rt); tend(rt, 3) },
				"meddle":  func(*rapid.T) { w.meddle(pushed) },
				"green":   func(*rapid.T) { w.green() },
				"pull":    w.pull,
				"":        func(rt *rapid.T) { w.check(rt); w.checkPulls(rt, pushed) },
			})
		})
	})
	t.Attr("schedules", fmt.Sprint(runs))
	t.Logf("planned anew %d times", replans)
	if replans == 0 {
		t.Errorf("nothing was ever planned anew in %d runs", runs)
	}
}

// raised is a file with more in the line of a workload.
func raised(content, name string, by int) string {
	var n int
	_, _ = fmt.Sscan(value([]byte(content), name), &n) // there is one
	return strings.Replace(content, fmt.Sprintf("%s=%d", name, n), fmt.Sprintf("%s=%d", name, n+by), 1)
}

// meddle pushes to the branch of an open pull request as a person does, with the
// message that is there: a commit on top, or one in the place of the last.
func (w *world) meddle(pushed map[string]string) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.meddleLocked(pushed)
}

func (w *world) meddleLocked(pushed map[string]string) {
	for _, p := range w.hub.pulls {
		head := w.hub.branches[p.branch]
		if p.State != amend.EpisodeOpen || head == "" {
			continue
		}
		files, parents := maps.Clone(w.hub.commits[head].files), []string{head}
		files["theirs"] += fmt.Sprintf("%d;", len(pushed))
		if w.luck.IntN(2) == 0 {
			parents = w.hub.commits[head].parents
			maps.DeleteFunc(pushed, func(sha, _ string) bool { return sha == head })
		}
		sha := w.hub.add(commit{parents: parents, files: files, message: w.hub.commits[head].message})
		w.hub.branches[p.branch], pushed[sha] = sha, p.branch
		return
	}
}

func (w *world) green() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	for _, p := range w.hub.pulls {
		p.green = true
	}
}

// checkPulls holds every open pull request against what it may propose.
func (w *world) checkPulls(rt *rapid.T, pushed map[string]string) {
	for sha, branch := range pushed {
		head := w.hub.branches[branch]
		if head == "" || !w.hub.descends(head, sha) || !strings.Contains(w.hub.commits[head].files["theirs"], w.hub.commits[sha].files["theirs"]) {
			rt.Fatalf("what a person pushed to %s is gone from it", branch)
		}
	}
	for _, p := range w.hub.pulls {
		head := w.hub.branches[p.branch]
		if p.State != amend.EpisodeOpen || head == "" || w.hub.commits[head].by != mail {
			continue
		}
		base := w.hub.commits[w.hub.commits[head].parents[0]].files
		for name, content := range w.hub.changed(p) {
			was, now := strings.Split(base[name], "\n"), strings.Split(content, "\n")
			differ := 0
			for i := range now {
				if i >= len(was) || was[i] != now[i] {
					differ++
				}
			}
			if differ != 1 || len(was) != len(now) || !strings.Contains(p.branch, incident(name)) {
				rt.Fatalf("%s proposes %q in %s, on %q", p.branch, content, name, base[name])
			}
		}
		if len(w.hub.changed(p)) != 1 {
			rt.Fatalf("%s proposes %q", p.branch, w.hub.changed(p))
		}
	}
}
