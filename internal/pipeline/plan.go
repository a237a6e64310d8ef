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

// plan completes a decision to act or to suggest with the edits, or turns it
// into a refusal.
func (p *Pipeline) plan(w World, req amend.Request, d amend.Decision) (amend.Decision, error) {
	action, ok := actions.Lookup(req.Action)
	if !ok {
		return amend.Decision{}, amend.Errorf(amend.Internal, "plan", "the policy named the unknown action %q", req.Action)
	}
	ref := req.Workload.ObjectRef
	ref.Group = action.Group
	object, err := p.locator.Object(w.Tree, ref, "")
	if amend.ReasonOf(err) == amend.ReasonNotInRepo && action.Absent != "" {
		err = fmt.Errorf("%w; %s", err, action.Absent)
	}
	if err != nil {
		return refused(d, amend.ReasonNotInRepo, err)
	}
	sets, err := action.Plan(req, &view{Object: object, ref: ref, pipeline: p, world: w})
	if err != nil {
		return refused(d, amend.ReasonComputed, err)
	}
	plan := amend.Plan{Request: req, Episode: d.Episode, Files: map[amend.RepoPath][]byte{}}
	if err := p.edit(w.Tree, ref, &plan, sets); err != nil {
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

// edit makes the sets one after the other, each proved on the result of the
// last. A line may move several fields if all of them are to move like that.
func (p *Pipeline) edit(base fs.FS, ref amend.ObjectRef, plan *amend.Plan, sets []actions.Set) error {
	along := make([]locate.Setting, 0, len(sets))
	for _, s := range sets {
		along = append(along, locate.Setting{Field: s.Field, Value: s.Value})
	}
	for _, s := range sets {
		if s.Along {
			continue
		}
		now := tree.Overlay(base, plan.Files)
		object, err := p.locator.Object(now, ref, "")
		if err != nil {
			return err
		}
		if v, ok := object.Value(s.Field); ok && v == s.Value {
			continue
		}
		r, err := p.locator.Edit(now, locate.Query{Object: ref, Field: s.Field, Along: along}, s.Value)
		if err != nil {
			return err
		}
		if r.Path.Protected() {
			return amend.Refusef(amend.ReasonProtected, "%s is a file that no fix may touch", r.Path)
		}
		plan.Edits = append(append(plan.Edits, r.Edit), came(along, r)...)
		plan.Files[r.Path] = r.Content
	}
	return nil
}

// came returns the fields that came along with an edit, as edits of that line.
func came(along []locate.Setting, r locate.Result) []amend.Edit {
	var edits []amend.Edit
	for _, c := range r.RenderDiff {
		if c.Object == r.RenderDiff[0].Object && c.Field != r.Edit.Field && slices.ContainsFunc(along, func(s locate.Setting) bool { return s.Field.String() == c.Field && s.Value.Text == c.New }) {
			edits = append(edits, amend.Edit{Object: r.Edit.Object, Field: c.Field, Target: r.Edit.Target, Old: c.Old, New: c.New})
		}
	}
	return edits
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
