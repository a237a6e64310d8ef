package writer_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// Whoever may push to the branch of a pull request can write the committer's
// address, which is in every commit: what they put in the place of the change is
// not merged, and what amend made is, also after a restart.
func TestOnlyOwnCommitsAreMerged(t *testing.T) {
	for name, forge := range map[string]func(map[string]string){
		"":              nil,
		"another value": func(f map[string]string) { f["f"] = "web=1000\nother=1" },
		"another file":  func(f map[string]string) { f["x"] = "2" },
	} {
		for _, moved := range []bool{false, true} {
			for _, restarted := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/moved=%t/restarted=%t", name, moved, restarted), func(t *testing.T) {
					onBench(t, map[string]string{"f": "web=1\nother=1", "x": "1", "y": "1"}, func(t *testing.T, b *bench) {
						b.keeper = &keeper{rules: pipeline.PullRules{AutoMerge: true}}
						e := firing("web", amend.PullRequest, "f")
						b.wantReasons(b.send(e), amend.ReasonAct)
						p := b.hub.pulls[0]
						if restarted {
							b.stop()
							b.restart()
							b.run()
							b.wantReasons(b.again(e), amend.ReasonDuplicate)
						}
						if forge != nil {
							b.hub.forge(p.branch, forge)
						}
						if moved {
							b.hub.push("human", func(f map[string]string) { f["y"] = "2" })
						}
						p.green = true
						b.later()
						b.later()
						if merged := p.State == amend.EpisodeLanded; merged != (forge == nil) {
							t.Errorf("merged: %t; main holds %q", merged, b.hub.commits[b.hub.branches["main"]].files)
						}
					})
				})
			}
		}
	}
}

// A second parent, which only amend's own commits have, can carry older files over
// newer ones that nobody looks at.
func TestForgedParentIsNotMerged(t *testing.T) {
	onKept(t, &keeper{rules: pipeline.PullRules{AutoMerge: true}}, func(t *testing.T, b *bench, e amend.Event, p *request) {
		main := b.hub.push("human", func(f map[string]string) { f["y"] = "2" })
		head := b.hub.commits[b.hub.branches[p.branch]]
		b.hub.branches[p.branch] = b.hub.add(commit{parents: append(slices.Clone(head.parents), main), files: head.files, message: head.message, by: mail})
		p.green = true
		b.later()
		b.later()
		if p.State == amend.EpisodeLanded {
			t.Error("it was merged")
		}
	})
}

// forge puts a commit in the place of the last of a branch, with its message and
// committer.
func (h *hub) forge(branch string, edit func(map[string]string)) {
	head := h.commits[h.branches[branch]]
	files := maps.Clone(head.files)
	edit(files)
	h.branches[branch] = h.add(commit{parents: head.parents, files: files, message: head.message, by: mail})
}
