package github

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// keptShare is the part of every limit that only urgent calls may use: one in
// five. So a storm of changes cannot use up what taking a bad one back needs.
const keptShare = 5

// urgentKey marks the context of calls that may use what is kept.
type urgentKey struct{}

// Urgent returns a context for calls that may use what the limiter keeps: those
// that take a change back.
func Urgent(ctx context.Context) context.Context {
	return context.WithValue(ctx, urgentKey{}, true)
}

// A call is a request as the limits see it.
type call struct {
	write   bool // it may change something
	content bool // it may make something that people are told of
	urgent  bool
	counted bool // by the primary limit of the installation
	git     bool // it is of Git's own protocol, which no limit of the API counts
}

// gitObjects are the addresses of Git's objects and refs, of which the host
// tells nobody.
var gitObjects = regexp.MustCompile(`/repos/[^/]+/[^/]+/git/`)

func callOf(req *http.Request, counted bool) call {
	write := req.Method != http.MethodGet
	return call{
		write: write, content: write && !gitObjects.MatchString(req.URL.Path),
		urgent: req.Context().Value(urgentKey{}) != nil, counted: counted,
	}
}

// room is how much of a limit a call may use: all of it when it is urgent.
func (c call) room(most int) int {
	if c.urgent {
		return most
	}
	return most - most/keptShare
}

// primary is the limit on the requests of an hour, as the host last told it.
type primary struct {
	most, left int
	reset      time.Time
	away       int // calls that have no answer yet
}

// primaryWindow is how long the primary limit counts from the first request on
// (GitHub, rate limits for the REST API).
const primaryWindow = time.Hour

// sameWindow is how far apart two answers may put the end of one window: the
// host's clock shows whole seconds, and answers are on their way for some more.
const sameWindow = time.Minute

// readPrimary reads what an answer says of the limit. The time is the host's, so
// its Date corrects for a clock of ours that is off.
func readPrimary(now time.Time, h http.Header) (told primary, ok bool) {
	if r := h.Get("X-Ratelimit-Resource"); r != "" && r != "core" {
		return primary{}, false
	}
	left, err := strconv.Atoi(h.Get("X-Ratelimit-Remaining"))
	if err != nil || left < 0 {
		return primary{}, false
	}
	seconds, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil {
		return primary{}, false
	}
	reset := time.Unix(seconds, 0)
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		reset = now.Add(reset.Sub(date))
	}
	most, _ := strconv.Atoi(h.Get("X-Ratelimit-Limit")) // without it nothing is kept
	return primary{most: most, left: left, reset: reset.Add(time.Second)}, true
}

// learn takes over what the answer to a call says. Within one window the count
// only goes down, and in a new one all calls that are away go off it: the answer
// may be older than they are.
func (p *primary) learn(now time.Time, told primary) {
	if told.most <= 0 || !told.reset.After(now) {
		return
	}
	if p.most > 0 && !told.reset.After(p.reset.Add(sameWindow)) {
		p.left = min(told.left, p.left)
	} else {
		p.left = told.left - (p.away - 1)
	}
	p.most, p.reset = told.most, told.reset
}

// free returns when a call may be sent, zero if at once. An urgent one is held back
// by the host's own words only, see Limiter.observe.
func (p *primary) free(now time.Time, c call) time.Time {
	if p.most == 0 {
		return time.Time{}
	}
	if !now.Before(p.reset) { // a new window, of which nothing is known yet
		p.left, p.reset = p.most-p.away, now.Add(primaryWindow)
	}
	if c.urgent || p.most-p.left < c.room(p.most) {
		return time.Time{}
	}
	return p.reset
}

// A window is a limit on what the calls of any such span of time may cost.
type window struct {
	span  time.Duration
	most  int
	cost  func(call) int
	spent []spending // in the last span, oldest first
}

type spending struct {
	at   time.Time
	cost int
}

// documented are GitHub's secondary limits that can be kept to: content in a
// minute and in an hour, and points in a minute, of which a write costs five
// (GitHub, "About secondary rate limits").
func documented() []window {
	content := func(c call) int {
		if c.content {
			return 1
		}
		return 0
	}
	points := func(c call) int {
		switch {
		case c.git:
			return 0
		case c.write:
			return 5
		}
		return 1
	}
	return []window{
		{span: time.Minute, most: 80, cost: content},
		{span: time.Hour, most: 500, cost: content},
		{span: time.Minute, most: 900, cost: points},
	}
}

// isGitHub reports whether an API is GitHub's own, or that of one of its
// enterprises with data residency.
func isGitHub(api string) bool {
	u, err := url.Parse(api)
	return api == "" || err == nil && (u.Hostname() == "api.github.com" || strings.HasSuffix(u.Hostname(), ".ghe.com"))
}

// free returns when there is room for a call, zero if there is.
func (w *window) free(now time.Time, c call) time.Time {
	for len(w.spent) > 0 && !w.spent[0].at.Add(w.span).After(now) {
		w.spent = w.spent[1:]
	}
	used := w.cost(c)
	if used == 0 {
		return time.Time{}
	}
	for _, s := range w.spent {
		used += s.cost
	}
	var at time.Time
	for _, s := range w.spent {
		if used <= c.room(w.most) {
			break
		}
		used -= s.cost
		at = s.at.Add(w.span)
	}
	return at
}

// take counts a call that is sent now.
func (w *window) take(now time.Time, c call) {
	if cost := w.cost(c); cost > 0 {
		w.spent = append(w.spent, spending{now, cost})
	}
}
