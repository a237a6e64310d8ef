package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// A Limiter holds back all requests of one installation until the time that the
// host last asked for.
type Limiter struct {
	spacing time.Duration

	mu      sync.Mutex
	until   time.Time
	write   time.Time // earliest next write
	strikes int       // secondary limits in a row that named no time
}

// NewLimiter returns a limiter that lets writes pass at most once in spacing.
// GitHub's documentation asks for one second between requests that create
// content; hosts without limits want zero.
func NewLimiter(spacing time.Duration) *Limiter { return &Limiter{spacing: spacing} }

// A limitError says when the host will listen again.
type limitError struct{ until time.Time }

func (e *limitError) Error() string {
	return fmt.Sprintf("rate limited by the host until %s", e.until.UTC().Format(time.RFC3339))
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
func (l *Limiter) wait(ctx context.Context, now func() time.Time, write bool, deadline time.Time) error {
	for {
		t := now()
		at := l.reserve(t, write)
		if !at.After(t) {
			return nil
		}
		if at.After(deadline) {
			return &amend.Error{Kind: amend.Transient, Err: &limitError{at}}
		}
		if err := sleep(ctx, at.Sub(t)); err != nil {
			return err
		}
	}
}

// reserve returns a time not after now and takes the slot, or the time to ask again.
func (l *Limiter) reserve(now time.Time, write bool) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.until
	if write && l.write.After(at) {
		at = l.write
	}
	if write && !at.After(now) {
		l.write = now.Add(l.spacing)
	}
	return at
}

// observe learns from an answer. It returns the time to wait for when the
// answer is a limit.
func (l *Limiter) observe(now time.Time, status int, h http.Header, message string) (until time.Time, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	reset, empty := exhausted(now, h)
	limited = status == http.StatusTooManyRequests || (status == http.StatusForbidden && (empty || h.Get("Retry-After") != "" || aboutLimit(message)))
	switch after, ok := retryAfter(now, h); {
	case !limited && status < 500:
		until = reset
		if status < 300 {
			l.strikes = 0
		}
	case ok:
		until = after
	case empty || !limited:
		until = reset
	default:
		// "Wait at least one minute", and longer each time (GitHub, rate limits).
		until = now.Add(time.Minute << min(l.strikes, 6))
		l.strikes++
	}
	if until.After(l.until) {
		l.until = until
	}
	return l.until, limited
}

// exhausted reads the primary limit: when it resets, if nothing of it is left.
// The time is the host's, so its Date corrects for a clock of ours that is off.
func exhausted(now time.Time, h http.Header) (time.Time, bool) {
	if h.Get("X-Ratelimit-Remaining") != "0" {
		return time.Time{}, false
	}
	if r := h.Get("X-Ratelimit-Resource"); r != "" && r != "core" {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	reset := time.Unix(seconds, 0)
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		reset = now.Add(reset.Sub(date))
	}
	return reset.Add(time.Second), true // the host's clock shows whole seconds
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
