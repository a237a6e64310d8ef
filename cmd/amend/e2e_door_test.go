package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A door stands before the host. It notes what serve writes there, and one trap
// at a time can be set in it.
type door struct {
	head func() string // of main

	mu     sync.Mutex
	next   http.Handler
	writes []string // "push main" or "POST pulls", since written was called
	hints  []string // the heads of main at which the host was asked to record
	trap   *trap
}

// A trap springs at one request of serve: before the host gets it, or after the
// host has answered and before serve knows. The connection then breaks, unless
// the request is to go on.
type trap struct {
	at     func(write string, body []byte) bool
	after  bool
	goOn   bool // not with after
	spring func()
	sprung chan struct{}
}

// set sets a trap and returns a channel that is closed once it has sprung.
func (d *door) set(t trap) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.sprung = make(chan struct{})
	d.trap = &t
	return t.sprung
}

// written returns what serve wrote since the last call.
func (d *door) written() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.writes
	d.writes = nil
	return w
}

// leadTo has the door lead to something else than before.
func (d *door) leadTo(next http.Handler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = next
}

func (d *door) host() http.Handler {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isWrite(r) {
		d.host().ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has left
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	t := d.note(nameOf(r, body), body)
	if t == nil {
		d.pass(w, r)
		return
	}
	if t.after {
		d.pass(httptest.NewRecorder(), r)
	}
	t.spring()
	close(t.sprung)
	if t.goOn {
		d.pass(w, r)
		return
	}
	panic(http.ErrAbortHandler) // net/http's way to break the connection
}

// isWrite reports whether serve means to change something on the host.
func isWrite(r *http.Request) bool {
	if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
		_, secret, _ := r.BasicAuth()
		return secret == serveToken
	}
	return strings.HasPrefix(r.URL.Path, repoAPI) && r.Method != http.MethodGet && r.Header.Get("Authorization") == "Bearer "+serveToken
}

const repoAPI = "/api/v3/repos/" + envRepo + "/"

// pushForm is the beginning of a push: a length, two commits and a branch.
var pushForm = regexp.MustCompile(`^[0-9a-f]{4}[0-9a-f]{40} [0-9a-f]{40} refs/heads/([^\x00\n]+)`)

// nameOf is what a write is called in the tests.
func nameOf(r *http.Request, body []byte) string {
	if m := pushForm.FindSubmatch(body); m != nil {
		return "push " + string(m[1])
	}
	return r.Method + " " + strings.TrimPrefix(r.URL.Path, repoAPI)
}

// pass serves a request. A request to record is for whatever is on main then.
func (d *door) pass(w http.ResponseWriter, r *http.Request) {
	head := d.head()
	d.host().ServeHTTP(w, r)
	if strings.HasSuffix(r.URL.Path, "/dispatches") {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.hints = append(d.hints, head)
	}
}

// asked returns the heads of main at which the host was asked to record.
func (d *door) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.hints)
}

// note writes a request down and returns the trap if it is the one to spring at.
func (d *door) note(write string, body []byte) *trap {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes = append(d.writes, write)
	t := d.trap
	if t == nil || !t.at(write, body) {
		return nil
	}
	d.trap = nil
	return t
}

// nth is the condition of a trap to spring at the nth write that is meant,
// counting from 0.
func nth(n int, meant func(string, []byte) bool) func(string, []byte) bool {
	return func(write string, body []byte) bool {
		if !meant(write, body) {
			return false
		}
		n--
		return n < 0
	}
}

// anyOf is a condition on what a write is called.
func anyOf(writes ...string) func(string, []byte) bool {
	return func(write string, _ []byte) bool { return slices.Contains(writes, write) }
}
