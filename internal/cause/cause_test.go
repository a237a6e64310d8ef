package cause_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/locate"
)

// A naive answer is one that people give without a render.
var naive = []struct {
	name   string
	answer func(h *history) string
}{
	{"HEAD", func(h *history) string { return h.tip().name }},
	{"newest in the repo", func(h *history) string { return h.newest(nil) }},
	{"newest in the folder", func(h *history) string {
		return h.newest(func(file string) bool { return strings.HasPrefix(file, h.folder+"/") })
	}},
}

// newest is the last commit of the branch before the alert that touched such a
// file, or any; "none" if there is none but the first.
func (h *history) newest(touched func(file string) bool) string {
	for i := len(h.commits) - 1; i > 0; i-- {
		c := h.commits[i]
		if c.name[0] == 'p' || c.at.After(h.question.Began) {
			continue
		}
		if touched == nil || h.touches(c, touched) {
			return c.name
		}
	}
	return string(cause.None)
}

func (h *history) touches(c *commit, touched func(file string) bool) bool {
	before := h.commits[h.mark(c.parents[0])-1].files
	for name, data := range c.files {
		if was, ok := before[name]; touched(name) && (!ok || was != data) {
			return true
		}
	}
	return false
}

// answer is the name of the commit that a result blames, or its outcome.
func (h *history) answer(r cause.Result) string {
	c, ok := r.Cause()
	if !ok {
		return string(r.Outcome)
	}
	for _, known := range h.commits {
		if known.sha == c.Blamed().SHA {
			return known.name
		}
	}
	return c.Blamed().SHA
}

// names reports whether an answer names a commit.
func names(answer string) bool { return strings.ContainsAny(answer, "0123456789") }

// TestHistories asks about every built-in history, and holds the answers against
// the ones that people give without looking, and against those with every state
// rendered.
func TestHistories(t *testing.T) {
	histories, locator := loadAll(t), locate.New()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "history\twant\tamend\t%s\t%s\t%s\n", naive[0].name, naive[1].name, naive[2].name)
	right := make([]int, len(naive))
	refusals, asked, fewer := 0, 0, 0
	for _, h := range histories {
		t.Run(h.name, func(t *testing.T) {
			r := h.ask(t, locator)
			got := h.answer(r)
			if got != h.want {
				t.Errorf("answers %s, want %s:\n%s", got, h.want, strings.Join(r.Lines(), "\n"))
			}
			asked++
			if h.thoroughly(t, r, locator) {
				fewer++
			}
			if !names(h.want) {
				refusals++
			}
			fmt.Fprintf(w, "%s\t%s\t%s", h.name, h.want, verdict(got, h.want))
			for i, n := range naive {
				answer := n.answer(h)
				if answer == h.want {
					right[i]++
				}
				fmt.Fprintf(w, "\t%s", verdict(answer, h.want))
			}
			fmt.Fprintln(w)
		})
	}
	must(t, w.Flush())
	if asked == len(histories) && fewer < 10 {
		t.Errorf("in %d histories something was skipped, too few to tell", fewer)
	}
	t.Logf("%d histories, of which %d have no answer; naive answers right: %s %d, %s %d, %s %d\n%s", asked, refusals,
		naive[0].name, right[0], naive[1].name, right[1], naive[2].name, right[2], &table)
	if asked == len(histories) {
		checkPage(t, asked, right)
	}
}

// checkPage fails if the documentation gives other counts of right answers, or if
// the histories are too easy.
func checkPage(t *testing.T, asked int, right []int) {
	t.Helper()
	page, err := os.ReadFile("../../docs/cause.md")
	must(t, err)
	for i, says := range []string{"`HEAD`", "the newest commit before the alert", "the newest commit before the alert in the application's folder"} {
		if row := fmt.Sprintf("| %s | %d |", says, right[i]); !strings.Contains(string(page), row) {
			t.Errorf("docs/cause.md does not say %s", row)
		}
		if 2*right[i] > asked {
			t.Errorf("%q is right in %d of %d histories: they are too easy", naive[i].name, right[i], asked)
		}
	}
	if says := fmt.Sprintf("right, of %d |", asked); !strings.Contains(string(page), says) {
		t.Errorf("docs/cause.md does not say %q", says)
	}
}

// verdict says what an answer is worth.
func verdict(got, want string) string {
	switch {
	case got == want && names(want):
		return "right"
	case got == want || !names(got) && !names(want):
		return "refused"
	case !names(got):
		return "refused (wrong)"
	}
	return "wrong: " + got
}
