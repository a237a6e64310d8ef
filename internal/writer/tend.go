package writer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

// The bounds of what looking after pull requests costs the host's limits each
// time: how many bodies are written, about how many pull requests it is asked for
// their checks, and how many are planned anew or closed. Those that have waited
// longest come first.
const (
	maxBodies  = 5
	maxReady   = 4
	maxChanges = 10
)

// handsOff marks a pull request that a person has pushed to, and reopened one that
// a person has opened again after amend had closed it.
const (
	handsOff = "amend/hands-off"
	reopened = "amend/reopened"
)

// tend looks after the open pull requests of amend, one at a time, so that events
// are handled in between. What fails for one of them is tried again next time.
func (w *Writer) tend(ctx context.Context) error {
	if w.cfg.Keeper == nil {
		return nil
	}
	left := &effort{bodies: maxBodies, ready: maxReady, changes: maxChanges, offers: maxOffers}
	pulls, err := ask(ctx, w, w.due)
	if err != nil {
		return err
	}
	for _, p := range pulls {
		if _, err := ask(ctx, w, func(ctx context.Context) (struct{}, error) { return struct{}{}, w.tendOne(ctx, p, left) }); err != nil {
			if ctx.Err() != nil {
				return err
			}
			w.cfg.Log.Warn("a pull request is looked after later", "pr", p.Number, "error", err)
		}
	}
	return nil
}

// An effort is what may still be spent.
type effort struct{ bodies, ready, changes, offers int }

// due lists the open pull requests of amend when it is time to look after them,
// those first that have waited longest.
func (w *Writer) due(ctx context.Context) ([]Pull, error) {
	now := w.cfg.Now()
	if !w.tended.IsZero() && now.Sub(w.tended) < w.cfg.KeepEvery {
		return nil, nil
	}
	open, err := w.cfg.Host.OpenPulls(ctx, w.cfg.Branch)
	if err != nil {
		return nil, err
	}
	if _, err := w.refresh(ctx); err != nil {
		return nil, err
	}
	w.tended = now
	w.storms.stillOpen(open)
	open = slices.DeleteFunc(open, func(p Pull) bool { return !branchForm.MatchString(p.Branch) && !isSummary(p.Branch) })
	still := map[string]*news{} // of the others nothing is new any more
	for _, p := range open {
		if still[p.Branch] = w.news[p.Branch]; still[p.Branch] == nil {
			still[p.Branch] = &news{}
		}
	}
	w.news = still
	slices.SortStableFunc(open, func(a, b Pull) int { return still[a.Branch].served.Compare(still[b.Branch].served) })
	return open, nil
}

// A kept pull request is one that is looked after, with what is known of it.
type kept struct {
	Pull
	record amend.Record
	rules  pipeline.PullRules
	world  pipeline.World // the branch as it is now
	main   string         // its head
	change ledger.Commit  // the head of the pull request
	base   string         // the commit that it was planned on
	files  fs.FS          // of the pull request
	edited []string       // those that it changes
}

// tendOne does what is to be done about one pull request.
func (w *Writer) tendOne(ctx context.Context, p Pull, left *effort) error {
	if w.news[p.Branch] == nil {
		return nil // it was closed meanwhile
	}
	k, err := w.keep(ctx, p)
	if err != nil || k == nil {
		return err
	}
	if k.quiet(w) {
		if closed, err := w.expire(ctx, k, left); closed || err != nil {
			return err
		}
	}
	if isSummary(k.Branch) {
		return w.tendSummary(ctx, k, left)
	}
	outdated, err := k.outdated(w)
	if err != nil {
		return err
	}
	if outdated {
		if closed, err := w.replan(ctx, k, left); closed || err != nil {
			return err
		}
	} else if k.rules.AutoMerge && left.ready > 0 {
		if merged, err := w.merge(ctx, k, left); merged || err != nil {
			return err
		}
	}
	if err := w.tell(ctx, k, left); err != nil || outdated {
		return err
	}
	return w.offer(ctx, k, left)
}

// quiet reports whether, as far as is known, nobody has taken up a pull request for
// so long that it is stale. What a person has opened again waits for that person.
func (k *kept) quiet(w *Writer) bool {
	since := k.OpenedAt
	if said := w.news[k.Branch].said; said.After(since) {
		since = said
	}
	return k.rules.StaleAfter > 0 && w.cfg.Now().Sub(since) > k.rules.StaleAfter && !slices.Contains(k.Labels, reopened)
}

// expire closes a pull request as stale, unless a person has spoken there, which
// the host is asked only now. It is true when nothing more is to be done about it.
func (w *Writer) expire(ctx context.Context, k *kept, left *effort) (bool, error) {
	if left.changes == 0 {
		return true, nil
	}
	left.changes--
	n := w.news[k.Branch]
	n.served = w.cfg.Now()
	if !n.closing { // or else it may have its label
		said, err := w.cfg.Host.LastWord(ctx, k.Number, n.served.Add(-k.rules.StaleAfter))
		if err != nil {
			return true, err
		}
		if n.said = said; !k.quiet(w) {
			return false, nil
		}
	}
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		return true, err
	}
	n.closing = true
	comment := fmt.Sprintf("Nobody has taken this up for %s, so amend closes it as stale. That mutes nothing: if the alert still fires after the cooldown of the playbook, a new one is opened.", k.rules.StaleAfter)
	return true, w.closePull(ctx, k.Pull, amend.EpisodeStale, comment)
}

// moved reports whether the branch has moved since it was read. Nothing is
// written to a pull request then before the next look: the commit may be the kill
// switch. To look is cheap in this way, and only what writes asks the host.
func (w *Writer) moved(ctx context.Context, main string) (bool, error) {
	head, err := w.refresh(ctx)
	return head != main, err
}

// keep reads what has to be known of a pull request. It is nil when nothing may
// be done about it: the kill switch is set, the policy cannot be read or does not
// know its playbook, or a person has pushed to its branch, who is told so once.
func (w *Writer) keep(ctx context.Context, p Pull) (*kept, error) {
	k := &kept{Pull: p, main: w.past.head}
	var err error
	if k.main == "" { // what was known of it is lost
		if k.main, err = w.refresh(ctx); err != nil {
			return nil, err
		}
	}
	files, err := w.cfg.Repo.Tree(k.main)
	if err != nil {
		w.doubtful = true
		return nil, err
	}
	k.world = pipeline.World{Tree: files, Now: w.cfg.Now()}
	if err := checkStop(files); err != nil {
		return nil, unless(err, amend.Refused)
	}
	if p.Reopened && !w.news[p.Branch].closing {
		return nil, w.unclose(ctx, k)
	}
	change, ours, err := w.own(ctx, p)
	if err != nil {
		return nil, err
	}
	if !ours {
		return nil, w.remark(ctx, k)
	}
	k.change = change
	if isSummary(p.Branch) { // its rules are those of its first change
		change = w.storms.of(p.Branch).commits[0]
	}
	k.base = change.Parents[0]
	k.record, _ = ledger.FromCommit(change.SHA, change.At, change.Message)
	if k.rules, err = w.cfg.Keeper.PullRules(files, k.record.Playbook); err != nil {
		return nil, unless(err, amend.NotFound, amend.Invalid, amend.Refused)
	}
	if k.files, err = w.cfg.Repo.Tree(p.Commit); err != nil {
		w.doubtful = true
		return nil, err
	}
	return k, nil
}

// unless drops an error of one of these kinds.
func unless(err error, kinds ...amend.Kind) error {
	if slices.Contains(kinds, amend.KindOf(err)) {
		return nil
	}
	return err
}

// own returns the head of a pull request, and whether it is a change that amend
// made for this episode, on a commit of the branch that Argo CD follows. A
// person who rebases or amends a commit becomes its committer.
func (w *Writer) own(ctx context.Context, p Pull) (ledger.Commit, bool, error) {
	if isSummary(p.Branch) {
		return w.ownSummary(ctx, p)
	}
	if !branchForm.MatchString(p.Branch) {
		return ledger.Commit{}, false, nil
	}
	if err := w.need(ctx, p.Commit); err != nil {
		return ledger.Commit{}, false, err
	}
	c, err := w.commit(p.Commit)
	if err != nil {
		return ledger.Commit{}, false, err
	}
	r, ok := ledger.FromCommit(c.SHA, c.At, c.Message)
	if !ok || amend.Branch(r.Incident, r.Episode) != p.Branch || c.Committer != w.cfg.Committer || len(c.Parents) == 0 {
		return c, false, nil
	}
	landing, err := w.landing(w.past.head, c.Parents[0])
	return c, landing != "", err
}

// remark says once that a pull request is in a person's hands.
func (w *Writer) remark(ctx context.Context, k *kept) error {
	if slices.Contains(k.Labels, handsOff) {
		return nil
	}
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		return err
	}
	const comment = "Somebody has pushed to this branch, so it is yours now: amend will not plan the change anew, merge it, or close it as stale. If the alert resolves first, the pull request is closed and the branch stays."
	return w.cfg.Host.Remark(ctx, k.Number, handsOff, comment)
}

// unclose takes the mark of amend's own closing off a pull request that a person
// has opened again, before anything else is done about it: with the mark, closing
// it once more would not read as that person's refusal.
func (w *Writer) unclose(ctx context.Context, k *kept) error {
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		return err
	}
	return w.cfg.Host.Unclose(ctx, k.Number, reopened)
}

// outdated reports whether a file of the pull request has changed on the branch
// since it was planned.
func (k *kept) outdated(w *Writer) (outdated bool, err error) {
	k.edited, outdated, err = w.overtaken(k.base, k.files, k.world.Tree)
	return outdated, err
}

// overtaken returns the files by which a proposal differs from the commit that it was
// planned on, and whether one of them is another on the branch by now.
func (w *Writer) overtaken(base string, proposal, branch fs.FS) (edited []string, overtaken bool, err error) {
	planned, err := w.cfg.Repo.Tree(base)
	if err != nil {
		w.doubtful = true
		return nil, false, err
	}
	if edited, err = differing(planned, proposal, "."); err != nil {
		return nil, false, err
	}
	for _, name := range edited {
		same, err := equal(planned, branch, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, false, err
		}
		if !same || err != nil {
			return edited, true, nil
		}
	}
	return edited, false, nil
}

// tell writes what is new into the body, if anything is.
func (w *Writer) tell(ctx context.Context, k *kept, left *effort) error {
	n := w.news[k.Branch]
	body := message.Updated(k.Body, n.Update)
	switch {
	case body == k.Body:
		n.Update = message.Update{}
		return nil
	case left.bodies == 0:
		return nil
	}
	if moved, err := w.moved(ctx, k.main); moved || err != nil {
		return err
	}
	left.bodies--
	n.served = w.cfg.Now()
	if err := w.rewrite(ctx, &k.Pull, func(body string) string { return message.Updated(body, n.Update) }); err != nil {
		return err
	}
	n.Update = message.Update{}
	return nil
}

// rewrite edits the body of a pull request as it is now: a person may have written into
// it since it was last read.
func (w *Writer) rewrite(ctx context.Context, p *Pull, edit func(string) string) error {
	now, ok, err := w.cfg.Host.FindPull(ctx, p.Branch)
	if err != nil || !ok || now.Number != p.Number {
		return err
	}
	body := edit(now.Body)
	if body != now.Body {
		err = w.cfg.Host.SetBody(ctx, p.Number, body)
	}
	if err == nil {
		p.Body = body
	}
	return err
}
