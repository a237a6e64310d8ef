package forge

import (
	"crypto/sha256"
	"strconv"
	"sync"
	"time"
)

// limits counts the calls of every token in hours, as GitHub's primary limit
// does. Secondary limits are not modelled: a Fault answers as they do.
type limits struct {
	perHour int
	mu      sync.Mutex
	windows map[[32]byte]*window
}

type window struct {
	used  int
	reset time.Time
}

// A usage is the state of a token's limit.
type usage struct {
	limit, used int
	reset       time.Time
	exceeded    bool
}

// take returns the token's state, after counting a call when counted is set.
// Unlike GitHub it also counts reads that end as 304: a client that stays
// below the limit here stays below it there.
func (l *limits) take(token string, now time.Time, counted bool) usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := sha256.Sum256([]byte(token))
	w := l.windows[key]
	if w == nil || !now.Before(w.reset) {
		w = &window{reset: now.Add(time.Hour)}
		l.windows[key] = w
	}
	if counted && w.used == l.perHour {
		return usage{l.perHour, w.used, w.reset, true}
	}
	if counted {
		w.used++
	}
	return usage{l.perHour, w.used, w.reset, false}
}

func (u usage) header() map[string]string {
	return map[string]string{
		"X-RateLimit-Limit":     strconv.Itoa(u.limit),
		"X-RateLimit-Remaining": strconv.Itoa(u.limit - u.used),
		"X-RateLimit-Used":      strconv.Itoa(u.used),
		"X-RateLimit-Reset":     strconv.FormatInt(u.reset.Unix(), 10),
		"X-RateLimit-Resource":  "core",
	}
}

type rateDoc struct {
	Limit     int   `json:"limit"`
	Remaining int   `json:"remaining"`
	Reset     int64 `json:"reset"`
	Used      int   `json:"used"`
}

type rateOverviewDoc struct {
	Resources struct {
		Core   rateDoc `json:"core"`
		Search rateDoc `json:"search"`
	} `json:"resources"`
	Rate rateDoc `json:"rate"`
}

// getRateLimit does not count against the limit it shows.
func (s *Server) getRateLimit(c call) (reply, error) {
	u := s.limits.take(secret(c.Request), s.cfg.Now(), false)
	core := rateDoc{u.limit, u.limit - u.used, u.reset.Unix(), u.used}
	doc := rateOverviewDoc{Rate: core}
	doc.Resources.Core = core
	doc.Resources.Search = rateDoc{30, 30, s.cfg.Now().Add(time.Minute).Unix(), 0}
	return ok(doc)
}
