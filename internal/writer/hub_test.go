package writer_test

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/writer"
)

// A hub is a Git host in memory: branches that move by compare-and-swap, pull
// requests, and answers that get lost. It outlives any number of writers.
type hub struct {
	mu       sync.Mutex
	now      func() time.Time
	commits  map[string]*commit
	branches map[string]string
	pulls    []*request
	asked    []amend.Record // by repository_dispatch
	verdicts map[string][]amend.Verdict
	calls    []string
	// fault may fail a call before it is done, or lose its answer after it.
	fault func(call string) (before, after error)
	// pace is how long a call takes until it is done; nil is no time.
	pace func() time.Duration
	// lags has it name the commit before the head of a branch; nil is never.
	lags func() bool
}

type commit struct {
	parents []string
	files   map[string]string
	modes   string // of the files, as far as they are odd
	message string
	by      string // the mail of the committer
	at      time.Time
	depth   int
}

type request struct {
	writer.Pull
	branch, title    string
	labels, comments []string
	reviews          []writer.Review
	given            writer.NewPull
	onto, head       string    // of the base when it was opened, and its own as last seen
	green            bool      // all checks have passed
	said             time.Time // when a person last spoke
}

func newHub(now func() time.Time, files map[string]string) *hub {
	h := &hub{now: now, commits: map[string]*commit{}, branches: map[string]string{}, verdicts: map[string][]amend.Verdict{}}
	h.branches["main"] = h.add(commit{files: files, message: "Start"})
	return h
}

// add stores a commit under a name that follows from its content, as Git does.
func (h *hub) add(c commit) string {
	c.at = cmp.Or(c.at, h.now())
	for _, p := range c.parents {
		c.depth = max(c.depth, h.commits[p].depth+1)
	}
	sum := sha1.Sum(fmt.Appendf(nil, "%q %v %q %q %d", c.parents, treeOf(&c), c.message, c.by, c.at.UnixNano()))
	sha := hex.EncodeToString(sum[:])
	h.commits[sha] = &c
	return sha
}

func (h *hub) call(name string, do func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pace != nil {
		wait := h.pace()
		h.mu.Unlock()
		time.Sleep(wait)
		h.mu.Lock()
	}
	h.calls = append(h.calls, name)
	var before, after error
	if h.fault != nil {
		before, after = h.fault(name)
	}
	if before != nil {
		return before
	}
	if err := do(); err != nil {
		return err
	}
	return after
}

func (h *hub) count(call string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (h *hub) descends(sha, from string) bool {
	for c := range h.walk(sha) {
		if c == from {
			return true
		}
	}
	return false
}

// walk yields a commit and all it stands on, children before parents.
func (h *hub) walk(sha string) iter.Seq2[string, *commit] {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(s string) {
		if !seen[s] {
			seen[s] = true
			for _, p := range h.commits[s].parents {
				visit(p)
			}
		}
	}
	visit(sha)
	order := slices.SortedFunc(maps.Keys(seen), func(a, b string) int {
		return cmp.Or(h.commits[b].depth-h.commits[a].depth, strings.Compare(a, b))
	})
	return func(yield func(string, *commit) bool) {
		for _, s := range order {
			if !yield(s, h.commits[s]) {
				return
			}
		}
	}
}

func (h *hub) Head(_ context.Context, branch string) (sha string, err error) {
	err = h.call("head", func() error {
		var ok bool
		if sha, ok = h.branches[branch]; ok && h.lags != nil && h.lags() && len(h.commits[sha].parents) > 0 {
			sha = h.commits[sha].parents[0]
		}
		if !ok {
			return amend.Errorf(amend.NotFound, "read branch", "no branch %s", branch)
		}
		return nil
	})
	return sha, err
}

func (h *hub) CreateBranch(_ context.Context, branch, sha string) error {
	return h.call("create branch", func() error {
		if _, ok := h.branches[branch]; ok {
			return amend.Errorf(amend.Conflict, "create branch", "it exists")
		}
		h.branches[branch] = sha
		return nil
	})
}

func (h *hub) UpdateBranch(_ context.Context, branch, from, to string) error {
	return h.call("update branch", func() error {
		switch {
		case h.branches[branch] != from:
			return amend.Errorf(amend.Conflict, "update branch", "it is not at %s", from)
		case !h.descends(to, from):
			return amend.Refusef(amend.ReasonFailed, "%s does not stand on %s", to, from)
		}
		h.branches[branch] = to
		return nil
	})
}

func (h *hub) DeleteBranch(_ context.Context, branch string) error {
	return h.call("delete branch", func() error {
		for _, p := range h.pulls {
			if p.branch == branch {
				p.head = cmp.Or(h.branches[branch], p.head)
			}
		}
		delete(h.branches, branch)
		for _, p := range h.pulls {
			if p.branch == branch && p.State == amend.EpisodeOpen {
				p.State = amend.EpisodeDeclined // as a host does
			}
		}
		return nil
	})
}

func (h *hub) Commit(_ context.Context, d writer.Draft) (made writer.Committed, err error) {
	err = h.call("commit", func() error {
		parent := h.commits[d.Parent.SHA]
		if parent == nil || d.Parent.Tree != treeOf(parent) {
			return amend.Errorf(amend.Invalid, "commit", "the parent %+v is no commit and its tree", d.Parent)
		}
		files := maps.Clone(parent.files)
		for p, content := range d.Files {
			files[p.String()] = string(content)
		}
		parents := []string{d.Parent.SHA}
		if d.Instead != "" {
			parents = append(parents, d.Instead)
		}
		made.SHA = h.add(commit{parents: parents, files: files, modes: parent.modes, message: d.Message, at: d.Time, by: mail})
		made.Tree = treeOf(h.commits[made.SHA])
		return nil
	})
	return made, err
}

func treeOf(c *commit) string { return fmt.Sprint(c.files, c.modes) }

func (h *hub) FindPull(_ context.Context, branch string) (pull writer.Pull, ok bool, err error) {
	err = h.call("find pull", func() error {
		for _, p := range h.pulls {
			if p.branch == branch {
				pull, ok = h.shown(p), true
			}
		}
		return nil
	})
	return pull, ok, err
}

func (h *hub) PullsSince(_ context.Context, _ string, since time.Time) (pulls []writer.Pull, err error) {
	err = h.call("list pulls", func() error {
		for _, p := range h.pulls {
			if p.OpenedAt.After(since) {
				pulls = append(pulls, h.shown(p))
			}
		}
		return nil
	})
	return pulls, err
}

// PullCommits returns what is not in the branch that the pull request was opened on.
func (h *hub) PullCommits(_ context.Context, number int) (commits []ledger.Commit, err error) {
	err = h.call("list commits", func() error {
		p := h.pulls[number-1]
		p.head = cmp.Or(h.branches[p.branch], p.head)
		old := map[string]bool{}
		for sha := range h.walk(p.onto) {
			old[sha] = true
		}
		for sha, c := range h.walk(p.head) {
			if !old[sha] {
				commits = append(commits, ledger.Commit{SHA: sha, Parents: c.parents, At: c.at, Message: c.message, Committer: c.by})
			}
		}
		slices.Reverse(commits)
		return nil
	})
	return commits, err
}

func (h *hub) OpenPull(_ context.Context, n writer.NewPull) (pull writer.Pull, err error) {
	branch := n.Branch
	err = h.call("open pull", func() error {
		for _, p := range h.pulls {
			if p.branch == branch && p.State == amend.EpisodeOpen {
				pull = p.Pull
				return nil
			}
		}
		pull = writer.Pull{Number: len(h.pulls) + 1, URL: "https://host/pull", State: amend.EpisodeOpen, At: h.now(), OpenedAt: h.now(), Branch: branch, Commit: h.branches[branch]}
		pull.Body = n.Body
		h.pulls = append(h.pulls, &request{Pull: pull, branch: branch, title: n.Title, given: n, onto: h.branches[n.Base], head: pull.Commit})
		return nil
	})
	return pull, err
}

func (h *hub) ClosePull(_ context.Context, number int, as amend.EpisodeState, _ string) error {
	return h.call("close pull", func() error {
		h.pulls[number-1].State, h.pulls[number-1].At = as, h.now()
		return nil
	})
}

func (h *hub) Dispatch(_ context.Context, r amend.Record) error {
	return h.call("dispatch", func() error {
		h.asked = append(h.asked, r)
		return nil
	})
}

// What follows is done by others than the writer.

// push commits to main as a person does; edit gets a copy of the files.
func (h *hub) push(message string, edit func(files map[string]string)) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pushLocked(message, edit)
}

func (h *hub) pushLocked(message string, edit func(files map[string]string)) string {
	head := h.branches["main"]
	files := maps.Clone(h.commits[head].files)
	edit(files)
	h.branches["main"] = h.add(commit{parents: []string{head}, files: files, message: message})
	return h.branches["main"]
}

// merge merges a pull request with a merge commit, taking over the files that
// it changed against the commit that it was made on.
func (h *hub) merge(p *request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mergeLocked(p)
}

func (h *hub) mergeLocked(p *request) {
	head := h.branches["main"]
	change := h.commits[h.branches[p.branch]]
	files := maps.Clone(h.commits[head].files)
	for name, content := range change.files {
		if h.commits[change.parents[0]].files[name] != content {
			files[name] = content
		}
	}
	h.branches["main"] = h.add(commit{parents: []string{head, h.branches[p.branch]}, files: files, message: "Merge " + p.branch})
	p.State, p.At, p.Commit = amend.EpisodeLanded, h.now(), h.branches["main"]
}

// squash merges a pull request as one commit of main with the given message.
func (h *hub) squash(p *request, message string) string {
	change := h.commits[h.branches[p.branch]]
	sha := h.push(message, func(files map[string]string) {
		for name, content := range change.files {
			if h.commits[change.parents[0]].files[name] != content {
				files[name] = content
			}
		}
	})
	p.State, p.At, p.Commit = amend.EpisodeLanded, h.now(), sha
	return sha
}

// join commits to a branch on top of these parents, with the files of the first
// of them after edit; an edit of "modes" is one of the modes of files.
func (h *hub) join(branch, message string, edit func(files map[string]string), parents ...string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	files := maps.Clone(h.commits[parents[0]].files)
	edit(files)
	modes := files["modes"]
	delete(files, "modes")
	h.branches[branch] = h.add(commit{parents: parents, files: files, modes: modes, message: message})
	return h.branches[branch]
}

// record adds entries to the log, as the workflow does.
func (h *hub) record(t testing.TB, records ...amend.Record) {
	t.Helper()
	h.push("record", func(files map[string]string) {
		log, err := ledger.ParseLog([]byte(files[ledger.LogFile]))
		if err != nil {
			t.Fatal(err)
		}
		if log, err = ledger.Append(log, records); err != nil {
			t.Fatal(err)
		}
		files[ledger.LogFile] = string(log.Bytes())
	})
}

// landed returns the records of all changes in main.
func (h *hub) landed() []amend.Record {
	var records []amend.Record
	for sha, c := range h.walk(h.branches["main"]) {
		if r, ok := ledger.FromCommit(sha, c.at, c.message); ok {
			records = append(records, r)
		}
	}
	return records
}

func (h *hub) file(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.commits[h.branches["main"]].files[name]
}

// changes counts the live changes of every episode: what is in main, and the
// open pull requests. Of a change that was planned anew the last plan counts.
func (h *hub) changes() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	live, old := map[string]int{}, map[string]bool{}
	for sha, c := range h.walk(h.branches["main"]) {
		r, ok := ledger.FromCommit(sha, c.at, c.message)
		if !ok || c.by != mail { // a person may copy a message
			continue
		}
		if !old[sha] {
			live[amend.Branch(r.Incident, r.Episode)]++
		}
		if len(c.parents) > 1 {
			old[c.parents[1]] = true
		}
	}
	for _, p := range h.pulls {
		if p.State == amend.EpisodeOpen {
			live[p.branch]++
		}
	}
	return live
}

// A mirror is a local copy of a hub. It knows what it has fetched or made.
type mirror struct {
	hub   *hub
	known map[string]bool
	lost  bool // every read fails until the next fetch
}

// A site is the hub as a writer with a mirror uses it.
type site struct {
	*hub
	mirror *mirror
}

func (s site) Commit(ctx context.Context, d writer.Draft) (writer.Committed, error) {
	made, err := s.hub.Commit(ctx, d)
	if err == nil {
		s.mirror.known[made.SHA] = true
	}
	return made, err
}

func (m *mirror) Tidy(context.Context) error { return nil }

func (m *mirror) Fetch(context.Context) error {
	return m.hub.call("fetch", func() error {
		m.lost = false
		for _, sha := range m.hub.branches {
			for s := range m.hub.walk(sha) {
				m.known[s] = true
			}
		}
		return nil
	})
}

func (m *mirror) Has(sha string) bool { return m.known[sha] }

func (m *mirror) get(sha string) (*commit, error) {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	if m.lost {
		return nil, amend.Errorf(amend.Transient, "read", "an object is lost")
	}
	if !m.known[sha] {
		return nil, amend.Errorf(amend.NotFound, "read", "no commit %s", sha)
	}
	return m.hub.commits[sha], nil
}

type commitTree struct {
	fstest.MapFS
	hash string
}

func (t commitTree) Hash(name string) (string, bool) { return t.hash, name == "." }

func (m *mirror) Tree(sha string) (fs.FS, error) {
	c, err := m.get(sha)
	if err != nil {
		return nil, err
	}
	t := commitTree{fstest.MapFS{}, treeOf(c)}
	for name, content := range c.files {
		t.MapFS[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return t, nil
}

func (m *mirror) Commits(from, until string) iter.Seq2[ledger.Commit, error] {
	return func(yield func(ledger.Commit, error) bool) {
		old := map[string]bool{}
		for _, sha := range []string{from, until} {
			if _, err := m.get(sha); err != nil && sha != "" {
				yield(ledger.Commit{}, err)
				return
			}
		}
		var list []ledger.Commit // whoever gets one may ask for more
		m.hub.mu.Lock()
		if until != "" {
			for sha := range m.hub.walk(until) {
				old[sha] = true
			}
		}
		for sha, c := range m.hub.walk(from) {
			if !old[sha] {
				list = append(list, ledger.Commit{SHA: sha, Parents: c.parents, At: c.at, Message: c.message, Committer: c.by})
			}
		}
		m.hub.mu.Unlock()
		for _, c := range list {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (m *mirror) Versions(sha string, path amend.RepoPath) iter.Seq2[writer.FileVersion, error] {
	return func(yield func(writer.FileVersion, error) bool) {
		for sha != "" {
			c, err := m.get(sha)
			if err != nil {
				yield(writer.FileVersion{}, err)
				return
			}
			before := ""
			parent := ""
			if len(c.parents) > 0 {
				parent = c.parents[0]
				before = m.hub.commits[parent].files[path.String()]
			}
			if now := c.files[path.String()]; now != before && !yield(writer.FileVersion{Commit: sha, Content: []byte(now)}, nil) {
				return
			}
			sha = parent
		}
	}
}

var (
	_ writer.Host = site{}
	_ writer.Repo = (*mirror)(nil)
)
