package ledger_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend/internal/ledger"
)

func TestFirstParents(t *testing.T) {
	lost := errors.New("lost")
	history := []ledger.Commit{
		{SHA: "e", Parents: []string{"c", "d"}}, {SHA: "d", Parents: []string{"b"}}, {SHA: "c", Parents: []string{"b"}},
		{SHA: "b", Parents: []string{"a"}}, {SHA: "a"},
	}
	log := func(n int, end error) iter.Seq2[ledger.Commit, error] {
		return func(yield func(ledger.Commit, error) bool) {
			for _, c := range history[:n] {
				if !yield(c, nil) {
					return
				}
			}
			if end != nil {
				yield(ledger.Commit{}, end)
			}
		}
	}
	for _, c := range []struct {
		name string
		n    int
		end  error
		want []string
	}{{"whole", 5, nil, []string{"e", "c", "b", "a"}}, {"cut off", 3, lost, []string{"e", "c"}}} {
		var got []string
		var ended error
		for commit, err := range ledger.FirstParents("e", log(c.n, c.end)) {
			if err != nil {
				ended = err
				continue
			}
			got = append(got, commit.SHA)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(ended, c.end) {
			t.Errorf("%s: %v, -want +got:\n%s", c.name, ended, diff)
		}
	}
	for range ledger.FirstParents("e", log(5, nil)) {
		break // asking for no more is no mistake
	}
}
