package writer

import (
	"context"

	"github.com/amendhq/amend"
)

// A round does not wait for each answer of the host before it goes on: a round trip
// is most of what a change takes. It begins on the commit where the branch was last,
// and asks meanwhile whether it is still there; and for an incident that is to get a
// commit it asks for pull requests while that is planned and the next ones are decided
// about. Nothing is
// written, and nobody is answered, before all that a decision rests on is known. What
// turns out otherwise is decided again.

// A look is a question to the host that is answered while other work goes on.
type look[T any] struct {
	done  chan struct{} // closed with the answer
	value T
	err   error
}

// maxLooks bounds how many of them are under way.
const maxLooks = 8

// lookFor begins a look. Run waits for it at its end.
func lookFor[T any](ctx context.Context, w *Writer, find func(context.Context) (T, error)) *look[T] {
	l := &look[T]{done: make(chan struct{})}
	w.aside.Go(func() {
		defer close(l.done)
		select {
		case w.looks <- struct{}{}:
			defer func() { <-w.looks }()
			l.value, l.err = find(ctx)
		case <-ctx.Done():
			l.err = errLeft(ctx)
		}
	})
	return l
}

func (l *look[T]) wait() (T, error) {
	<-l.done
	return l.value, l.err
}

// newRound opens a round on the commit where the branch was last, with a look for
// where it is now; or on where it is, when the former is not known.
func (w *Writer) newRound(ctx context.Context) (*round, error) {
	if last := w.last; last != "" && !w.doubtful && w.cfg.Repo.Has(last) && w.bring(ctx, last) == nil {
		if r, err := w.roundOn(last); err == nil {
			r.head = lookFor(ctx, w, func(ctx context.Context) (string, error) { return w.cfg.Host.Head(ctx, w.cfg.Branch) })
			return r, nil
		}
	}
	head, err := w.told, error(nil)
	if head == "" {
		head, err = w.cfg.Host.Head(ctx, w.cfg.Branch)
	}
	if err == nil {
		err = w.bring(ctx, head)
	}
	if err != nil {
		return nil, err
	}
	return w.roundOn(head)
}

// roundOn opens a round on a commit that is here.
func (w *Writer) roundOn(head string) (*round, error) {
	base, err := w.cfg.Repo.Tree(head)
	if err != nil {
		w.doubtful = true
		return nil, err
	}
	start := Committed{SHA: head, Tree: hash(base, ".")}
	return &round{w: w, start: start, base: base, tip: base, began: w.cfg.Now(), asked: map[string]*look[*Pull]{}}, nil
}

// holds waits until it is known where the branch is, and reports whether it is where
// the round decides.
func (r *round) holds() bool {
	if r.head == nil {
		return !r.over
	}
	head, err := r.head.wait()
	r.head = nil
	if r.err = err; err != nil || head != r.start.SHA {
		r.over, r.w.last, r.w.told = true, "", head
	}
	return !r.over
}

// askPulls looks for the pull request that the incident would have now, and returns its
// branch.
func (r *round) askPulls(ctx context.Context, incident string, episodes []amend.Episode) string {
	branch := amend.Branch(incident, r.firstUnknown(incident, episodes))
	if r.asked[branch] == nil {
		r.asked[branch] = lookFor(ctx, r.w, func(ctx context.Context) (*Pull, error) { return r.pullOf(ctx, branch) })
	}
	return branch
}

// findPull returns the pull request of a branch, nil when there is none.
func (r *round) findPull(ctx context.Context, branch string) (*Pull, error) {
	if l := r.asked[branch]; l != nil {
		delete(r.asked, branch) // by the next time there may be one
		return l.wait()
	}
	return r.pullOf(ctx, branch)
}

func (r *round) pullOf(ctx context.Context, branch string) (*Pull, error) {
	if pull, ok, err := r.w.cfg.Host.FindPull(ctx, branch); ok || err != nil {
		return &pull, err
	}
	return nil, nil
}

// join decides about the jobs that come while the host answers, so that those that
// land together need not come at the same moment; but none while changes wait to be
// taken back. It returns how many came, and those that have to be decided later.
func (r *round) join(ctx context.Context, queue <-chan *job, room int) (came int, later []*job) {
	if len(r.staged) == 0 {
		return 0, nil
	}
	answered := r.answered()
	for came < room && len(r.staged) < maxCommits && !r.tooOld() && (queue == r.w.reversals || len(r.w.reversals) == 0) {
		var j *job
		select {
		case j = <-queue: // also when the answers are there already
		default:
			select {
			case j = <-queue:
			case <-answered:
				return came, later
			}
		}
		if came++; !r.handle(ctx, j) {
			later = append(later, j)
		}
	}
	return came, later
}

// answered returns a channel that is closed when every question of now has its answer.
func (r *round) answered() <-chan struct{} {
	var open []<-chan struct{}
	if r.head != nil {
		open = append(open, r.head.done)
	}
	for _, l := range r.asked {
		open = append(open, l.done)
	}
	all := make(chan struct{})
	r.w.aside.Go(func() {
		defer close(all)
		for _, done := range open {
			<-done
		}
	})
	return all
}

// settle keeps of the staged commits those that the answers of the host let land, and
// returns the jobs that have to be decided again: those after one that is not to land
// were decided as if it were.
func (r *round) settle(ctx context.Context) (again []*job) {
	if !r.holds() {
		again = jobs(r.staged)
		r.staged = nil
		return again
	}
	var land []staged
	for i, s := range r.staged {
		var err error
		if s.unsure {
			known := len(s.known)
			var all []amend.Episode
			all, err = r.withPulls(ctx, s.decision.Incident, s.known)
			s.job.pulls = err == nil && len(all) != known
		}
		switch {
		case err != nil:
			r.w.doubtful = true
			s.job.answer(s.decision, err)
		case s.unsure && s.job.pulls, len(land) < i:
			again = append(again, s.job)
		default:
			land = append(land, s)
		}
	}
	r.staged = land
	return again
}
