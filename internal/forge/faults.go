package forge

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// The actions of a Fault.
const (
	FaultStatus     = "status"      // answer with Status, do nothing
	FaultDelay      = "delay"       // wait DelayMS, then serve
	FaultHang       = "hang"        // never answer, until the client leaves
	FaultDropBefore = "drop-before" // close the connection, do nothing
	FaultDropAfter  = "drop-after"  // do it, then close the connection without an answer
	FaultTruncate   = "truncate"    // do it, then close the connection after half of the answer
	FaultStale      = "stale"       // GET of a reference: answer with its previous value
	FaultReject     = "reject"      // a push: do not move the branch, and give Message as the reason
)

// A Fault is a rule for misbehaving. The first rule that matches a request and
// is not used up is applied.
type Fault struct {
	Method      string  `json:"method"`      // empty: any
	Path        string  `json:"path"`        // regular expression on the path without /api/v3
	Skip        int     `json:"skip"`        // let so many matching requests pass first
	Times       int     `json:"times"`       // then act on so many; 0: on all
	Probability float64 `json:"probability"` // of acting on each of these; 0: always
	Seed        uint64  `json:"seed"`        // of the dice, so that a test can be repeated
	Action      string  `json:"action"`
	Status      int     `json:"status"`
	Message     string  `json:"message"`
	RetryAfter  string  `json:"retryAfter"`  // header of FaultStatus, when set
	RateLimited bool    `json:"rateLimited"` // FaultStatus says x-ratelimit-remaining: 0
	DelayMS     int     `json:"delayMs"`
}

type faults struct {
	mu    sync.Mutex
	rules []*rule
}

type rule struct {
	Fault
	path *regexp.Regexp
	dice *rand.Rand
	seen int
	done int
}

// AddFault adds a rule behind the others.
func (s *Server) AddFault(f Fault) error {
	path, err := regexp.Compile(f.Path)
	if err != nil {
		return amend.Errorf(amend.Invalid, "add fault", "%w", err)
	}
	switch f.Action {
	case FaultStatus, FaultDelay, FaultHang, FaultDropBefore, FaultDropAfter, FaultTruncate, FaultStale, FaultReject:
	default:
		return amend.Errorf(amend.Invalid, "add fault", "no action is called %q", f.Action)
	}
	if f.Action == FaultStatus && (f.Status < 400 || f.Status > 599) {
		return amend.Errorf(amend.Invalid, "add fault", "%d is no error status", f.Status)
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = append(s.faults.rules, &rule{Fault: f, path: path, dice: rand.New(rand.NewPCG(f.Seed, 0))})
	return nil
}

// ClearFaults removes all rules.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = nil
}

func isStale(r *rule) bool  { return r.Action == FaultStale }
func notStale(r *rule) bool { return r.Action != FaultStale }

// take finds the rule to apply to a request and counts its use.
func (f *faults) take(r *http.Request, accept func(*rule) bool) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range f.rules {
		if !accept(rule) || rule.Method != "" && rule.Method != r.Method || !rule.path.MatchString(r.URL.Path) {
			continue
		}
		rule.seen++
		if rule.seen <= rule.Skip || rule.Times > 0 && rule.done >= rule.Times {
			continue
		}
		if rule.Probability > 0 && rule.dice.Float64() >= rule.Probability {
			continue
		}
		rule.done++
		return &rule.Fault
	}
	return nil
}

// misbehave serves a request, or does to it what a fault says.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) {
	f := s.faults.take(r, notStale)
	if f == nil {
		serve(w)
		return
	}
	switch f.Action {
	case FaultStatus:
		s.failWith(w, r, f)
	case FaultReject:
		s.reject(w, r, f.Message)
	case FaultDelay:
		select {
		case <-time.After(time.Duration(f.DelayMS) * time.Millisecond):
			serve(w)
		case <-r.Context().Done():
		}
	case FaultHang:
		<-r.Context().Done()
	case FaultDropBefore:
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	case FaultDropAfter, FaultTruncate:
		answer := httptest.NewRecorder()
		serve(answer)
		if f.Action == FaultTruncate {
			half(w, answer)
		}
		panic(http.ErrAbortHandler) // as above
	}
}

// half sends the first half of an answer.
func half(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	body := answer.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
}

func (s *Server) failWith(w http.ResponseWriter, r *http.Request, f *Fault) {
	rep := reply{header: map[string]string{}}
	if f.RateLimited {
		rep.header = usage{limit: s.cfg.RateLimit, used: s.cfg.RateLimit, reset: s.cfg.Now().Add(time.Hour)}.header()
	}
	if f.RetryAfter != "" {
		rep.header["Retry-After"] = f.RetryAfter
	}
	message := cmp.Or(f.Message, http.StatusText(f.Status))
	switch {
	case f.Message != "":
	case f.RateLimited:
		message = "API rate limit exceeded for user ID 1."
	case f.Status == http.StatusTooManyRequests, f.Status == http.StatusForbidden && f.RetryAfter != "":
		message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
	}
	s.write(w, r, rep, fail(f.Status, "%s", message))
}
