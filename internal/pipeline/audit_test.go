package pipeline_test

import (
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/audit/audittest"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

// TestPlansPassTheAudit: whatever is decided, and whichever action does it, lies
// inside the bounds that amend audit holds history to.
func TestPlansPassTheAudit(t *testing.T) {
	kinds, fields := map[string][]string{}, map[string][]amend.FieldPattern{}
	for _, a := range actions.All() {
		kinds[a.Name], fields[a.Name] = a.Kinds, a.Fields
	}
	judged := map[string]bool{}
	for _, name := range scenes(t) {
		s := load(t, name)
		d, err := pipeline.New().Decide(s.world(), s.event)
		if err != nil || d.Plan == nil {
			continue
		}
		judged[d.Action] = true
		c := audittest.Change{Before: s.files, After: maps.Clone(s.files), Message: message.Commit(*d.Plan), Kinds: kinds, Fields: fields}
		for path, content := range d.Plan.Files {
			c.After[path.String()] = &fstest.MapFile{Data: content}
		}
		if err := c.Audit(t.Context()); err != nil {
			t.Errorf("%s: %v\n%s", name, err, d.Plan.Diff)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(kinds)) {
		if !judged[action] {
			t.Errorf("no scene plans %s", action)
		}
	}
}
