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
	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/tree"
)

// plan completes a decision to act or to suggest with the edits, or turns it
// into a refusal.
func (p *Pipeline) plan(w World, in policy.Input, d amend.Decision) (amend.Decision, error) {
	req := in.Playbook.Rung(in.Request, d.Action)
	action, ok := actions.Lookup(req.Action)
	if !ok {
		return amend.Decision{}, amend.Errorf(amend.Internal, "plan", "the policy named the unknown action %q", req.Action)
	}
	about := locate.Query{Object: req.Workload.ObjectRef}
	about.Object.Group = action.Group
	if w.Owner != nil {
		var err error
		if about.Live, err = w.Owner(about.Object); err != nil {
			return refused(d, amend.ReasonNotInRepo, err)
		}
	}
	object, err := p.locator.Deployed(w.Tree, about)
	if amend.ReasonOf(err) == amend.ReasonNotInRepo && action.Absent != "" {
		err = fmt.Errorf("%w; %s", err, action.Absent)
	}
	if err != nil {
		return refused(d, amend.ReasonNotInRepo, err)
	}
	seen := &view{Object: object, about: about, pipeline: p, world: w}
	sets, err := action.Plan(req, seen)
	if err != nil {
		return refused(d, amend.ReasonComputed, err)
	}
	plan := amend.Plan{Request: req, Episode: d.Episode, Cause: seen.cause, Files: map[amend.RepoPath][]byte{}}
	if err := p.edit(w.Tree, about, &plan, sets, in.Playbook.Overrule); err != nil {
		return refused(d, amend.ReasonUnproven, err)
	}
	if len(plan.Edits) == 0 {
		d.Reason, d.Detail = amend.ReasonNoChange, "The env repo holds the wanted values already."
		return d, nil
	}
	if plan.Diff, err = diff(w.Tree, plan.Files); err != nil {
		return amend.Decision{}, err
	}
	switch reason, why, err := p.confine(w, in, about); {
	case err != nil:
		return refused(d, amend.ReasonUnproven, err)
	case reason != amend.ReasonAct:
		d.Reason, d.Detail = reason, why
		return d, nil
	}
	if plan.Cause != "" {
		d.Detail += fmt.Sprintf(" It takes back what commit %.12s did to the workload.", plan.Cause)
	}
	d.Plan = &plan
	return d, nil
}

// edit makes the sets one after the other, each proved on the result of the
// last. A line may move several fields if all of them are to move like that. What
// a bot writes stays its own, unless it is overruled.
func (p *Pipeline) edit(base fs.FS, about locate.Query, plan *amend.Plan, sets []actions.Set, overrule []string) error {
	for _, s := range sets {
		about.Along = append(about.Along, locate.Setting{Field: s.Field, Value: s.Value})
	}
	for _, s := range sets {
		if s.Along {
			continue
		}
		now := tree.Overlay(base, plan.Files)
		object, err := p.locator.Deployed(now, about)
		if err != nil {
			return err
		}
		if v, ok := object.Value(s.Field); ok && v == s.Value {
			continue
		}
		about.Field = s.Field
		r, err := p.locator.Edit(now, about, s.Value)
		if err != nil {
			return err
		}
		if r.Path.Protected() {
			return amend.Refusef(amend.ReasonProtected, "%s is a file that no fix may touch", r.Path)
		}
		for _, b := range r.Bots {
			if !slices.Contains(overrule, b.Name) {
				return amend.Refusef(amend.ReasonOwnedByBot, "%s of %s belongs to %s, known %s, which would undo the change or fight with it; change what %s is told, or name it under overrule in the playbook",
					s.Field, about.Object, b.Name, b.Claim, b.Name)
			}
		}
		plan.Edits = append(append(plan.Edits, r.Edit), came(about.Along, r)...)
		plan.Files[r.Path] = r.Content
		for _, c := range r.RenderDiff {
			plan.RenderDiff = move(plan.RenderDiff, c)
		}
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

// move adds a change of the renders to those before it. A field that changes
// again changes from what it was at first.
func move(changes []amend.FieldChange, c amend.FieldChange) []amend.FieldChange {
	i := slices.IndexFunc(changes, func(b amend.FieldChange) bool { return b.Object == c.Object && b.Field == c.Field })
	if i < 0 {
		return append(changes, c)
	}
	changes[i].New = c.New
	return changes
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
