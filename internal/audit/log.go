package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// judgeLog proves I3: the changes in the history and the entries of the log, which
// may be one that could not be read, are the same, field by field.
func (a *auditor) judgeLog(log ledger.Log, err error) ([]finding, error) {
	var found []finding
	for _, c := range a.history.garbled {
		if !c.old {
			found = append(found, about(Logged, c,
				"its message has the trailers of a change before its last paragraph, so it counts as no change and no log has it",
				"if it brought a change of amend, revert it and merge the pull request again with the trailers as the last lines; if the text is only quoted, audit --since this commit"))
		}
	}
	if amend.KindOf(err) == amend.Invalid {
		return append(found, finding{at: a.opt.Now, Violation: Violation{Invariant: Logged,
			Found: fmt.Sprintf("the log cannot be read, so nothing is logged: %q", err.Error()),
			Do:    "git log -p " + ledger.LogFile + " shows who changed it; correct that line"}}), nil
	}
	if err != nil {
		return nil, err
	}
	known, err := a.entriesBefore()
	if err != nil {
		return nil, err
	}
	a.report.Entries = len(log.Records)
	return append(found, a.compareLog(log.Records, known)...), nil
}

func (a *auditor) readLog(sha string) (ledger.Log, error) {
	files, err := a.repo.Tree(sha)
	if err != nil {
		return ledger.Log{}, fmt.Errorf("reading the files of %s: %w", sha, err)
	}
	data, err := fs.ReadFile(files, ledger.LogFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ledger.Log{}, fmt.Errorf("reading the log: %w", err)
	}
	log, err := ledger.ParseLog(data)
	for i := range log.Records { // verdicts come from beside the history
		log.Records[i].Verdict, log.Records[i].VerifiedAt = "", time.Time{}
	}
	return log, err
}

// entriesBefore returns the entries that the log had at Options.Since, which
// are not judged. A log that could not be read then had none.
func (a *auditor) entriesBefore() (map[amend.Record]bool, error) {
	known := map[amend.Record]bool{}
	if a.opt.Since == "" {
		return known, nil
	}
	log, err := a.readLog(a.opt.Since)
	if err != nil && amend.KindOf(err) != amend.Invalid {
		return nil, err
	}
	for _, r := range log.Records {
		known[r] = true
	}
	return known, nil
}

// compareLog holds entries and changes against each other, both ways.
func (a *auditor) compareLog(entries []amend.Record, known map[amend.Record]bool) []finding {
	var found []finding
	byKey := map[key]amend.Record{}
	for _, e := range entries {
		k := key{e.Incident, e.Episode}
		_, twice := byKey[k]
		byKey[k] = e
		if known[e] || e.At.Before(a.opt.After) {
			continue
		}
		_, change := a.history.index.Record(e.Incident, e.Episode)
		switch {
		case twice:
			found = append(found, entry(e, "the log has a second entry for the change", "delete one of the two entries by hand"))
		case !change:
			found = append(found, entry(e, "the log has an entry for a change that is not in the history",
				"find out who added the entry with git log -p "+ledger.LogFile+", or who took the commit out of the history"))
		}
	}
	for _, r := range a.history.index.Records() {
		c := a.history.commits[r.Commit]
		e, logged := byKey[key{r.Incident, r.Episode}]
		switch {
		case c.old || logged && a.logged(r, e):
		case logged:
			found = append(found, about(Logged, c, "its entry in the log differs: "+differing(r, e),
				"restore the entry: git log -p "+ledger.LogFile+" shows who changed it"))
		case a.fresh(r.At):
			a.report.Pending = append(a.report.Pending, r)
		default:
			found = append(found, about(Logged, c, "the log has no entry for the change",
				"run amend log --push, and see why the record workflow did not; if the entry was deleted, git log -p "+ledger.LogFile+" shows by whom"))
		}
	}
	return found
}

// logged reports whether an entry is that of a change, under the commit that
// counts or under another one that made the same change, as a cherry-pick does.
func (a *auditor) logged(r, entry amend.Record) bool {
	if r == entry {
		return true
	}
	for _, c := range a.history.changes {
		if c.SHA == entry.Commit {
			r.Commit, r.At = c.SHA, c.At.UTC()
			r.Edited = fmt.Sprintf("%s:%d", c.trailers.Path, c.trailers.Line)
			return r == entry
		}
	}
	return false
}

// fresh reports whether a change is so young that its entry may be on its way.
// A commit of a far future is not young but wrong.
func (a *auditor) fresh(at time.Time) bool {
	return a.opt.Now.Sub(at).Abs() <= a.opt.Grace
}

func entry(e amend.Record, found, do string) finding {
	return finding{at: e.At, Violation: Violation{
		Invariant: Logged, Incident: e.Incident, Episode: e.Episode, Found: found + ", of commit " + e.Commit, Do: do,
	}}
}

// differing names the fields in which two records differ, and what the log has.
func differing(r, entry amend.Record) string {
	var all []string
	for _, f := range []struct{ name, want, got string }{
		{"action", r.Action, entry.Action}, {"target", r.Target, entry.Target}, {"playbook", r.Playbook, entry.Playbook},
		{"alert", r.Alert, entry.Alert}, {"edited", r.Edited, entry.Edited}, {"commit", r.Commit, entry.Commit},
		{"at", r.At.Format(time.RFC3339Nano), entry.At.Format(time.RFC3339Nano)},
	} {
		if f.want != f.got {
			all = append(all, fmt.Sprintf("%s is %.80q, the commit says %.80q", f.name, f.got, f.want))
		}
	}
	return strings.Join(all, "; ")
}
