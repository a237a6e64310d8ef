package writer

import (
	"io/fs"
	"iter"
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/pipeline"
)

// A view is the past as one decision of a round sees it; it implements
// pipeline.Past.
type view struct {
	*round
	// known returns what landed of an incident and what summaries propose, and all its
	// other pull requests too.
	known, all func(incident string) ([]amend.Episode, error)
	// together returns the changes that summaries propose, and waiting those that
	// other pull requests do.
	together, waiting func(since time.Time) ([]amend.Record, error)
	// reviews returns how long merged pull requests had waited.
	reviews func(since time.Time) ([]time.Duration, error)
	// pulls asks for pull requests in every mode.
	pulls bool
}

// Episodes implements pipeline.Past: what landed, what is staged, what summaries
// propose and, for a playbook that opens pull requests, what else waits on the host
// or was closed there.
func (v view) Episodes(incident string, mode amend.Mode) ([]amend.Episode, error) {
	switch {
	case mode == amend.Suggest:
		return v.landed(incident), nil
	case v.pulls || mode == amend.PullRequest:
		return v.all(incident)
	}
	return v.known(incident)
}

// landed returns the episodes that landed, or will have when this round has.
func (r *round) landed(incident string) []amend.Episode {
	episodes := r.w.past.index.Episodes(incident)
	for _, s := range r.staged {
		if s.decision.Acts() && s.decision.Incident == incident {
			episodes = append(episodes, amend.Episode{N: s.decision.Episode, State: amend.EpisodeLanded, At: s.decision.DecidedAt, Action: s.decision.Action})
		}
	}
	return episodes
}

// Versions implements pipeline.Past: what is staged comes before what is in Git.
func (v view) Versions(path amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(yield func(pipeline.Version, error) bool) {
		for _, s := range slices.Backward(v.staged) {
			if content, ok := s.files[path]; ok && !yield(pipeline.Version{Content: content, Ours: s.decision.Acts()}, nil) {
				return
			}
		}
		for version, err := range v.w.cfg.Repo.Versions(v.start.SHA, path) {
			if !yield(pipeline.Version{Content: version.Content, Ours: v.w.past.ours(version.Commit)}, err) {
				return
			}
		}
	}
}

// Commits implements pipeline.Past: what is in Git. What is staged is newer than
// the start of any alert of the round.
func (v view) Commits() iter.Seq2[pipeline.Commit, error] {
	return func(yield func(pipeline.Commit, error) bool) {
		for c, err := range ledger.FirstParents(v.start.SHA, v.w.cfg.Repo.Commits(v.start.SHA, "")) {
			var files fs.FS
			if err == nil {
				files, err = v.w.cfg.Repo.Tree(c.SHA)
			}
			if !yield(pipeline.Commit{SHA: c.SHA, At: c.At, Tree: files, Ours: v.w.past.ours(c.SHA)}, err) || err != nil {
				return
			}
		}
	}
}
