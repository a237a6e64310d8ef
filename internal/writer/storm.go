package writer

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// How a storm is answered: each decision that belongs to one joins the gathering of its
// round, decided on what has joined before it, as a commit on the last one; the end of the
// round shows them with one move of the branch of a summary (stormjoin.go). Of summaries
// nothing is kept but in Git and on the host. What a writer has read of them it remembers,
// and asks again about one only when a decision depends on what has become of it (here).
// Open ones are looked after as other pull requests are (stormtend.go).

// stormPrefix begins the branches of summaries; no amend.Branch begins like this.
const stormPrefix = "amend/storm/"

// stormBranch names the branch of the summary that begins with a change.
func stormBranch(incident string, episode int) string {
	return stormPrefix + incident + "-" + strconv.Itoa(episode)
}

func isSummary(branch string) bool { return strings.HasPrefix(branch, stormPrefix) }

// stormMemory is for how long after it was opened a summary that is not open any more
// is looked for by a writer that has just started. The guards of policies look no
// further back.
const stormMemory = 31 * 24 * time.Hour

// A summary is a pull request that proposes many changes, each as a commit of its
// own; see amend.Decision.Storm.
type summary struct {
	Pull
	commits []ledger.Commit // the oldest first
	records []amend.Record  // of those that amend made
	looked  *round          // in which the host was asked about it last
	// own says that this writer itself has put every commit there, and foreign that
	// somebody has pushed since, under whatever name.
	own, foreign bool
}

// storms are the summaries that are known, the oldest first. Nobody is asked before
// the first decision that may write.
type storms struct {
	listed bool
	all    []*summary
}

// of returns the summary of a branch, nil when it is not known.
func (s *storms) of(branch string) *summary {
	for _, one := range slices.Backward(s.all) {
		if one.Branch == branch {
			return one
		}
	}
	return nil
}

// summaries returns those that are known. The host is asked once, and after
// something was not carried out for sure.
func (w *Writer) summaries(ctx context.Context) ([]*summary, error) {
	if w.storms.listed {
		return w.storms.all, nil
	}
	pulls, err := w.pullsSince(ctx, w.cfg.Now().Add(-stormMemory))
	if amend.KindOf(err) == amend.Refused {
		w.cfg.Log.Warn("only open summaries of storms are known, as too many pull requests were opened lately", "error", err)
		pulls, err = w.cfg.Host.OpenPulls(ctx, w.cfg.Branch)
	}
	if err != nil {
		return nil, err
	}
	found := storms{listed: true}
	for _, p := range pulls {
		if !isSummary(p.Branch) {
			continue
		}
		s, err := w.readSummary(ctx, p)
		if err != nil {
			return nil, err
		}
		found.all = append(found.all, s)
	}
	slices.SortFunc(found.all, func(a, b *summary) int { return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), a.Number-b.Number) })
	w.storms = found
	return found.all, nil
}

// pullsSince lists the pull requests that were opened after a time, and all that
// are open.
func (w *Writer) pullsSince(ctx context.Context, since time.Time) ([]Pull, error) {
	pulls, err := w.cfg.Host.PullsSince(ctx, w.cfg.Branch, since)
	if err != nil {
		return nil, err
	}
	open, err := w.cfg.Host.OpenPulls(ctx, w.cfg.Branch)
	if err != nil {
		return nil, err
	}
	for _, p := range open {
		if !slices.ContainsFunc(pulls, func(known Pull) bool { return known.Number == p.Number }) {
			pulls = append(pulls, p)
		}
	}
	return pulls, nil
}

// readSummary asks the host for the commits of a pull request.
func (w *Writer) readSummary(ctx context.Context, p Pull) (*summary, error) {
	commits, err := w.cfg.Host.PullCommits(ctx, p.Number)
	if err != nil {
		return nil, err
	}
	s := &summary{Pull: p}
	for _, c := range commits {
		s.add(c, w.cfg.Committer)
	}
	return s, nil
}

// add takes a commit into account.
func (s *summary) add(c ledger.Commit, committer string) {
	s.commits = append(s.commits, c)
	if r, ok := ledger.FromCommit(c.SHA, c.At, c.Message); ok && c.Committer == committer {
		s.records = append(s.records, r)
	}
}

// has reports whether a commit of the summary is known.
func (s *summary) has(sha string) bool {
	return slices.ContainsFunc(s.commits, func(c ledger.Commit) bool { return c.SHA == sha })
}

// proposes reports whether a change of the incident is in the summary.
func (s *summary) proposes(incident string) bool {
	return slices.ContainsFunc(s.records, func(r amend.Record) bool { return r.Incident == incident })
}

// learn takes over what the host says of a summary. A host may show a head that was
// the last one a moment ago, which is nothing new.
func (w *Writer) learn(ctx context.Context, s *summary, p Pull) error {
	if p.State == s.State && (p.State == amend.EpisodeLanded || s.has(p.Commit)) {
		if p.State == amend.EpisodeOpen {
			p.Commit = s.commits[len(s.commits)-1].SHA
		}
		s.Pull = p
		return nil
	}
	fresh, err := w.readSummary(ctx, p)
	if err != nil {
		return err
	}
	// Whoever may push can write the committer's mail. Of what another writer has put
	// there, before this one was started, that mail is all there is to tell.
	fresh.foreign = s.foreign || s.own && slices.ContainsFunc(fresh.commits, func(c ledger.Commit) bool { return !s.has(c.SHA) })
	fresh.own, fresh.looked = s.own && !fresh.foreign, s.looked
	*s = *fresh
	return nil
}

// look brings what is known of a summary up to date, once in a round. What was
// merged stays so.
func (r *round) look(ctx context.Context, s *summary) error {
	if s.State == amend.EpisodeLanded || s.looked == r {
		return nil
	}
	p, ok, err := r.w.cfg.Host.FindPull(ctx, s.Branch)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		return amend.Errorf(amend.Transient, "find pull request", "the host does not show the pull request %d of %s, which it had", s.Number, s.Branch)
	case p.Number == s.Number: // or else somebody opened another one from its branch
		err = r.w.learn(ctx, s, p)
	}
	if err == nil {
		s.looked = r
	}
	return err
}

// stillOpen forgets the summaries when one of them is not open any more, and nobody has
// seen how it ended: look finds pull requests by their branch, and somebody may have
// opened another one from that.
func (s *storms) stillOpen(open []Pull) {
	for _, one := range s.all {
		if one.State == amend.EpisodeOpen && !slices.ContainsFunc(open, func(p Pull) bool { return p.Number == one.Number }) {
			*s = storms{}
			return
		}
	}
}

// known returns the episodes of an incident that landed, or will have when this
// round has, and those of summaries.
func (r *round) known(ctx context.Context, incident string) ([]amend.Episode, error) {
	episodes := r.landed(incident)
	all, err := r.w.summaries(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if !s.proposes(incident) {
			continue
		}
		if err := r.look(ctx, s); err != nil {
			return nil, err
		}
		for _, record := range s.records {
			if record.Incident == incident {
				episodes = with(episodes, r.w.past.gathered(s, record))
			}
		}
	}
	return episodes, nil
}

// with puts an episode in the place of the one with its number, unless that has landed
// and it has not.
func with(episodes []amend.Episode, e amend.Episode) []amend.Episode {
	i := slices.IndexFunc(episodes, func(other amend.Episode) bool { return other.N == e.N })
	switch {
	case i < 0:
		return append(episodes, e)
	case e.State == amend.EpisodeLanded || episodes[i].State != amend.EpisodeLanded:
		episodes[i] = e
	}
	return episodes
}

// gathered is the episode of a change of a summary. Where the change is in the branch
// it landed, however it came there. What takes the merge of a summary back takes all
// of its changes back.
func (p *past) gathered(s *summary, r amend.Record) amend.Episode {
	e := amend.Episode{N: r.Episode, State: s.State, At: s.At, Action: r.Action, Change: amend.Change{
		Kind: amend.KindPullRequest, Commit: r.Commit, Branch: s.Branch, Number: s.Number, URL: s.URL,
	}}
	landed, ok := p.index.Record(r.Incident, r.Episode)
	if ok {
		e.State, e.Change.Commit, e.TakenBack = amend.EpisodeLanded, landed.Commit, p.index.TakenBack(landed.Commit)
	}
	switch {
	case s.State == amend.EpisodeLanded:
		p.merged[s.Commit] = true
		last := s.records[len(s.records)-1]
		if tip, _ := p.index.Record(last.Incident, last.Episode); !ok || tip.Commit != s.Commit { // and not rebased
			e.TakenBack = cmp.Or(e.TakenBack, p.index.TakenBack(s.Commit))
		}
	case ok:
		e.At = landed.At
	}
	return e
}

// together returns the changes that summaries propose, and of those that are closed
// the ones made after a time, as far as they are not in the branch.
func (r *round) together(ctx context.Context, since time.Time) ([]amend.Record, error) {
	all, err := r.w.summaries(ctx)
	if err != nil {
		return nil, err
	}
	var records []amend.Record
	for _, s := range all {
		if s.State == amend.EpisodeOpen && len(s.records) > 0 {
			if err := r.look(ctx, s); err != nil {
				return nil, err
			}
		}
		for _, record := range s.records {
			record.Open, record.Storm = s.State == amend.EpisodeOpen, s.State != amend.EpisodeLanded
			if _, landed := r.w.past.index.Record(record.Incident, record.Episode); !landed && (record.Open || record.At.After(since)) {
				records = append(records, record)
			}
		}
	}
	return records, nil
}
