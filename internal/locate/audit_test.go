package locate_test

import (
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/audit/audittest"
	"github.com/amendhq/amend/internal/message"
)

// TestEditsPassTheAudit: what can be edited lies inside the bounds that amend
// audit holds history to, in every kind of source.
func TestEditsPassTheAudit(t *testing.T) {
	judged := 0
	for _, s := range scenarios(t) {
		a := answerOf(s)
		res := a.result
		if a.editing != nil || s.query.AllowShared || slices.ContainsFunc(s.query.Field, func(f amend.FieldStep) bool { return amend.PrivilegedKey(f.Key) }) {
			continue // no playbook asks for that
		}
		judged++
		object := s.query.Object
		c := audittest.Change{Before: maps.Clone(s.repo), Kinds: map[string][]string{"edit": {object.Kind}}, Message: "edit\n\n" + message.Trailers{
			Incident: amend.IncidentID("any", object), Episode: 1, Action: "edit", Playbook: "any", Alert: "0123.firing",
			Workload: object, Path: res.Edit.Target.Path, Line: res.Edit.Target.Line,
		}.String()}
		c.Before[".amend/policy.yaml"] = &fstest.MapFile{Data: []byte("playbooks: [{name: any, action: edit}]\n")}
		c.After = maps.Clone(c.Before)
		c.After[res.Path.String()] = &fstest.MapFile{Data: res.Content}
		if err := c.Audit(t.Context()); err != nil {
			t.Errorf("%s: %v", s.file, err)
		}
	}
	if judged < 100 {
		t.Errorf("only %d scenarios edit something", judged)
	}
}
