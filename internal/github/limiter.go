package github

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// A Limiter holds back all requests of one installation until the time that the
// host last asked for, and keeps a fifth of the host's limits for urgent ones.
type Limiter struct {
	spacing time.Duration

	mu      sync.Mutex
	until   time.Time
	write   time.Time // earliest next write
	strikes int       // secondary limits in a row that named no time
	primary primary
	windows []window
}

// NewLimiter returns a limiter for a REST API, named as in Config.BaseURL, that
// lets writes pass at most once in spacing. GitHub's documentation asks for one
// second between requests that create content; hosts without limits want zero.
// The other limits that GitHub documents are kept to where the API is GitHub's
// own; GitHub Enterprise Server has none unless somebody sets them.
func NewLimiter(api string, spacing time.Duration) *Limiter {
	l := &Limiter{spacing: spacing}
	if isGitHub(api) {
		l.windows = documented()
	}
	return l
}

// A limitError says when the host will listen again.
type limitError struct {
	until time.Time
	kept  bool // the host would listen now, to what is urgent
}

func (e *limitError) Error() string {
	until := e.until.UTC().Format(time.RFC3339)
	if e.kept {
		return "what is left of the host's rate limit until " + until + " is kept for taking changes back"
	}
	return "rate limited by the host until " + until
}

// RetryAt returns the earliest time at which trying again makes sense, when err
// comes from a limit of the host.
func RetryAt(err error) (time.Time, bool) {
	var e *limitError
	if errors.As(err, &e) {
		return e.until, true
	}
	return time.Time{}, false
}

// wait returns when a request may be sent, or gives a limitError at once when
// that is after deadline.
func (l *Limiter) wait(ctx context.Context, now func() time.Time, c call, deadline time.Time) error {
	for {
		t := now()
		at, kept := l.reserve(t, c)
		if !at.After(t) {
			return nil
		}
		if at.After(deadline) {
			return &amend.Error{Kind: amend.Transient, Err: &limitError{at, kept}}
		}
		if err := sleep(ctx, at.Sub(t)); err != nil {
			return err
		}
	}
}

// reserve returns a time not after now and takes what the call uses of the
// limits, or the time to ask again. Kept says that an urgent call need not wait.
func (l *Limiter) reserve(now time.Time, c call) (at time.Time, kept bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at = l.until
	if c.write && l.write.After(at) {
		at = l.write
	}
	host := at
	if c.counted {
		at = later(at, l.primary.free(now, c))
	}
	for i := range l.windows {
		at = later(at, l.windows[i].free(now, c))
	}
	if at.After(now) {
		return at, !c.urgent && !host.After(now)
	}
	if c.write {
		l.write = now.Add(l.spacing)
	}
	if c.counted {
		l.primary.left--
		l.primary.away++
	}
	for i := range l.windows {
		l.windows[i].take(now, c)
	}
	return at, false
}

// done is told when a call has its answer, or will get none.
func (l *Limiter) done(c call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.counted {
		l.primary.away--
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// observe learns from the answer to a call. It returns the time to wait for when
// the answer is a limit.
func (l *Limiter) observe(now time.Time, c call, status int, h http.Header, message string) (until time.Time, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	told, known := readPrimary(now, h)
	if known && c.counted {
		l.primary.learn(now, told)
	}
	empty := known && told.left == 0
	limited = status == http.StatusTooManyRequests || (status == http.StatusForbidden && (empty || h.Get("Retry-After") != "" || aboutLimit(message)))
	switch after, ok := retryAfter(now, h); {
	case !limited && status < 500:
		if empty {
			until = told.reset
		}
		if status < 300 {
			l.strikes = 0
		}
	case ok:
		until = after
	case empty:
		until = told.reset
	case limited:
		// "Wait at least one minute", and longer each time (GitHub, rate limits).
		until = now.Add(time.Minute << min(l.strikes, 6))
		l.strikes++
	}
	l.until = later(l.until, until)
	return l.until, limited
}

func retryAfter(now time.Time, h http.Header) (time.Time, bool) {
	v := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(v, 10, 32); err == nil && seconds >= 0 {
		return now.Add(time.Duration(seconds) * time.Second), true
	}
	t, err := http.ParseTime(v)
	return t, err == nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
