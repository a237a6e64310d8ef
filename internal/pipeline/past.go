package pipeline

import (
	"io/fs"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

// The bounds of how far back is searched: for another value of a field, and, in
// states that are rendered, for a commit that changed the workload.
const (
	maxVersions = 200
	maxCommits  = 100
)

// view is the workload as an action sees it.
type view struct {
	*locate.Object
	about    locate.Query // without a field
	pipeline *Pipeline
	world    World
	cause    string // the commit that Cause found
}

// Previous renders the workload with each older version of the file that
// controls the field, so it sees the field's values and not the file's, and
// works for every kind of source.
func (v *view) Previous(field amend.FieldPath) (string, error) {
	now, _ := v.Value(field)
	present := now.Text
	q := v.about
	q.Field = field
	site, err := v.pipeline.locator.Locate(v.world.Tree, q)
	if err != nil {
		return "", err
	}
	value, ours := present, false
	taken := map[string]bool{present: true} // values not to go back to
	seen := 0
	for version, err := range v.world.Past.Versions(site.Path) {
		if err != nil {
			return "", unread(err)
		}
		if seen == maxVersions {
			break
		}
		seen++
		before, ok, err := v.at(site.Path, version.Content, field)
		if err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		if before != value && ours {
			taken[before] = true
		}
		if !taken[before] {
			return before, nil
		}
		value, ours = before, version.Ours
	}
	return "", amend.Refusef(amend.ReasonNoHistory, "the last %d versions of %s hold no earlier value of %s", seen, site.Path, field)
}

// at returns the field's value when the file had the given content. A version
// that does not render beside today's other files has none.
func (v *view) at(path amend.RepoPath, content []byte, field amend.FieldPath) (value string, ok bool, err error) {
	then := tree.Overlay(v.world.Tree, map[amend.RepoPath][]byte{path: content})
	object, err := v.pipeline.locator.Deployed(then, v.about)
	switch amend.KindOf(err) {
	case "":
		then, ok := object.Value(field)
		return then.Text, ok, nil
	case amend.Refused, amend.Invalid, amend.NotFound:
		return "", false, nil
	}
	return "", false, err
}

// Cause looks for the commit by what each did to the workload, in whichever
// file, and by when; see package cause. It takes none where there is a doubt.
func (v *view) Cause(from, to time.Time) (actions.Commit, error) {
	none := func(commits int) error {
		return amend.Refusef(amend.ReasonNoHistory, "none of the %d commits after %s and not after %s changed how %s is rendered",
			commits, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), v.about.Object)
	}
	if !to.After(from) {
		return actions.Commit{}, none(0)
	}
	b := &branch{past: v.world.Past, trees: map[string]fs.FS{}}
	found, err := cause.Find(cause.Question{
		Workload: v.about, Head: "the branch", Began: to, Window: to.Sub(from), Renders: maxCommits,
	}, b, v.pipeline.locator)
	if amend.KindOf(err) == amend.Refused && amend.ReasonOf(err) != amend.ReasonNoHistory {
		err = amend.Refusef(amend.ReasonNoHistory, "no state of the branch at that time renders %s", v.about.Object)
	}
	if err != nil {
		return actions.Commit{}, err
	}
	for _, c := range found.Candidates {
		if kind := c.Changes[0].Kind; c.Commit.Ours && kind != cause.Labels && kind != cause.PodLabels {
			return actions.Commit{SHA: c.Commit.SHA, Ours: true}, nil
		}
	}
	switch {
	case found.Outcome == cause.Several:
		return actions.Commit{}, amend.Refusef(amend.ReasonAmbiguous, "commits %.12s and %.12s are about as likely to be the cause; look at them with git show, and revert the right one by hand",
			found.Candidates[0].Commit.SHA, found.Candidates[1].Commit.SHA)
	case len(found.Limits) > 0:
		return actions.Commit{}, amend.Refusef(amend.ReasonNoHistory, "%s", strings.TrimSuffix(found.Limits[0], "."))
	case found.Outcome == cause.Unlikely:
		return actions.Commit{}, amend.Refusef(amend.ReasonNoHistory, "commit %.12s changed %s, and is not likely to be the cause; look at it with git show", found.Candidates[0].Commit.SHA, v.about.Object)
	case found.Outcome == cause.None:
		return actions.Commit{}, none(found.Commits)
	}
	return v.did(found.Candidates[0].Commit, b)
}

// did says what a commit did to the workload. It refuses when that is no change
// of what runs that could be taken back in the workload, but of a ConfigMap.
func (v *view) did(c cause.Commit, b *branch) (actions.Commit, error) {
	after, err := v.rendered(b.trees[c.SHA])
	if err != nil {
		return actions.Commit{}, err
	}
	before, err := v.rendered(b.trees[c.Parents[0]])
	if err != nil {
		return actions.Commit{}, err
	}
	found, runs, err := v.compare(c, before, after)
	if err == nil && !runs {
		err = amend.Refusef(amend.ReasonComputed, "commit %.12s changed a ConfigMap or the Application of %s, and not the workload itself; look at it with git show, and revert it by hand", c.SHA, v.about.Object)
	}
	v.cause = c.SHA
	return found, err
}

// rendered returns the workload at a commit, nil when it was not there or did
// not render.
func (v *view) rendered(files fs.FS) (*locate.Object, error) {
	object, err := v.pipeline.locator.Deployed(files, v.about)
	switch amend.KindOf(err) {
	case "":
		return object, nil
	case amend.Refused, amend.Invalid, amend.NotFound:
		return nil, nil
	}
	return nil, unread(err)
}

// compare says what a commit did to the workload, false if nothing that runs.
func (v *view) compare(c cause.Commit, before, after *locate.Object) (actions.Commit, bool, error) {
	if before == nil || after == nil {
		return actions.Commit{}, false, amend.Refusef(amend.ReasonChangedSince, "%s is not rendered both before and after commit %.12s; look at it with git show", v.about.Object, c.SHA)
	}
	found, runs := actions.Commit{SHA: c.SHA}, false
	for _, d := range after.Since(before) {
		change := actions.Change{Field: d.Field, Before: d.Before, After: d.After, Aside: aside(d.Field)}
		found.Changes = append(found.Changes, change)
		runs = runs || !change.Aside
	}
	return found, runs, nil
}

// aside reports whether a field is a label or an annotation of the object.
func aside(field amend.FieldPath) bool {
	return len(field) > 1 && field[0].Key == "metadata" && (field[1].Key == "labels" || field[1].Key == "annotations")
}

// unread is the error of a history that cannot be read now, unless that is for
// good and the reason is known.
func unread(err error) error {
	if amend.KindOf(err) == amend.Refused {
		return err
	}
	return amend.Errorf(amend.Transient, "read history", "%w", err)
}
