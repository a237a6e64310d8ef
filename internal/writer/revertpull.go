package writer

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// proposal is the text of the pull request that takes a change back.
func proposal(c change, r amend.Reversal, exact bool) (title, body string) {
	t := c.trailers
	var b strings.Builder
	fmt.Fprintf(&b, "This takes the change of episode %d back: **%s** on %s, commit %s.\n\n", t.Episode,
		message.Inert(t.Action, maxName), message.Inert(t.Workload.String(), maxName), c.record.Commit)
	if r.Why != "" {
		fmt.Fprintf(&b, "Why: %s\n\n", message.Inert(r.Why, maxComment))
	}
	if exact {
		b.WriteString("Every file of the change holds the exact bytes from before it again.\n\n")
	} else {
		b.WriteString("The files of the change were edited since. Those edits stay, and only the lines of the change are as before it. Nothing was rendered to prove that, so read the diff before you merge it.\n\n")
	}
	fmt.Fprintf(&b, "This reverts commit %s.\n\n%s", c.record.Commit, t.String())
	return message.Plain(fmt.Sprintf("Revert: %s %s %s", t.Action, t.Workload.Kind, t.Workload.Name), maxTitle), b.String()
}

// The bounds of these texts, in bytes.
const (
	maxTitle   = 72
	maxName    = 300
	maxComment = 2000
)

// revertBranch names the branch of the pull request that takes an episode's change
// back. It is no amend.Branch, so that it counts in no budget.
func revertBranch(incident string, episode int) string {
	return "amend/revert/" + incident + "-" + strconv.Itoa(episode)
}

// remainder returns the files of a change as they are at present but for its lines,
// which are as before it. Where its lines are not there any more, or cannot be
// told from others, it returns the refusal that led here.
func (r *round) remainder(c change, refusal error) (map[amend.RepoPath][]byte, error) {
	before, err := r.w.cfg.Repo.Tree(c.before)
	if err != nil {
		return nil, err
	}
	after, err := r.w.cfg.Repo.Tree(c.after)
	if err != nil {
		return nil, err
	}
	names, err := differing(before, after, ".")
	if err != nil {
		return nil, err
	}
	files := make(map[amend.RepoPath][]byte, len(names))
	for _, name := range names {
		p, err := amend.ParseRepoPath(name)
		if err != nil || p.Protected() {
			return nil, amend.Refusef(amend.ReasonProtected, "%q is a file that no fix may touch", name)
		}
		var versions [3][]byte
		for i, files := range []fs.FS{before, after, r.tip} {
			if versions[i], err = fs.ReadFile(files, name); err != nil {
				return nil, refusal // it was added by the change, or removed since
			}
		}
		content, ok := without(versions[0], versions[1], versions[2])
		if !ok {
			return nil, amend.Refusef(amend.ReasonChangedSince, "%s does not hold the lines that the change wrote, so there is nothing to propose; take it back by hand", p)
		}
		files[p] = content
	}
	return files, nil
}

// surroundings is how many unchanged lines have to stand around those of a change
// still, so that they are told from lines that only look like them.
const surroundings = 3

// without takes the lines by which after differs from before out of now, and puts
// those of before in their place. It is false unless the lines of after, with their
// surroundings, are in now exactly once.
func without(before, after, now []byte) ([]byte, bool) {
	b, a := bytes.SplitAfter(before, []byte("\n")), bytes.SplitAfter(after, []byte("\n"))
	head := 0
	for head < min(len(a), len(b)) && bytes.Equal(a[head], b[head]) {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && bytes.Equal(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	from, to := max(0, head-surroundings), min(len(a), len(a)-tail+surroundings)
	old := bytes.Join(a[from:to], nil)
	i := bytes.Index(now, old)
	if len(old) == 0 || i < 0 || bytes.Contains(now[i+1:], old) {
		return nil, false
	}
	if i > 0 && now[i-1] != '\n' {
		return nil, false // it only ends like the first line
	}
	if rest := now[i+len(old):]; len(rest) > 0 && rest[0] != '\n' && old[len(old)-1] != '\n' {
		return nil, false // it only begins like the last line
	}
	restored := bytes.Join([][]byte{bytes.Join(a[from:head], nil), bytes.Join(b[head:len(b)-tail], nil), bytes.Join(a[len(a)-tail:to], nil)}, nil)
	return bytes.Join([][]byte{now[:i], restored, now[i+len(old):]}, nil), true
}

// proposeBack opens the pull request that takes a change back, or finds the one
// that does. A person who closed it has refused.
func (r *round) proposeBack(ctx context.Context, s staged) (staged, error) {
	branch := revertBranch(s.decision.Incident, s.decision.Episode)
	pull, ok, err := r.w.cfg.Host.FindPull(ctx, branch)
	switch {
	case err != nil:
		return s, err
	case ok && pull.State == amend.EpisodeOpen:
	case ok:
		return s.refused(amend.Refusef(amend.ReasonMuted, "the pull request that proposed to take the change back, %d, was closed; take it back by hand if it is to go after all", pull.Number)), nil
	default:
		made, err := r.w.cfg.Host.Commit(ctx, r.draft(r.start, s))
		if err != nil {
			return s, err
		}
		if err := r.claim(ctx, branch, made.SHA, s); err != nil {
			return s, err
		}
		pull, err = r.w.cfg.Host.OpenPull(ctx, NewPull{Branch: branch, Base: r.w.cfg.Branch, Title: s.title, Body: s.body})
		if err != nil {
			return s, err
		}
		pull.Commit = made.SHA
	}
	s.decision.Change = &amend.Change{Kind: amend.KindPullRequest, Commit: pull.Commit, Branch: branch, Number: pull.Number, URL: pull.URL}
	s.decision.ChangedAt = r.w.cfg.Now()
	return s, nil
}

// claim makes the branch. One without a pull request that takes the same change
// back is what an interrupted try left behind, and is made anew; any other one is
// somebody else's.
func (r *round) claim(ctx context.Context, branch, sha string, s staged) error {
	err := r.w.cfg.Host.CreateBranch(ctx, branch, sha)
	if amend.KindOf(err) != amend.Conflict {
		return err
	}
	found, err := r.w.cfg.Host.Head(ctx, branch)
	if err != nil {
		return err
	}
	if err := r.w.need(ctx, found); err != nil {
		return err
	}
	c, err := r.w.commit(found)
	if err != nil {
		return err
	}
	theirs, _ := ledger.Reverts(c.Message)
	if ours, _ := ledger.Reverts(s.message); theirs != ours {
		return amend.Refusef(amend.ReasonFailed, "the branch %s exists and does not take the change back; delete it to let amend open its pull request", branch)
	}
	if err := r.w.cfg.Host.DeleteBranch(ctx, branch); err != nil {
		return err
	}
	return r.w.cfg.Host.CreateBranch(ctx, branch, sha)
}
