package main

import (
	"context"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/evidence"
	"github.com/amendhq/amend/internal/locate"
)

const (
	// maxSuspects is how many commits a report names.
	maxSuspects = 5
	// sure is the confidence from which the commit that is named is named without
	// reserve.
	sure = 0.5
)

// suspects searches a clone for the cause of the trouble that evidence is about.
type suspects struct{ repo string }

// Commits implements evidence.Causes. The search reads files only, so it is not
// interrupted; it has its own bounds.
func (s suspects) Commits(_ context.Context, e amend.Evidence) ([]amend.SuspectCommit, error) {
	past, err := openPast(s.repo)
	if err != nil {
		return nil, err
	}
	q := cause.Question{
		Workload: locate.Query{Object: e.Workload.ObjectRef}, Deploys: e.Deploys,
		Began: e.Event.Alert.StartsAt, Alert: e.Event.Alert.Name(),
	}
	if q.Head, err = headOf(past.clone, checkedOut); err != nil {
		return nil, err
	}
	found, err := cause.Find(q, past, locate.New(withJsonnet()))
	if err != nil {
		return nil, err
	}
	var commits []amend.SuspectCommit
	for i, c := range found.Candidates[:min(len(found.Candidates), maxSuspects)] {
		commits = append(commits, suspect(c, i == 0 && found.Outcome == cause.Named))
	}
	return commits, nil
}

// suspect says of a candidate what a report needs. Only the one that is named is
// more than a hint.
func suspect(c cause.Candidate, named bool) amend.SuspectCommit {
	blamed := c.Blamed()
	out := amend.SuspectCommit{SHA: blamed.SHA, At: c.At, Author: blamed.Author, Subject: blamed.Subject, Why: c.Evidence, Confidence: "low"}
	switch {
	case named && c.Confidence >= sure:
		out.Confidence = "high"
	case named:
		out.Confidence = "medium"
	}
	for _, f := range c.Changes {
		out.Changes = append(out.Changes, f.FieldChange)
	}
	return out
}

var _ evidence.Causes = suspects{}
