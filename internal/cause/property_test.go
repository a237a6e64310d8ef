package cause_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/locate"
)

// A thorough past says of every commit that it touched all files, so that each
// state is rendered.
type thorough struct{ *past }

func (p thorough) Touched(_, to string) ([]string, error) {
	tree, err := p.Tree(to)
	if err != nil {
		return nil, err
	}
	var files []string
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	return files, err
}

// thoroughly asks the question of a history again with every state rendered, and
// reports whether the quick answer, which has to be the same, took fewer renders.
func (h *history) thoroughly(t *testing.T, quick cause.Result, l *locate.Locator) bool {
	t.Helper()
	slow, err := cause.Find(h.question, thorough{h.past()}, l)
	must(t, err)
	if quick.Renders > slow.Renders {
		t.Errorf("%d renders, and %d when all are made", quick.Renders, slow.Renders)
	}
	same := cmp.Options{cmpopts.IgnoreFields(cause.Result{}, "Renders"), cmpopts.IgnoreUnexported(cause.Candidate{})}
	if diff := cmp.Diff(slow, quick, same); diff != "" {
		t.Errorf("what was skipped for the files that commits touched changes the answer (-all +some):\n%s", diff)
	}
	return quick.Renders < slow.Renders
}

// The longer ago, the less likely; and never a cause that came after the trouble.
func TestConfidenceFallsWithTime(t *testing.T) {
	h := load(t, "testdata/history/image.txtar")
	build(t, h)
	locator, last := locate.New(), 2.0
	for _, after := range []time.Duration{-time.Second, 0, time.Minute, time.Hour, 4 * time.Hour, 20 * time.Hour, 25 * time.Hour} {
		q := h.question
		q.Began = h.named(t, "c2").at.Add(after)
		r, err := cause.Find(q, h.past(), locator)
		must(t, err)
		if after < 0 || after > cause.DefaultWindow {
			if r.Outcome != cause.None {
				t.Errorf("%s after the commit: %s", after, r.Outcome)
			}
			continue
		}
		got := r.Candidates[0].Confidence
		if got >= last || got <= 0 || got > 1 {
			t.Errorf("%s after the commit the confidence is %.3f, and before that %.3f", after, got, last)
		}
		last = got
	}
}

// Another candidate takes from the first, and an unlikely one takes little.
func TestConfidenceIsShared(t *testing.T) {
	alone := load(t, "testdata/history/overwritten.txtar").find(t).Candidates[0]
	several := load(t, "testdata/history/equals.txtar").find(t)
	label := load(t, "testdata/history/one-push.txtar").find(t)
	if len(several.Candidates) != 2 || several.Candidates[0].Confidence > alone.Confidence/1.5 {
		t.Errorf("one of two has %.2f, and one alone %.2f", several.Candidates[0].Confidence, alone.Confidence)
	}
	if c := label.Candidates; len(c) != 2 || c[0].Confidence < 0.7 || c[1].Confidence > 0.1 {
		t.Errorf("beside a label: %.2f and %.2f", c[0].Confidence, c[1].Confidence)
	}
}

// Only so many states are rendered, and the result says that there are more.
func TestRendersAreBounded(t *testing.T) {
	h := load(t, "testdata/history/nothing.txtar")
	for i := range 20 {
		h.add(t, fmt.Sprintf("d%d 09:56:%02d Ada: comment", i, i))
		h.tip().edit(t, "append", fmt.Sprintf("apps/web/base/deployment.yaml \"# %d\\n\"", i))
	}
	h.question.Renders = 7
	build(t, h)
	p := h.past()
	r, err := cause.Find(h.question, p, locate.New())
	must(t, err)
	if r.Outcome != cause.Unknown || r.Renders != 7 || p.trees != 7 || len(r.Limits) != 1 || !strings.Contains(r.Limits[0], "the last 7 states") {
		t.Errorf("%s after %d renders of %d trees: %q", r.Outcome, r.Renders, p.trees, r.Limits)
	}
}

// A past that cannot be read: what fails for good is told, anything else ends it.
type failing struct {
	*past
	err error
}

func (f failing) Commits(from, until string) iter.Seq2[cause.Commit, error] {
	return func(yield func(cause.Commit, error) bool) {
		for c, err := range f.past.Commits(from, until) {
			if !yield(c, err) {
				return
			}
			yield(cause.Commit{}, f.err)
			return
		}
	}
}

func TestHistoryThatCannotBeRead(t *testing.T) {
	h := load(t, "testdata/history/image.txtar")
	build(t, h)
	p := h.past()
	lost := amend.Errorf(amend.Transient, "read", "lost")
	if _, err := cause.Find(h.question, failing{p, lost}, locate.New()); !errors.Is(err, lost) {
		t.Errorf("a lost history gives %v", err)
	}
	r, err := cause.Find(h.question, failing{p, amend.Refusef(amend.ReasonNoHistory, "cut off")}, locate.New())
	if err != nil || r.Outcome != cause.Unknown || !strings.Contains(strings.Join(r.Limits, "\n"), "cut off") {
		t.Errorf("a history that is cut off gives %s %q, %v", r.Outcome, r.Limits, err)
	}
}

func TestQuestionsThatCannotBeAsked(t *testing.T) {
	h := load(t, "testdata/history/image.txtar")
	build(t, h)
	p := h.past()
	for name, change := range map[string]func(*cause.Question){
		"no start":        func(q *cause.Question) { q.Began = time.Time{} },
		"no commit":       func(q *cause.Question) { q.Head = "" },
		"negative for":    func(q *cause.Question) { q.For = -1 },
		"negative window": func(q *cause.Question) { q.Window = -1 },
	} {
		q := h.question
		change(&q)
		if _, err := cause.Find(q, p, locate.New()); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	q := h.question
	q.Workload.Object.Name = "nobody"
	q.Workload.Application = "web"
	if _, err := cause.Find(q, p, locate.New()); amend.ReasonOf(err) != amend.ReasonNotInRepo {
		t.Errorf("an unknown workload: %v", err)
	}
}

// What sounds like a credential, and what a text of many lines holds, is shown
// by no part of a result.
func TestSecretsAreNotShown(t *testing.T) {
	const canary = "c4n4ry-s3cret"
	h := load(t, "testdata/history/nothing.txtar")
	h.add(t, "d1 09:57 Ada: settings")
	tip := h.tip()
	tip.edit(t, "replace", `apps/web/base/deployment.yaml "{name: POOL_SIZE, value: \"20\"}" "{name: DB_PASSWORD, value: `+canary+`}\n            - {name: DB_URL, value: 'postgres://web:`+canary+`@db/web'}"`)
	tip.edit(t, "append", `apps/web/overlays/prod/settings.env "API_TOKEN=`+canary+`\n"`)
	h.add(t, "d2 09:58 Ada: other settings")
	tip = h.tip()
	tip.edit(t, "replace", `apps/web/base/deployment.yaml "value: `+canary+`}" "value: `+canary+`-2}"`)
	tip.edit(t, "replace", `apps/web/base/deployment.yaml ":`+canary+`@" ":`+canary+`-2@"`)
	tip.edit(t, "replace", `apps/web/overlays/prod/settings.env "`+canary+`" "`+canary+`-2"`)
	tip.edit(t, "replace", `apps/web/overlays/prod/settings.env "CACHE_TTL=60" "CACHE_TTL=61"`)
	r := h.find(t)
	data, err := json.Marshal(r)
	must(t, err)
	text := string(data) + strings.Join(r.Lines(), "\n")
	if !strings.Contains(text, "DB_PASSWORD") || !strings.Contains(text, "61") {
		t.Errorf("the changes are not told:\n%s", text)
	}
	if strings.Contains(text, canary) {
		t.Errorf("a credential is shown:\n%s", text)
	}
}
