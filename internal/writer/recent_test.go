package writer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/writer"
)

// recent lets the writer's decisions tell what they see of the last hour.
func (b *bench) recent() (seen func() []string) {
	var last []string
	inner := b.decide
	b.decide = func(w pipeline.World, e amend.Event) (amend.Decision, error) {
		records, err := w.Past.Records(w.Now.Add(-time.Hour), amend.Mode(e.Alert.Labels["mode"]))
		if err != nil {
			return amend.Decision{}, err
		}
		last = nil
		for _, r := range records {
			text := strings.TrimSpace(fmt.Sprintf("%s %d %s", strings.TrimPrefix(r.Incident, "p-"), r.Episode, r.Target))
			if r.Open {
				text += " waits"
			}
			last = append(last, text)
		}
		slices.Sort(last)
		return inner(w, e)
	}
	return func() []string { return last }
}

func known(name string) string {
	return strings.TrimPrefix(incident(name), "p-") + " 1 Deployment/shop/" + name
}

func waits(name string) string { return known(name) + " waits" }

// TestRecords shows what budgets count: what landed, what is about to land with
// it, and in the mode that opens pull requests those too, whatever became of them;
// of those before the time asked for, the ones that are open.
func TestRecords(t *testing.T) {
	onBench(t, map[string]string{"f": "a=1\nb=1\nc=1\nd=1\ne=1\nold=1\ngone=1"}, func(t *testing.T, b *bench) {
		gone := firing("gone", amend.PullRequest, "f")
		b.send(firing("old", amend.PullRequest, "f"), gone)
		b.send(resolved(gone))
		b.passed += 2 * time.Hour
		seen := b.recent()
		want := func(what string, names ...string) {
			t.Helper()
			slices.Sort(names)
			if diff := cmp.Diff(names, seen()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		b.send(firing("a", amend.Commit, "f"), firing("b", amend.Commit, "f"), firing("c", amend.Commit, "f"))
		want("two staged before the third", known("a"), known("b"))

		d := firing("d", amend.PullRequest, "f")
		before := b.hub.count("list pulls")
		b.send(d, firing("e", amend.PullRequest, "f"))
		want("opened in the same round", known("a"), known("b"), known("c"), waits("d"), waits("old"))
		if n := b.hub.count("list pulls") - before; n != 2 {
			t.Errorf("the host listed %d times at the start and in one round", n)
		}

		b.send(resolved(d))
		b.send(firing("none", amend.PullRequest, "f"))
		want("one is withdrawn, a new writer does not have its commit", known("a"), known("b"), known("c"), known("d"), waits("e"), waits("old"))
		b.send(firing("none", amend.Commit, "f"))
		want("commits only", known("a"), known("b"), known("c"))

		b.hub.merge(b.hub.pulls[3])
		b.send(firing("none", amend.PullRequest, "f"))
		want("one is merged and counts once", known("a"), known("b"), known("c"), known("d"), known("e"), waits("old"))

		b.hub.pulls = append(b.hub.pulls,
			&request{Pull: writer.Pull{Branch: "feature/x", OpenedAt: b.now(), Commit: b.hub.branches["main"]}},
			&request{Pull: writer.Pull{Branch: "amend/web-0123456789-3", OpenedAt: b.now(), Commit: strings.Repeat("0", 40)}})
		b.send(firing("none", amend.PullRequest, "f"))
		want("a person's, and one whose commit is gone", append([]string{"web-0123456789 3"}, known("a"), known("b"), known("c"), known("d"), known("e"), waits("old"))...)
	})
}

// TestReviews: what was merged tells how long a review takes, of amend's own pull
// requests alone.
func TestReviews(t *testing.T) {
	onBench(t, map[string]string{"f": "a=1\nb=1\nc=1\nd=1"}, func(t *testing.T, b *bench) {
		b.send(firing("a", amend.PullRequest, "f"), firing("b", amend.PullRequest, "f"), firing("c", amend.PullRequest, "f"))
		b.passed += 40 * time.Minute
		b.hub.merge(b.hub.pulls[1])
		b.hub.pulls = append(b.hub.pulls, &request{Pull: writer.Pull{Branch: "feature/x", OpenedAt: b.now().Add(-time.Hour), At: b.now(), State: amend.EpisodeLanded}})
		var got []time.Duration
		ago := time.Hour
		b.decide = func(w pipeline.World, e amend.Event) (d amend.Decision, err error) {
			got, err = w.Past.Reviews(w.Now.Add(-ago))
			return amend.Decision{Reason: amend.ReasonNoPlaybook}, err
		}
		before := b.hub.count("list pulls")
		b.send(firing("c", amend.PullRequest, "f"), firing("d", amend.PullRequest, "f"))
		if len(got) != 1 || got[0].Round(time.Minute) != 40*time.Minute {
			t.Errorf("reviews took %v, want 40m", got)
		}
		if n := b.hub.count("list pulls") - before; n != 1 {
			t.Errorf("the host listed %d times in one round", n)
		}
		ago = time.Minute
		if b.send(firing("d", amend.PullRequest, "f")); got != nil {
			t.Errorf("reviews of those opened just now took %v", got)
		}
	})
}
