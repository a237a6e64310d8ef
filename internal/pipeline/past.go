package pipeline

import (
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

// The bounds of how far back is searched: for another value of a field, and for
// a commit that changed the workload, which renders it once for each.
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
	cause    string // the commit that LastCommit found
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

// LastCommit renders the workload at each commit of the time and compares it
// with the render at its parent, so that it sees what a commit did to the
// workload, in whichever file.
func (v *view) LastCommit(from, to time.Time) (actions.Commit, error) {
	var last *Commit // whose parent comes next
	var after *locate.Object
	compared := 0
	for c, err := range v.world.Past.Commits() {
		if err != nil {
			return actions.Commit{}, unread(err)
		}
		if last == nil && c.At.After(to) && c.At.After(from) {
			continue
		}
		before, err := v.rendered(c)
		if err != nil {
			return actions.Commit{}, err
		}
		if last != nil {
			if found, ok, err := v.compare(*last, before, after); ok || err != nil {
				v.cause = found.SHA
				return found, err
			}
			compared++
		}
		if !c.At.After(from) || compared == maxCommits {
			break
		}
		last, after = &c, before
	}
	return actions.Commit{}, amend.Refusef(amend.ReasonNoHistory, "none of the %d commits after %s and not after %s changed how %s is rendered",
		compared, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), v.about.Object)
}

// rendered returns the workload at a commit, nil when it was not there or did
// not render.
func (v *view) rendered(c Commit) (*locate.Object, error) {
	object, err := v.pipeline.locator.Deployed(c.Tree, v.about)
	switch amend.KindOf(err) {
	case "":
		return object, nil
	case amend.Refused, amend.Invalid, amend.NotFound:
		return nil, nil
	}
	return nil, unread(err)
}

// compare says what a commit did to the workload, false if nothing that runs.
func (v *view) compare(c Commit, before, after *locate.Object) (actions.Commit, bool, error) {
	switch {
	case before == nil && after == nil:
		return actions.Commit{}, false, nil
	case before == nil || after == nil:
		return actions.Commit{}, false, amend.Refusef(amend.ReasonChangedSince, "%s is not rendered both before and after commit %.12s; look at it with git show", v.about.Object, c.SHA)
	}
	found, runs := actions.Commit{SHA: c.SHA, Ours: c.Ours}, false
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
