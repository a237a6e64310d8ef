package escalation_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/escalation"
)

// A world is a host and the places that can be told, in memory. It is used in
// the bubble of a synctest, and the test holds its lock but for settle and wait:
// only then does the desk get anywhere.
type world struct {
	*testing.T
	mu       sync.Mutex
	pulls    map[int]*escalation.Pull
	updated  map[int]time.Time
	merges   []string // what was merged, and by whom
	declined []int
	rules    escalation.Rules
	channels map[string]escalation.Channel
	places   map[string]*place
	failing  map[string]error // of calls to the host, by name
	slow     time.Duration    // of reading a pull request
	reading  func()           // happens while one is read
	desk     *escalation.Desk
	registry *prometheus.Registry
	stop     context.CancelFunc
}

// A place is a channel that remembers what it was told.
type place struct {
	mu    *sync.Mutex // of the world
	asked []approval.Question
	told  []string
	err   error
}

func (p *place) Ask(_ context.Context, where string, q approval.Question) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return "", p.err
	}
	p.asked = append(p.asked, q)
	return fmt.Sprintf("%s-%d", where, len(p.asked)), nil
}

func (p *place) Tell(_ context.Context, _, ref string, _ approval.Question, o approval.Outcome) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.told = append(p.told, strings.TrimSpace(fmt.Sprintf("%s %s %s", ref, o.State, o.By)))
	return nil
}

// within runs a test in a bubble, with a chain of Slack, PagerDuty and OnCall.
func within(t *testing.T, test func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			T: t, pulls: map[int]*escalation.Pull{}, updated: map[int]time.Time{}, failing: map[string]error{},
			places: map[string]*place{"slack": {}, "pagerduty": {}, "oncall": {}}, channels: map[string]escalation.Channel{},
			rules: escalation.Rules{Chain: approval.Chain{
				Expire:    4 * time.Hour,
				Approvers: []approval.Approver{{Name: "Ada", User: "UADA", Login: "ada"}, {Name: "Jo", User: "UJO", Login: "jo"}},
				Steps: []approval.Step{
					{Via: "slack", Place: "C1", Wait: 10 * time.Minute}, {Via: "pagerduty", Place: "payments", Wait: 15 * time.Minute}, {Via: "oncall", Place: "platform", Wait: time.Minute},
				},
			}},
		}
		for via, p := range w.places {
			p.mu, w.channels[via] = &w.mu, p
		}
		w.mu.Lock()
		w.start()
		test(w)
		w.stop()
		w.settle()
	})
}

// start runs a new desk, as after a restart: all that the last one knew is gone.
func (w *world) start() {
	w.Helper()
	if w.stop != nil {
		w.stop()
		w.settle()
	}
	w.registry = prometheus.NewRegistry()
	desk, err := escalation.New(escalation.Config{
		Repo: "acme/env", Pulls: w, Acts: w, Channels: w.channels, Key: []byte("key"), Every: 30 * time.Second,
		Rules: w.read,
		Now:   time.Now, Log: slog.New(slog.DiscardHandler), Registry: w.registry,
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.Context())
	w.desk, w.stop = desk, stop
	go func() {
		if err := desk.Run(ctx); err != nil {
			w.Error(err)
		}
	}()
	w.settle()
}

// wait lets time pass.
func (w *world) wait(d time.Duration) {
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	w.settle()
}

// settle lets the desk do all that it can do now.
func (w *world) settle() {
	w.mu.Unlock()
	synctest.Wait()
	w.mu.Lock()
}

func (w *world) read(context.Context) (escalation.Rules, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rules, w.failing["rules"]
}

// open opens a pull request that the writer vouches for.
func (w *world) open(number int) {
	w.pulls[number] = &escalation.Pull{
		Number: number, Title: "T", URL: "https://host/pull", Diff: "+ x\n",
		Matter: approval.Matter{State: approval.Open, SHA: "aaa", Digest: "d", Proposers: []string{"amend[bot]"}},
	}
	w.touch(number)
	w.desk.Proposed(number, "aaa")
	w.settle()
}

func (w *world) touch(number int) { w.updated[number] = time.Now() }

func (w *world) List(context.Context) ([]escalation.Listed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failing["list"]; err != nil {
		return nil, err
	}
	var all []escalation.Listed
	for n := range w.pulls {
		all = append(all, escalation.Listed{Number: n, Updated: w.updated[n]})
	}
	return all, nil
}

func (w *world) Read(ctx context.Context, number int) (escalation.Pull, error) {
	w.mu.Lock()
	slow := w.slow
	w.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return escalation.Pull{}, amend.Errorf(amend.Transient, "read", "%w", ctx.Err())
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reading != nil {
		w.reading()
	}
	if err := w.failing["read"]; err != nil {
		return escalation.Pull{}, err
	}
	p := w.pulls[number]
	if p == nil {
		return escalation.Pull{}, amend.Errorf(amend.NotFound, "read", "no pull request %d", number)
	}
	copied := *p
	copied.Comments = slices.Clone(p.Comments)
	return copied, nil
}

func (w *world) Comment(_ context.Context, number int, body string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failing["comment"]; err != nil {
		return err
	}
	w.pulls[number].Comments = append(w.pulls[number].Comments, body)
	w.touch(number)
	return nil
}

func (w *world) Merge(_ context.Context, number int, sha string, by approval.Approver) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failing["merge"]; err != nil {
		return err
	}
	p := w.pulls[number]
	if p.Matter.State != approval.Open || p.Matter.SHA != sha {
		return amend.Errorf(amend.Conflict, "merge", "the head is another one")
	}
	p.Matter.State = approval.Merged
	w.touch(number)
	w.merges = append(w.merges, fmt.Sprintf("%d %s %s", number, sha, by.Name))
	return nil
}

func (w *world) Decline(_ context.Context, number int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pulls[number].Matter.State = approval.Closed
	w.touch(number)
	w.declined = append(w.declined, number)
	return w.failing["decline"]
}

// answer is what Ada says to the newest message in Slack.
func (w *world) answer(v approval.Verb) approval.Answer {
	w.Helper()
	asked := w.places["slack"].asked
	if len(asked) == 0 {
		w.Fatal("nobody was asked in Slack")
	}
	q := asked[len(asked)-1]
	return approval.Answer{Verb: v, Matter: q.Matter, Via: "slack", Place: "C1", Ref: fmt.Sprintf("C1-%d", len(asked)), SHA: q.SHA, User: "UADA"}
}

// press gives an answer and returns what the person was told alone.
func (w *world) press(a approval.Answer) string {
	w.Helper()
	var said string
	if !w.desk.Press(escalation.Press{Answer: a, Reply: func(_ context.Context, text string) error { said = text; return nil }}) {
		w.Fatal("the desk takes no answer")
	}
	w.settle()
	return said
}

// counts is how often each place was asked, in the order of the chain.
func (w *world) counts() [3]int {
	return [3]int{len(w.places["slack"].asked), len(w.places["pagerduty"].asked), len(w.places["oncall"].asked)}
}

func (w *world) wantCounts(want [3]int) {
	w.Helper()
	if got := w.counts(); got != want {
		w.Errorf("Slack, PagerDuty and OnCall were asked %v times, want %v", got, want)
	}
}
