package forge

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

// verdicts are what others say of one commit: the statuses of services and the
// check runs of Apps, as they are kept on disk.
type verdicts struct {
	Statuses []status   `json:"statuses,omitempty"` // the oldest first
	Checks   []checkRun `json:"checks,omitempty"`
}

// A status is what one service says of a commit at one time.
type status struct {
	State       string    `json:"state"` // error, failure, pending or success
	Context     string    `json:"context"`
	Description string    `json:"description,omitempty"`
	TargetURL   string    `json:"targetUrl,omitempty"`
	User        string    `json:"user"`
	Created     time.Time `json:"created"`
}

// A checkRun is one run of a check.
type checkRun struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name"`
	Status     string    `json:"status"` // queued, in_progress or completed
	Conclusion string    `json:"conclusion,omitempty"`
	Started    time.Time `json:"started"`
}

// current returns the latest status of each context, the newest first.
func (v verdicts) current() []status {
	var latest []status
	for _, s := range slices.Backward(v.Statuses) {
		if !slices.ContainsFunc(latest, func(o status) bool { return o.Context == s.Context }) {
			latest = append(latest, s)
		}
	}
	return latest
}

// combined is one word for all statuses, as GitHub forms it.
func (v verdicts) combined() string {
	state := "success"
	latest := v.current()
	if len(latest) == 0 {
		return "pending"
	}
	for _, s := range latest {
		switch s.State {
		case "error", "failure":
			return "failure"
		case "pending":
			state = "pending"
		}
	}
	return state
}

// passing reports whether nothing that was said speaks against the commit.
func (v verdicts) passing() bool {
	return (len(v.Statuses) == 0 || v.combined() == "success") && !slices.ContainsFunc(v.Checks, func(c checkRun) bool {
		return c.Status != "completed" || !slices.Contains([]string{"success", "neutral", "skipped"}, c.Conclusion)
	})
}

// checks keeps the verdicts of a repository, one file for each commit.
type checks struct {
	dir string
	mu  sync.Mutex
}

// of returns what is said of a commit.
func (c *checks) of(sha store.ID) (verdicts, error) {
	var v verdicts
	data, err := os.ReadFile(filepath.Join(c.dir, string(sha)+".json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return v, nil
	case err == nil:
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		return v, amend.Errorf(amend.Internal, "read checks", "%w", err)
	}
	return v, nil
}

// change keeps what edit makes of the verdicts on a commit, and returns it.
func (c *checks) change(sha store.ID, edit func(*verdicts)) (verdicts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.of(sha)
	if err != nil {
		return v, err
	}
	edit(&v)
	if err := store.SaveJSON(filepath.Join(c.dir, string(sha)+".json"), v); err != nil {
		return v, amend.Errorf(amend.Internal, "write checks", "%w", err)
	}
	return v, nil
}
