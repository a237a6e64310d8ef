package writer_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// more is the alternative of adding ten to the line of the workload.
func more(w pipeline.World, of pipeline.Proposal) ([]amend.Alternative, error) {
	name := of.Event.Alert.Labels["name"]
	path, err := amend.ParseRepoPath(of.Event.Alert.Labels["file"])
	if err != nil {
		return nil, err
	}
	content, err := fs.ReadFile(w.Tree, path.String())
	if err != nil {
		return nil, err
	}
	old := value(content, name)
	return []amend.Alternative{{
		Action: "increment", Why: "It is more.", Edits: []amend.Edit{{Target: amend.Target{Path: path, Line: 1}, Old: old, New: old + "0"}},
		Instead: &amend.Replacement{Path: path, Line: 1, EndLine: 1, Text: name + "=" + old + "0\n"},
	}}, nil
}

func TestAlternativesAreOfferedOnce(t *testing.T) {
	k := &keeper{rules: pipeline.PullRules{Offer: true}}
	onKept(t, k, func(t *testing.T, b *bench, e amend.Event, p *request) {
		b.alternatives = more
		head := b.hub.branches[p.branch]
		b.hub.fault = func(call string) (before, after error) {
			if call == "review" {
				return nil, amend.Errorf(amend.Transient, call, "the answer is lost")
			}
			return nil, nil
		}
		for range 3 {
			b.later()
		}
		b.hub.fault = nil
		b.stop()
		b.restart()
		b.run()
		b.wantReasons(b.again(e), amend.ReasonDuplicate)
		b.later()
		if len(p.reviews) != 1 || !slices.Contains(p.Labels, "amend/alternatives") {
			t.Fatalf("reviewed %d times; the labels are %q", len(p.reviews), p.Labels)
		}
		r := p.reviews[0]
		if r.Commit != head || len(r.Suggestions) != 1 || !strings.Contains(r.Suggestions[0].Body, "```suggestion\nweb=10\n```") {
			t.Errorf("the review is %+v", r)
		}
	})
}

func TestNothingIsOffered(t *testing.T) {
	for name, c := range map[string]struct {
		rules pipeline.PullRules
		find  func(pipeline.World, pipeline.Proposal) ([]amend.Alternative, error)
	}{
		"the policy omits it": {pipeline.PullRules{}, more},
		"there is none":       {pipeline.PullRules{Offer: true}, func(pipeline.World, pipeline.Proposal) ([]amend.Alternative, error) { return nil, nil }},
		"nobody can tell": {pipeline.PullRules{Offer: true}, func(pipeline.World, pipeline.Proposal) ([]amend.Alternative, error) {
			return nil, amend.Refusef(amend.ReasonNoWorkload, "it is gone")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			onKept(t, &keeper{rules: c.rules}, func(t *testing.T, b *bench, e amend.Event, p *request) {
				asked := 0
				b.alternatives = func(w pipeline.World, of pipeline.Proposal) ([]amend.Alternative, error) {
					asked++
					return c.find(w, of)
				}
				for range 3 {
					b.later()
				}
				if asked > 1 || len(p.reviews) != 0 || slices.Contains(p.Labels, "amend/alternatives") {
					t.Errorf("asked %d times; the reviews are %+v, the labels %q", asked, p.reviews, p.Labels)
				}
			})
		})
	}
}

// What is planned anew is not offered at the same look, and what a person has
// taken not at all.
func TestOffersComeAfterTheRest(t *testing.T) {
	k := &keeper{rules: pipeline.PullRules{Offer: true}}
	onKept(t, k, func(t *testing.T, b *bench, e amend.Event, p *request) {
		b.alternatives = more
		b.hub.push("human", edit("web=1", "web=5"))
		b.later()
		if len(p.reviews) != 0 {
			t.Errorf("offered while it was planned anew: %+v", p.reviews)
		}
		b.later()
		if len(p.reviews) != 1 || !strings.Contains(p.reviews[0].Suggestions[0].Body, "web=50\n") || p.reviews[0].Commit != b.hub.branches[p.branch] {
			t.Errorf("offered is %+v", p.reviews)
		}
	})
	onKept(t, k, func(t *testing.T, b *bench, e amend.Event, p *request) {
		b.alternatives = more
		head := b.hub.branches[p.branch]
		b.hub.branches[p.branch] = b.hub.add(commit{parents: []string{head}, files: b.hub.commits[head].files, message: "Mine"})
		b.later()
		if len(p.reviews) != 0 {
			t.Errorf("offered to a person: %+v", p.reviews)
		}
	})
}
