package pipeline

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/manifest"
	"github.com/amendhq/amend/internal/tree"
)

// maxVersions bounds how far back a field's history is searched.
const maxVersions = 200

// plan completes a decision to act or to suggest with the edits, or turns it
// into a refusal.
func (p *Pipeline) plan(w World, req amend.Request, d amend.Decision) (amend.Decision, error) {
	action, ok := actions.Lookup(req.Action)
	if !ok {
		return amend.Decision{}, amend.Errorf(amend.Internal, "plan", "the policy named the unknown action %q", req.Action)
	}
	object, err := p.locator.Object(w.Tree, req.Workload.ObjectRef, "")
	if err != nil {
		return refused(d, amend.ReasonNotInRepo, err)
	}
	sets, err := action.Plan(req, &view{Object: object, pipeline: p, world: w})
	if err != nil {
		return refused(d, amend.ReasonComputed, err)
	}
	plan := amend.Plan{Request: req, Episode: d.Episode, Files: map[amend.RepoPath][]byte{}}
	if err := p.edit(w.Tree, &plan, sets); err != nil {
		return refused(d, amend.ReasonUnproven, err)
	}
	if len(plan.Edits) == 0 {
		d.Reason, d.Detail = amend.ReasonNoChange, "The env repo holds the wanted values already."
		return d, nil
	}
	if plan.Diff, err = diff(w.Tree, plan.Files); err != nil {
		return amend.Decision{}, err
	}
	d.Plan = &plan
	return d, nil
}

// edit makes the sets one after the other, each proved on the result of the last.
func (p *Pipeline) edit(base fs.FS, plan *amend.Plan, sets []actions.Set) error {
	for _, s := range sets {
		q := locate.Query{Object: plan.Request.Workload.ObjectRef, Field: s.Field}
		now := tree.Overlay(base, plan.Files)
		object, err := p.locator.Object(now, q.Object, q.Root)
		if err != nil {
			return err
		}
		if v, ok := object.Value(s.Field); ok && v == s.Value.Text {
			continue
		}
		r, err := p.locator.Edit(now, q, s.Value)
		if err != nil {
			return err
		}
		if r.Path.Protected() {
			return amend.Refusef(amend.ReasonProtected, "%s is a file that no fix may touch", r.Path)
		}
		plan.Edits = append(plan.Edits, r.Edit)
		plan.Files[r.Path] = r.Content
	}
	return nil
}

func diff(base fs.FS, files map[amend.RepoPath][]byte) (string, error) {
	byName := func(a, b amend.RepoPath) int { return strings.Compare(a.String(), b.String()) }
	var out strings.Builder
	for _, path := range slices.SortedFunc(maps.Keys(files), byName) {
		old, err := fs.ReadFile(base, path.String())
		if err != nil {
			return "", fmt.Errorf("diffing %s: %w", path, err)
		}
		out.WriteString(manifest.Diff(path.String(), old, files[path]))
	}
	return out.String(), nil
}

// view is the workload as an action sees it.
type view struct {
	*locate.Object
	pipeline *Pipeline
	world    World
}

// Previous renders the workload with each older version of the file that
// controls the field, so it sees the field's values and not the file's, and
// works for every kind of source.
func (v *view) Previous(field amend.FieldPath) (string, error) {
	present, _ := v.Value(field)
	site, err := v.pipeline.locator.Locate(v.world.Tree, locate.Query{Object: v.Ref(), Field: field})
	if err != nil {
		return "", err
	}
	value, ours := present, false
	taken := map[string]bool{present: true} // values not to go back to
	seen := 0
	for version, err := range v.world.Past.Versions(site.Path) {
		if err != nil {
			return "", amend.Errorf(amend.Transient, "read history", "%w", err)
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
	object, err := v.pipeline.locator.Object(then, v.Ref(), "")
	switch amend.KindOf(err) {
	case "":
		value, ok = object.Value(field)
		return value, ok, nil
	case amend.Refused, amend.Invalid, amend.NotFound:
		return "", false, nil
	}
	return "", false, err
}
