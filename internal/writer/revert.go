package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/tree"
)

// Revert takes the change of a commit, see Change, back: one commit on the
// branch after which every file of the change holds the exact bytes from before
// it. It was asked for at the given time, which is evidence only.
//
// The decision is amend.ReasonReverted with the commit that took the change
// back, whoever made it and whenever: so a second call does nothing. When one of
// the files does not hold what the change wrote, it is amend.ReasonChangedSince
// and names the file. A commit that is no change of ours, or is unknown, is
// amend.NotFound. Allow is asked as in Handle.
func (w *Writer) Revert(ctx context.Context, commit string, at time.Time, allow Allow) (amend.Decision, error) {
	if err := checkSHAs(commit); err != nil {
		return amend.Decision{}, err
	}
	return w.submit(ctx, &job{revert: commit, at: at, allow: allow})
}

// takeBack decides about a revert.
func (r *round) takeBack(ctx context.Context, j *job) (staged, error) {
	s := staged{job: j}
	c, err := r.w.find(ctx, r.start.SHA, j.revert)
	if err != nil {
		return s, err
	}
	s.decision = amend.Decision{
		EventID: c.record.Alert, Playbook: c.record.Playbook, Action: c.record.Action, Mode: amend.Commit,
		Workload: amend.Workload{ObjectRef: c.trailers.Workload}, Incident: c.record.Incident, Episode: c.record.Episode,
		Reason: amend.ReasonReverted, ReceivedAt: j.at, DecidedAt: r.w.cfg.Now(),
	}
	by, again := r.undone(c)
	if by != "" && again == "" {
		s.decision.Change = &amend.Change{Kind: amend.KindCommit, Commit: by, Branch: r.w.cfg.Branch}
		s.decision.Detail = fmt.Sprintf("The commit %s took the change back; nothing is left to do.", by)
		return s, nil
	}
	if again != "" {
		err = amend.Refusef(amend.ReasonChangedSince, "the commit %s took the change back and %s brought it again; if it is to go after all, take that one back by hand", by, again)
	} else {
		s.files, err = r.restore(ctx, c)
	}
	if amend.KindOf(err) == amend.Refused {
		return s.refused(err), nil
	}
	if err != nil {
		return s, err
	}
	s.decision.Detail = fmt.Sprintf("The change of episode %d is taken back: its files hold the bytes from before it.", c.record.Episode)
	s.message = message.Revert(c.trailers, c.record.Commit, slices.Collect(maps.Keys(s.files)), j.at)
	if sha, ok := ledger.Reverts(s.message); !ok || sha != c.record.Commit {
		err = amend.Errorf(amend.Internal, "draft", "the message of the revert of %s does not read back, so nothing is written", c.record.Commit)
	}
	return s, err
}

// undone returns the commit that took a change back, and the one that took that
// one back, as far as there are any.
func (r *round) undone(c change) (by, again string) {
	index := &r.w.past.index
	by, ok := index.RevertOf(c.record.Commit)
	if !ok {
		by, _ = index.RevertOf(c.landing)
	}
	again, _ = index.RevertOf(by)
	return by, again
}

// restore returns the files of a change as they were before it. It refuses
// unless each still holds what the change wrote, and nothing else came with it.
func (r *round) restore(ctx context.Context, c change) (map[amend.RepoPath][]byte, error) {
	switch _, err := fs.Stat(r.base, pipeline.StopFile); {
	case err == nil:
		return nil, amend.Refusef(amend.ReasonKillSwitch, "the env repo holds %s, so nothing is changed; remove the file to let amend act again", pipeline.StopFile)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case !c.alone:
		return nil, amend.Refusef(amend.ReasonChangedSince, "other commits came to the branch together with the change, in %s; take it back by hand", c.landing)
	}
	old, err := r.w.cfg.Repo.Tree(c.before)
	if err != nil {
		return nil, err
	}
	made, err := r.w.cfg.Repo.Tree(c.landing)
	if err != nil {
		return nil, err
	}
	names, err := differing(old, made, ".")
	if err != nil {
		return nil, err
	}
	now := tree.Overlay(r.base, r.files)
	files, wrote := map[amend.RepoPath][]byte{}, map[amend.RepoPath][]byte{}
	for _, name := range names {
		p, err := amend.ParseRepoPath(name)
		if err != nil || p.Protected() {
			return nil, amend.Refusef(amend.ReasonProtected, "%q is a file that no fix may touch", name)
		}
		var have []byte
		if files[p], err = content(old, p); err == nil {
			if wrote[p], err = content(made, p); err == nil {
				have, err = content(now, p)
			}
		}
		if err == nil && !bytes.Equal(have, wrote[p]) {
			err = amend.Refusef(amend.ReasonChangedSince, "%s does not hold what the change wrote; take it back by hand", p)
		}
		if err != nil {
			return nil, err
		}
	}
	exact, err := r.w.makes(ctx, c.before, c.landing, wrote)
	if err == nil && !exact {
		err = amend.Refusef(amend.ReasonChangedSince, "the commit %s changed more than the content of files; take it back by hand", c.landing)
	}
	return files, err
}

// content reads a file of the change; one that is not there can be neither
// compared nor restored.
func content(files fs.FS, p amend.RepoPath) ([]byte, error) {
	data, err := fs.ReadFile(files, p.String())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, amend.Refusef(amend.ReasonChangedSince, "%s is not in the branch both before and after the change and now; take it back by hand", p)
	}
	return data, err
}

// makes reports whether sha is its parent with exactly these files changed. The
// host is asked to make that tree, because equal hashes leave nothing out.
func (w *Writer) makes(ctx context.Context, parent, sha string, files map[amend.RepoPath][]byte) (bool, error) {
	base, err := w.cfg.Repo.Tree(parent)
	if err != nil || len(files) == 0 {
		return false, err
	}
	want, err := w.cfg.Repo.Tree(sha)
	if err != nil {
		return false, err
	}
	made, err := w.cfg.Host.Commit(ctx, Draft{
		Parent: Committed{SHA: parent, Tree: hash(base, ".")}, Tree: base, Files: files,
		Message: "Compare with " + sha, Time: w.cfg.Now().Truncate(time.Second),
	})
	return err == nil && made.Tree == hash(want, "."), err
}

// hash returns the hash of a file or folder, "" when it is not known.
func hash(files fs.FS, name string) string {
	h, ok := files.(tree.Hasher)
	if !ok {
		return ""
	}
	sum, _ := h.Hash(name)
	return sum
}

// differing lists the files below dir that hold something else in b than in a.
// It refuses when one of them was added, was removed, or has become a file.
func differing(a, b fs.FS, dir string) ([]string, error) {
	inA, err := entries(a, dir)
	if err != nil {
		return nil, err
	}
	inB, err := entries(b, dir)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(inA)
	maps.Copy(all, inB)
	var names []string
	for _, base := range slices.Sorted(maps.Keys(all)) {
		name := path.Join(dir, base)
		modeA, isA := inA[base]
		modeB, isB := inB[base]
		sum := hash(a, name)
		switch {
		case !isA || !isB || modeA != modeB:
			return nil, amend.Refusef(amend.ReasonChangedSince, "the change added or removed %q; take it back by hand", name)
		case sum != "" && sum == hash(b, name):
		case modeA.IsDir():
			below, err := differing(a, b, name)
			if err != nil {
				return nil, err
			}
			names = append(names, below...)
		case modeA.IsRegular():
			same, err := equal(a, b, name)
			if err != nil {
				return nil, err
			}
			if !same {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func equal(a, b fs.FS, name string) (bool, error) {
	inA, err := fs.ReadFile(a, name)
	if err != nil {
		return false, err
	}
	inB, err := fs.ReadFile(b, name)
	return bytes.Equal(inA, inB), err
}

// entries returns the types of what a folder holds, by name.
func entries(files fs.FS, dir string) (map[string]fs.FileMode, error) {
	list, err := fs.ReadDir(files, dir)
	types := make(map[string]fs.FileMode, len(list))
	for _, e := range list {
		types[e.Name()] = e.Type()
	}
	return types, err
}
