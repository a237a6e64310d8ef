package forge

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// Stats are the calls that a forge has answered since it started or since they
// were cleared.
type Stats struct {
	Calls  map[string]int `json:"calls"`  // by method and route: "GET /repos/{owner}/{repo}/git/ref/{ref...}"
	Writes int            `json:"writes"` // REST calls that made or changed content; GitHub limits these most
}

type stats struct {
	mu    sync.Mutex
	calls map[string]int
	made  int
}

func (s *stats) count(e endpoint, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[e.method+" "+e.path]++
	if e.access == "write" && err == nil {
		s.made++
	}
}

// countGit counts a request of Git by its service, "git-upload-pack" for
// fetches and "git-receive-pack" for pushes, without the discovery before it.
func (s *stats) countGit(p gitPath, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[r.Method+" "+p.rest]++
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	return Stats{Calls: maps.Clone(s.stats.calls), Writes: s.stats.made}
}

// ClearStats sets the counters to zero.
func (s *Server) ClearStats() {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	clear(s.stats.calls)
	s.stats.made = 0
}

// control serves the knobs of a forge that was started for tests: POST and
// DELETE /_forge/faults, GET and DELETE /_forge/stats. They need no token, so
// such a forge listens on the local machine only.
func (s *Server) control(w http.ResponseWriter, r *http.Request) bool {
	rep := reply{status: http.StatusNoContent}
	var err error
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/_forge/") {
	case "POST faults":
		var f Fault
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
		decoder.DisallowUnknownFields()
		if err = decoder.Decode(&f); err != nil {
			err = fail(http.StatusBadRequest, "Problems parsing JSON: %s", err)
		} else {
			err = s.AddFault(f)
		}
	case "DELETE faults":
		s.ClearFaults()
	case "GET stats":
		rep, err = ok(s.Stats())
	case "DELETE stats":
		s.ClearStats()
	default:
		return false
	}
	s.write(w, r, rep, err)
	return true
}
