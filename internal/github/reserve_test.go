package github_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

// hourOf is the header of a primary limit of 50 requests an hour.
func hourOf(left string) map[string]string {
	return map[string]string{"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": left, "X-RateLimit-Reset": resetIn("1800"), "X-RateLimit-Resource": "core"}
}

// With four fifths of the hour's requests gone, a change is told when to come
// back, and taking one back goes on until nothing is left at all.
func TestRevertWithTheBudgetGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t,
			exchange{want: getRef, status: 200, header: hourOf("10"), answer: ref("b", sha1)},
			exchange{want: comment, status: 201, header: hourOf("9"), answer: "{}"},
			exchange{want: comment, status: 201, header: hourOf("0"), answer: "{}"},
			exchange{want: getRef, status: 200, header: hourOf("49"), answer: ref("b", sha1)},
		)
		c := client(t, s)
		_, err := c.Head(ctx, "b")
		must(t, err)
		_, err = c.Head(ctx, "b")
		wantKind(t, err, amend.Transient)
		if at, ok := github.RetryAt(err); !ok || at.Sub(s.times[0]) < 30*time.Minute {
			t.Errorf("retry at %v, %v: %v", at, ok, err)
		}
		must(t, c.Comment(github.Urgent(ctx), 7, "one"))
		must(t, c.Comment(github.Urgent(ctx), 7, "two"))
		wantKind(t, c.Comment(github.Urgent(ctx), 7, "three"), amend.Transient)
		time.Sleep(30*time.Minute + 2*time.Second)
		_, err = c.Head(ctx, "b")
		must(t, err)
	})
}

// A limitedHost has the limits of GitHub: so many requests in an hour that begins
// with the first of them, and now and then a limit out of the blue.
type limitedHost struct {
	luck *rand.Rand

	mu      sync.Mutex
	most    int
	hour    time.Time // when the present one began
	left    int
	strikes int // so many of the next requests meet a secondary limit
	came    []request
	closed  time.Time // nothing may come before, once that was said
	said    time.Time // when it was; at that very moment nobody has read it yet,
	open    time.Time // and what was said before holds
	early   []request
}

// close says that nothing may come before a time.
func (h *limitedHost) close(until time.Time) {
	if now := time.Now(); !now.Equal(h.said) {
		h.said, h.open = now, h.closed
	}
	if until.After(h.closed) {
		h.closed = until
	}
}

// isClosed reports whether something that comes now could know that it may not.
func (h *limitedHost) isClosed(now time.Time) bool {
	if now.Equal(h.said) {
		return now.Before(h.open)
	}
	return now.Before(h.closed)
}

type request struct {
	at, hour      time.Time // hour is zero when it was turned away
	write, urgent bool
}

func content(r request) int {
	if r.write {
		return 1
	}
	return 0
}

func points(r request) int { return 1 + 4*content(r) }

// urgentMark tells the host what it cannot see from the limiter's own mark.
type urgentMark struct{}

func (h *limitedHost) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	now := time.Now()
	q := request{at: now, write: r.Method != http.MethodGet, urgent: r.Context().Value(urgentMark{}) != nil}
	if h.isClosed(now) {
		h.early = append(h.early, q)
	}
	if !now.Before(h.hour.Add(time.Hour)) {
		h.hour, h.left = now.Truncate(time.Second), h.most
	}
	e := exchange{status: http.StatusOK, answer: ref("b", sha1), header: map[string]string{}}
	struck := h.strikes > 0
	switch {
	case struck:
		h.strikes--
		e.status, e.header["Retry-After"] = http.StatusForbidden, "30"
	case h.left == 0:
		e.status = http.StatusForbidden
	default:
		h.left--
		q.hour = h.hour
	}
	h.came = append(h.came, q)
	reset := h.hour.Add(time.Hour)
	empty := h.left == 0
	e.header["X-RateLimit-Limit"], e.header["X-RateLimit-Remaining"] = strconv.Itoa(h.most), strconv.Itoa(h.left)
	e.header["X-RateLimit-Reset"] = strconv.FormatInt(reset.Unix(), 10)
	e.header["Date"] = now.UTC().Format(http.TimeFormat)
	latency := time.Duration(h.luck.IntN(3000)) * time.Millisecond
	h.mu.Unlock()
	time.Sleep(latency)
	h.mu.Lock()
	defer h.mu.Unlock()
	if empty {
		h.close(reset)
	}
	if struck {
		h.close(time.Now().Add(30 * time.Second))
	}
	return respond(r, e), nil
}

// used is what came in the span that ends with a time.
func (h *limitedHost) used(until time.Time, span time.Duration, cost func(request) int) int {
	n := 0
	for _, r := range h.came {
		if r.at.After(until.Add(-span)) && !r.at.After(until) {
			n += cost(r)
		}
	}
	return n
}

// spent reports whether a limit itself is used up, or was a moment ago: two
// seconds are for the whole seconds of the host's clock.
func (h *limitedHost) spent(write bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, q := time.Now(), request{write: write}
	return now.Before(h.closed.Add(2*time.Second)) ||
		h.used(now, time.Minute, points)+points(q) > 900 ||
		write && (h.used(now, time.Minute, content) >= 80 || h.used(now, time.Hour, content) >= 500)
}

// A step is something that happens between amend and its host.
type step struct {
	kind           string // changes, urgent, strike, wait, or a busy quarter of an hour
	write          bool
	sideBySide     int // changes are made by so many at once,
	inARow, pauses int // each this often; and a wait takes so many seconds
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		kind:       rapid.SampledFrom([]string{"changes", "changes", "urgent", "urgent", "wait", "strike", "busy"}).Draw(t, "kind"),
		write:      rapid.Bool().Draw(t, "write"),
		sideBySide: rapid.IntRange(1, 30).Draw(t, "side by side"),
		inARow:     rapid.SampledFrom([]int{1, 3, 40}).Draw(t, "in a row"),
		pauses:     rapid.SampledFrom([]int{1, 20, 61, 3700}).Draw(t, "seconds"),
	}
}), 1, 25)

// Whatever is asked of a limiter: changes use at most four fifths of a limit in
// any window, what is urgent gets through while the limit itself is not spent,
// and nothing leaves before the time that the host gave.
func TestAFifthIsKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &limitedHost{
			most: rapid.SampledFrom([]int{25, 60, 15_000}).Draw(rt, "limit"),
			luck: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "luck"), 0)),
		}
		all := steps.Draw(rt, "steps")
		wrong := ""
		synctest.Test(t, func(t *testing.T) { wrong = h.play(t, all) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// play goes through the steps and returns which promise was broken, if one was.
func (h *limitedHost) play(t *testing.T, all []step) (wrong string) {
	c := client(t, h, impatient, func(c *github.Config) { c.BaseURL = "https://api.github.com" })
	send := func(ctx context.Context, write bool) error {
		if write {
			return c.Comment(ctx, 7, "hi")
		}
		_, err := c.Head(ctx, "b")
		return err
	}
	changes := func(s step) {
		var everybody sync.WaitGroup
		for range s.sideBySide {
			everybody.Go(func() {
				for range s.inARow {
					_ = send(ctx, s.write)
				}
			})
		}
		everybody.Wait()
	}
	_ = send(ctx, false) // before the first answer nothing is known
	for _, s := range all {
		switch s.kind {
		case "changes":
			changes(s)
		case "busy":
			for range 8 {
				changes(step{sideBySide: 30, inARow: 3, write: s.write})
				time.Sleep(time.Minute)
			}
		case "urgent":
			urgent := context.WithValue(github.Urgent(ctx), urgentMark{}, true)
			if err := send(urgent, s.write); err != nil && !h.spent(s.write) {
				return fmt.Sprintf("it was held back: %v", err)
			}
		case "strike":
			h.strikes++
		case "wait":
			time.Sleep(time.Duration(s.pauses) * time.Second)
		}
	}
	return h.check()
}

// check holds what came against the promises.
func (h *limitedHost) check() string {
	if len(h.early) > 0 {
		return fmt.Sprintf("%d requests came before the time that was given: %v", len(h.early), h.early)
	}
	hours := map[time.Time]int{}
	for _, r := range h.came {
		if hours[r.hour]++; !r.urgent && !r.hour.IsZero() && hours[r.hour] > h.most*4/5 {
			return fmt.Sprintf("a change was request %d of an hour that has %d", hours[r.hour], h.most)
		}
	}
	for _, limit := range []struct {
		span time.Duration
		most int
		cost func(request) int
	}{{time.Minute, 720, points}, {time.Minute, 64, content}, {time.Hour, 400, content}} {
		used, first := 0, 0
		for _, r := range h.came {
			for used += limit.cost(r); !h.came[first].at.After(r.at.Add(-limit.span)); first++ {
				used -= limit.cost(h.came[first])
			}
			if !r.urgent && limit.cost(r) > 0 && used > limit.most {
				return fmt.Sprintf("a change went out with %d used in %s, want at most %d", used, limit.span, limit.most)
			}
		}
	}
	return ""
}
