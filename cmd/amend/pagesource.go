package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	ui "github.com/amendhq/amend/internal/page"
	"github.com/amendhq/amend/internal/writer"
)

// A pageSource tells the page what is in Git, what the host lists and what this
// process remembers. It is asked one question at a time.
type pageSource struct {
	repo      pageRepo
	branch    string
	pulls     func(ctx context.Context, base string, since time.Time) ([]writer.Pull, error)
	decisions func(ctx context.Context, n int) ([]amend.Decision, error)
	verdict   func(ctx context.Context, commit string) (amend.VerdictState, error)
	now       func() time.Time

	past  pagePast
	final map[string]amend.VerdictState // that will not change any more, by commit
	known map[string]amend.VerdictState // and all others
	open  []ui.Pull
	asked time.Time // when the host was asked for open
	deaf  error     // why it did not answer
}

// A pageRepo is the mirror as the page needs it.
type pageRepo interface {
	Head(branch string) (string, error)
	Log(from, until string) iter.Seq2[git.Commit, error]
	Tree(commit string) (fs.FS, error)
}

// remembered is how many decisions the page looks at.
const remembered = 1000

// Facts implements ui.Source. What cannot be found out is said there.
func (s *pageSource) Facts(ctx context.Context) (ui.Facts, error) {
	var f ui.Facts
	missing := func(what string, err error) {
		if err != nil {
			f.Missing = append(f.Missing, fmt.Sprintf("%s: %s", what, amend.Public(err)))
		}
	}
	missing("What is in Git may be newer", s.past.read(ctx, s.repo, s.branch))
	f.Commits, f.Log = s.past.commits, s.past.log
	s.list(ctx)
	f.Pulls, f.Verdicts = s.open, s.known
	missing("Pull requests and verdicts may be missing", s.deaf)
	var err error
	f.Decisions, err = s.decisions(ctx, remembered)
	missing("Decisions are not shown", err)
	return f, nil
}

// pulledSince is how old an open pull request on the page may be, pulledEvery how
// often the host is asked for them at most, and pulledWithin how long that may
// take.
const (
	pulledSince  = 30 * 24 * time.Hour
	pulledEvery  = 30 * time.Second
	pulledWithin = 5 * time.Second
)

// list asks the host for the open pull requests and for verdicts now and then. When
// it does not answer, the last ones stay.
func (s *pageSource) list(ctx context.Context) {
	now := s.now()
	if now.Sub(s.asked) < pulledEvery {
		return
	}
	within, stop := context.WithTimeout(ctx, pulledWithin)
	defer stop()
	all, err := s.pulls(within, s.branch, now.Add(-pulledSince))
	if err == nil {
		err = s.judge(within)
	}
	if ctx.Err() != nil {
		return // whoever looked has left, which says nothing of the host
	}
	s.asked, s.deaf = now, err
	if err != nil {
		return
	}
	s.open = nil
	for _, p := range all {
		if p.State == amend.EpisodeOpen && strings.HasPrefix(p.Branch, "amend/") {
			s.open = append(s.open, ui.Pull{Number: p.Number, URL: p.URL, Branch: p.Branch, OpenedAt: p.OpenedAt})
		}
	}
}

// judgedSince is how old a change may be that a verdict is still looked for, and
// judgedAtOnce for how many the host is asked at a time: each is a request.
const (
	judgedSince  = 24 * time.Hour
	judgedAtOnce = 10
)

// judge asks for the verdicts of the latest changes that have no final one yet.
func (s *pageSource) judge(ctx context.Context) error {
	if s.final == nil {
		s.final = map[string]amend.VerdictState{}
	}
	known := maps.Clone(s.final)
	asked := 0
	for _, c := range s.past.commits {
		if asked == judgedAtOnce || s.now().Sub(c.At) > judgedSince {
			break
		}
		if _, ours := ledger.FromCommit(c.SHA, c.At, c.Message); !ours || len(c.Parents) > 1 || s.final[c.SHA] != "" {
			continue
		}
		asked++
		v, err := s.verdict(ctx, c.SHA)
		if err != nil {
			return err
		}
		known[c.SHA] = v
		if v != "" && v != amend.Pending {
			s.final[c.SHA] = v
		}
	}
	s.known = known
	return nil
}

// A pagePast is what the page shows of the history of a branch up to head: a few
// commits of many.
type pagePast struct {
	head    string // "" when nothing is known
	commits []ledger.Commit
	log     ledger.Log
}

// read brings the past to the branch's head, or leaves it as it is.
func (p *pagePast) read(ctx context.Context, repo pageRepo, branch string) error {
	head, err := repo.Head(branch)
	if err != nil || head == p.head {
		return err
	}
	log, err := logAt(repo, head)
	if err != nil {
		return err
	}
	fresh, descends, err := readBack(ctx, repo, head, p.head)
	if err != nil {
		return err
	}
	if p.head != "" && !descends { // the history was rewritten
		if fresh, _, err = readBack(ctx, repo, head, ""); err != nil {
			return err
		}
		p.commits = nil
	}
	*p = pagePast{head: head, log: log, commits: shown(append(fresh, p.commits...))}
	return nil
}

// readBack returns the commits from head back to until, the newest first, that may
// be shown, and whether head descends from until.
func readBack(ctx context.Context, repo pageRepo, head, until string) (kept []ledger.Commit, descends bool, err error) {
	for c, err := range commits(repo.Log(head, until)) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, false, err
		}
		descends = descends || slices.Contains(c.Parents, until)
		_, ours := message.ParseTrailers(c.Message)
		_, reverts := ledger.Reverts(c.Message)
		if ours || reverts || len(c.Parents) > 1 {
			kept = append(kept, c)
		}
	}
	return kept, descends, nil
}

// shown leaves out the merges that brought nothing of amend.
func shown(all []ledger.Commit) []ledger.Commit {
	ours := map[string]bool{}
	for _, c := range all {
		if _, ok := message.ParseTrailers(c.Message); ok {
			ours[c.SHA] = true
		}
	}
	return slices.DeleteFunc(all, func(c ledger.Commit) bool {
		_, reverts := ledger.Reverts(c.Message)
		brought := slices.ContainsFunc(c.Parents[min(1, len(c.Parents)):], func(p string) bool { return ours[p] })
		return !ours[c.SHA] && !reverts && !brought
	})
}

// logAt reads the log of a commit; there may be none yet.
func logAt(repo pageRepo, commit string) (ledger.Log, error) {
	files, err := repo.Tree(commit)
	if err != nil {
		return ledger.Log{}, err
	}
	data, err := fs.ReadFile(files, ledger.LogFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ledger.Log{}, fmt.Errorf("reading the log: %w", err)
	}
	return ledger.ParseLog(data)
}

// A memory keeps the latest decisions of a process that has no other place for
// them.
type memory struct {
	mu     sync.Mutex
	latest []amend.Decision
}

// maxRememberedDiff is how much of a diff is kept, in bytes.
const maxRememberedDiff = 16 << 10

// observe keeps a decision without the files that it changes.
func (m *memory) observe(d amend.Decision) {
	if d.Plan != nil {
		plan := *d.Plan
		plan.Files, plan.RenderDiff = nil, nil
		if len(plan.Diff) > maxRememberedDiff {
			plan.Diff = strings.ToValidUTF8(plan.Diff[:maxRememberedDiff], "") + "\n[cut]\n"
		}
		d.Plan = &plan
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latest = append(m.latest, d); len(m.latest) > remembered {
		m.latest = slices.Delete(m.latest, 0, len(m.latest)-remembered)
	}
}

// decisions returns the latest n, the newest last.
func (m *memory) decisions(_ context.Context, n int) ([]amend.Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.latest[max(0, len(m.latest)-n):]), nil
}
