package github_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

const comment = "POST /repos/acme/env/issues/7/comments"

// What a status and the host's words mean, for a call that is sent once.
func TestMeaningOfAnswers(t *testing.T) {
	soon := map[string]string{"Retry-After": "600"}
	for _, tc := range []struct {
		status  int
		header  map[string]string
		answer  string
		want    amend.Kind
		limited bool
	}{
		{status: 201, answer: `{"id":1}`},
		{status: 301, header: map[string]string{"Location": "https://evil.example/"}, want: amend.Refused},
		{status: 307, header: map[string]string{"Location": "https://evil.example/"}, want: amend.Refused},
		{status: 400, want: amend.Invalid},
		{status: 401, answer: message("Bad credentials"), want: amend.Refused},
		{status: 403, answer: message("Resource not accessible by integration"), want: amend.Refused},
		{status: 403, answer: message("Repository was archived so is read-only."), want: amend.Refused},
		{status: 403, header: soon, answer: message("Forbidden"), want: amend.Transient, limited: true},
		{status: 403, answer: message("You have exceeded a secondary rate limit."), want: amend.Transient, limited: true},
		{status: 403, answer: message("You have triggered an abuse detection mechanism."), want: amend.Transient, limited: true},
		{status: 403, header: primary(600), answer: message("API rate limit exceeded"), want: amend.Transient, limited: true},
		{status: 404, answer: message("Not Found"), want: amend.NotFound},
		{status: 405, want: amend.Refused},
		{status: 408, want: amend.Transient},
		{status: 409, answer: message("Git Repository is empty."), want: amend.NotFound},
		{status: 409, answer: message("main.yaml is at 1 but expected 2"), want: amend.Conflict},
		{status: 409, answer: message("Repository rule violations found"), want: amend.Refused},
		{status: 410, answer: message("Issues are disabled"), want: amend.Refused},
		{status: 413, want: amend.Invalid},
		{status: 422, answer: message("Reference already exists"), want: amend.Conflict},
		{status: 422, answer: message("Update is not a fast forward"), want: amend.Conflict},
		{status: 422, answer: message("Expected branch to point to \"1\" but it points to \"2\""), want: amend.Conflict},
		{status: 422, answer: message("Reference does not exist"), want: amend.NotFound},
		{status: 422, answer: message("Repository rule violations found\n\nGH013"), want: amend.Refused},
		{status: 422, answer: message("Changes must be made through a pull request."), want: amend.Refused},
		{status: 422, answer: message("Object does not exist"), want: amend.Invalid},
		{status: 422, answer: `{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for acme:b."}]}`, want: amend.Conflict},
		{status: 422, answer: `{"message":"Validation Failed","errors":["protected branch hook declined"]}`, want: amend.Refused},
		{status: 422, answer: `{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"base","code":"invalid"}]}`, want: amend.Invalid},
		{status: 429, want: amend.Transient, limited: true},
		{status: 429, header: soon, want: amend.Transient, limited: true},
		{status: 429, header: primary(600), want: amend.Transient, limited: true},
		{status: 451, want: amend.Refused},
		{status: 500, want: amend.Transient},
		{status: 502, answer: "<html>bad gateway</html>", want: amend.Transient},
		{status: 503, header: soon, want: amend.Transient},
		{status: 504, want: amend.Transient},
	} {
		t.Run(fmt.Sprint(tc.status, tc.answer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for k, v := range tc.header {
					if k == "X-RateLimit-Reset" {
						tc.header[k] = resetIn(v)
					}
				}
				s := newScript(t, exchange{want: comment, body: `{"body":"hi"}`, status: tc.status, header: tc.header, answer: tc.answer})
				err := client(t, s, impatient).Comment(ctx, 7, "hi")
				wantKind(t, err, tc.want)
				if _, limited := github.RetryAt(err); limited != tc.limited {
					t.Errorf("limited = %v, want %v", limited, tc.limited)
				}
				if tc.want == amend.Refused && amend.ReasonOf(err) != amend.ReasonFailed {
					t.Errorf("reason = %q", amend.ReasonOf(err))
				}
			})
		})
	}
}

func impatient(c *github.Config) { c.RetryFor = time.Second }

// primary is the header of a primary limit that ends in so many seconds.
func primary(seconds int) map[string]string {
	return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.Itoa(seconds), "X-RateLimit-Resource": "core"}
}

func resetIn(seconds string) string {
	n, _ := strconv.Atoi(seconds)
	return strconv.FormatInt(time.Now().Unix()+int64(n), 10)
}

// No request leaves before the time that the host gave, and the call succeeds
// after it.
func TestLimitsAreWaitedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		header func() map[string]string
		answer string
		want   time.Duration
	}{
		"429 with Retry-After":      {429, func() map[string]string { return map[string]string{"Retry-After": "37"} }, "", 37 * time.Second},
		"403 with Retry-After":      {403, func() map[string]string { return map[string]string{"Retry-After": "37"} }, "", 37 * time.Second},
		"503 with Retry-After":      {503, func() map[string]string { return map[string]string{"Retry-After": "37"} }, "", 37 * time.Second},
		"429 without any time":      {429, func() map[string]string { return nil }, "", time.Minute},
		"403 secondary, no time":    {403, func() map[string]string { return nil }, message("secondary rate limit"), time.Minute},
		"403 primary":               {403, func() map[string]string { h := primary(0); h["X-RateLimit-Reset"] = resetIn("50"); return h }, "", 50 * time.Second},
		"429 Retry-After as a date": {429, func() map[string]string { return map[string]string{"Retry-After": date(40 * time.Second)} }, "", 40 * time.Second},
		"403 primary, clock of the host 10 min ahead": {403, func() map[string]string {
			h := primary(0)
			h["Date"], h["X-RateLimit-Reset"] = date(10*time.Minute), resetIn("630")
			return h
		}, "", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(t,
					exchange{want: getRef, status: tc.status, header: tc.header(), answer: tc.answer},
					exchange{want: getRef, status: 200, answer: ref("b", sha1)},
				)
				_, err := client(t, s).Head(ctx, "b")
				must(t, err)
				if got := s.times[1].Sub(s.times[0]); got < tc.want || got > tc.want+12*time.Second {
					t.Errorf("the second request came after %s, want %s", got, tc.want)
				}
			})
		})
	}
}

func date(in time.Duration) string { return time.Now().Add(in).UTC().Format(http.TimeFormat) }

// A limit that ends too late is reported with its time, and then nothing is
// sent until that time, by nobody who shares the limiter.
func TestLongLimitStopsEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := github.NewLimiter("", 0)
		shared := func(c *github.Config) { c.Limiter = limiter }
		s := newScript(t,
			exchange{want: getRef, status: 429, header: map[string]string{"Retry-After": "3600"}},
			exchange{want: getRef, status: 200, answer: ref("b", sha1)},
		)
		one, other := client(t, s, shared), client(t, s, shared)
		for _, c := range []*github.Client{one, other, one} {
			_, err := c.Head(ctx, "b")
			wantKind(t, err, amend.Transient)
			if at, ok := github.RetryAt(err); !ok || at.Sub(s.times[0]) != time.Hour {
				t.Errorf("retry at %v, %v", at, ok)
			}
			wantKind(t, c.DeleteBranch(ctx, "b"), amend.Transient)
		}
		if len(s.times) != 1 {
			t.Errorf("%d requests, want 1", len(s.times))
		}
		time.Sleep(time.Hour)
		_, err := other.Head(ctx, "b")
		must(t, err)
	})
}

// A success that used up the primary limit holds back the next request.
func TestLastRequestOfTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := primary(0)
		h["X-RateLimit-Reset"] = resetIn("60")
		s := newScript(t,
			exchange{want: getRef, status: 200, header: h, answer: ref("b", sha1)},
			exchange{want: getRef, status: 200, answer: ref("b", sha1)},
		)
		c := client(t, s)
		for range 2 {
			_, err := c.Head(ctx, "b")
			must(t, err)
		}
		if got := s.times[1].Sub(s.times[0]); got < time.Minute {
			t.Errorf("the second request came after %s", got)
		}
	})
}

func TestSecondaryLimitsWaitLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := exchange{want: getRef, status: 429}
		s := newScript(t, limited, limited, limited, exchange{want: getRef, status: 200, answer: ref("b", sha1)})
		_, err := client(t, s, func(c *github.Config) { c.RetryFor = time.Hour }).Head(ctx, "b")
		must(t, err)
		for i, want := range []time.Duration{1, 2, 4} {
			if got := s.times[i+1].Sub(s.times[i]); got < want*time.Minute {
				t.Errorf("pause %d was %s, want %d min", i, got, want)
			}
		}
	})
}

func TestWritesAreSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []exchange
		for range 4 {
			steps = append(steps, exchange{want: comment, status: 201, answer: "{}"})
		}
		s := newScript(t, steps...)
		c := client(t, s, func(c *github.Config) { c.Limiter = github.NewLimiter("", time.Second) })
		done := make(chan error)
		for range 4 {
			go func() { done <- c.Comment(ctx, 7, "hi") }()
		}
		for range 4 {
			must(t, <-done)
		}
		for i := range 3 {
			if got := s.times[i+1].Sub(s.times[i]); got < time.Second {
				t.Errorf("write %d came %s after the one before", i+1, got)
			}
		}
	})
}

// Failures are repeated with pauses, and not for ever.
func TestRetriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := client(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			n++
			return respond(r, exchange{status: 500}), nil
		}), func(c *github.Config) { c.RetryFor = time.Minute })
		start := time.Now()
		_, err := c.Head(ctx, "b")
		wantKind(t, err, amend.Transient)
		if took := time.Since(start); took < time.Minute || took > 71*time.Second || n < 5 || n > 400 {
			t.Errorf("%d requests in %s", n, took)
		}
	})
}

func TestContextEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, roundTripper(func(r *http.Request) (*http.Response, error) { return nil, errors.New("refused") }))
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Head(short, "b")
		wantKind(t, err, amend.Transient)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Over a real connection: hanging, half and missing answers.
func TestBrokenConnections(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"hang": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"ref":`))
		},
		"reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n++; n == 1 {
					fail(w, r)
					return
				}
				fmt.Fprint(w, ref("b", sha1))
			}))
			defer srv.Close()
			c := client(t, http.DefaultTransport, func(c *github.Config) { c.BaseURL, c.CallTimeout = srv.URL, 100*time.Millisecond })
			if got, err := c.Head(ctx, "b"); err != nil || got != sha1 {
				t.Errorf("head = %s, %v", got, err)
			}
		})
	}
}

// A host that sends the credential back does not get it into errors and logs.
func TestSecretsAreMasked(t *testing.T) {
	s := newScript(t, exchange{want: comment, status: 400, answer: message("you sent Bearer " + secret + "\n\x1b[31m")})
	err := client(t, s).Comment(ctx, 7, "hi")
	wantKind(t, err, amend.Invalid)
	if !strings.Contains(err.Error(), "[secret]") || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("error = %q", err)
	}
	c := client(t, newScript(t))
	if got, err := c.Token(ctx); err != nil || got != secret {
		t.Errorf("token = %q, %v", got, err)
	}
}

func TestHostTextIsBounded(t *testing.T) {
	s := newScript(t, exchange{want: comment, status: 400, answer: message(strings.Repeat("ü", 100_000))})
	if err := client(t, s).Comment(ctx, 7, "hi"); len(err.Error()) > 700 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}
