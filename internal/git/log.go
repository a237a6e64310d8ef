package git

import (
	"container/heap"
	"errors"
	"iter"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/amendhq/amend"
)

// ErrShallow is in the chain of the last error of Log and Versions when a
// shallow clone ends before the history does: what came until then is true, and
// not all of it.
var ErrShallow = errors.New("the clone is shallow: its history is cut off")

// Log walks the history from a commit backwards through all parents, each
// commit once, newest commit time first. A non-empty until leaves out that
// commit and its ancestors, as "git log until..from" does; where clocks were
// far off some of its ancestors may still appear, and no other commit is ever
// missing. An unknown commit gives amend.NotFound. The walk ends after an error.
func (r *Repo) Log(from, until string) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		w := walk{repo: r, nodes: map[plumbing.Hash]*node{}}
		err := w.start(from, until)
		switch {
		case err != nil:
		case until == "":
			err = w.stream(yield)
		default:
			err = w.difference(yield)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Commit{}, err)
		}
	}
}

// errStopped says that the caller of an iterator wants no more.
var errStopped = errors.New("stopped")

// A node is a commit on the way. Known nodes are ancestors of until.
type node struct {
	commit *object.Commit
	known  bool
	listed bool
}

type walk struct {
	repo  *Repo
	nodes map[plumbing.Hash]*node
	queue nodeHeap
	edge  map[plumbing.Hash]bool // whose parents are left out
	open  int                    // nodes in the queue that are not known
	cut   bool                   // a yielded commit's parents are missing
}

func (w *walk) start(from, until string) error {
	for _, s := range []struct {
		sha   string
		known bool
	}{{from, false}, {until, true}} {
		if s.sha == "" && s.known {
			continue
		}
		if _, err := w.repo.objects.named(s.sha); err != nil {
			return err
		}
		if err := w.visit(plumbing.NewHash(s.sha), s.known); err != nil {
			return err
		}
	}
	return nil
}

// visit queues a commit, or queues it again to tell its ancestors that they are
// known after all.
func (w *walk) visit(h plumbing.Hash, known bool) error {
	n := w.nodes[h]
	if n == nil {
		c, err := w.repo.objects.commit(h)
		if err != nil {
			return err
		}
		n = &node{commit: c, known: known}
		w.nodes[h] = n
		w.push(n)
		return nil
	}
	if known && !n.known {
		n.known = true
		if !n.listed {
			w.open--
			return nil // it is still in the queue
		}
		w.push(n)
	}
	return nil
}

func (w *walk) push(n *node) {
	if !n.known {
		w.open++
	}
	heap.Push(&w.queue, n)
}

// next takes the newest commit off the queue and puts its parents on.
func (w *walk) next() (*node, error) {
	n := heap.Pop(&w.queue).(*node)
	if !n.known {
		w.open--
	}
	n.listed = true
	if w.repo.shallow[n.commit.Hash] || w.edge[n.commit.Hash] {
		return n, nil
	}
	for _, p := range n.commit.ParentHashes {
		if err := w.visit(p, n.known); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (w *walk) stream(yield func(Commit, error) bool) error {
	for len(w.queue) > 0 {
		n, err := w.next()
		if err != nil {
			return err
		}
		if !w.yield(n, yield) {
			return errStopped
		}
		n.commit = nil // a long history must not stay in memory
	}
	return w.end()
}

// difference collects before it yields, because an old commit may turn out to
// be known after a newer path has listed it.
func (w *walk) difference(yield func(Commit, error) bool) error {
	var list []*node
	var oldest time.Time
	for len(w.queue) > 0 && (w.open > 0 || len(list) > 0 && !w.queue[0].commit.Committer.When.Before(oldest)) {
		seen := w.queue[0].listed
		n, err := w.next()
		if err != nil {
			return err
		}
		if !n.known && !seen {
			list = append(list, n)
			if t := n.commit.Committer.When; len(list) == 1 || t.Before(oldest) {
				oldest = t
			}
		}
	}
	for _, n := range list {
		if !n.known && !w.yield(n, yield) {
			return errStopped
		}
	}
	return w.end()
}

func (w *walk) yield(n *node, yield func(Commit, error) bool) bool {
	w.cut = w.cut || w.repo.shallow[n.commit.Hash]
	return yield(commitOf(n.commit), nil)
}

func (w *walk) end() error {
	if w.cut {
		return amend.Errorf(amend.Invalid, "read history", "%w", ErrShallow)
	}
	return nil
}

func commitOf(c *object.Commit) Commit {
	parents := make([]string, len(c.ParentHashes))
	for i, p := range c.ParentHashes {
		parents[i] = p.String()
	}
	return Commit{
		SHA:       c.Hash.String(),
		Parents:   parents,
		Message:   c.Message,
		Author:    Person{Name: c.Author.Name, Email: c.Author.Email},
		Committer: c.Committer.Email,
		Time:      c.Committer.When,
	}
}

// nodeHeap has the newest commit first.
type nodeHeap []*node

func (h nodeHeap) Len() int { return len(h) }
func (h nodeHeap) Less(i, j int) bool {
	return h[i].commit.Committer.When.After(h[j].commit.Committer.When)
}
func (h nodeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *nodeHeap) Push(x any)   { *h = append(*h, x.(*node)) }
func (h *nodeHeap) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return n
}
