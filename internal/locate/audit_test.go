package locate_test

import (
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/audit"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// An edited repo is a history of two commits, of which the second is an edit.
type edited struct {
	before, after fstest.MapFS
	message       string
}

// The commits of an edited repo, and when they were made.
var (
	first, second = strings.Repeat("a", 40), strings.Repeat("b", 40)
	noon          = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func (e edited) Commits(string) iter.Seq2[ledger.Commit, error] {
	return func(yield func(ledger.Commit, error) bool) {
		_ = yield(ledger.Commit{SHA: second, Parents: []string{first}, At: noon, Message: e.message}, nil) &&
			yield(ledger.Commit{SHA: first, At: noon, Message: "start"}, nil)
	}
}

func (e edited) Tree(commit string) (fs.FS, error) {
	if commit == first {
		return e.before, nil
	}
	return e.after, nil
}

func (e edited) Differences(string, string) ([]audit.Difference, error) {
	var all []audit.Difference
	for _, name := range slices.Sorted(maps.Keys(e.after)) {
		if string(e.before[name].Data) != string(e.after[name].Data) {
			all = append(all, audit.Difference{Path: name, Before: audit.Entry{Mode: "100644", Hash: "a"}, After: audit.Entry{Mode: "100644", Hash: "b"}})
		}
	}
	return all, nil
}

// TestEditsPassTheAudit: what can be edited lies inside the bounds that amend
// audit holds history to, in every kind of source.
func TestEditsPassTheAudit(t *testing.T) {
	l, judged := newLocator(), 0
	for _, s := range scenarios(t) {
		res, err := l.Edit(s.repo, s.query, s.set)
		if err != nil || s.query.AllowShared || slices.ContainsFunc(s.query.Field, func(f amend.FieldStep) bool { return amend.PrivilegedKey(f.Key) }) {
			continue // no playbook asks for that
		}
		judged++
		object := s.query.Object
		e := edited{before: maps.Clone(s.repo), message: "edit\n\n" + message.Trailers{
			Incident: amend.IncidentID("any", object), Episode: 1, Action: "edit", Playbook: "any", Alert: "0123.firing",
			Workload: object, Path: res.Edit.Target.Path, Line: res.Edit.Target.Line,
		}.String()}
		e.before[".amend/policy.yaml"] = &fstest.MapFile{Data: []byte("playbooks: [{name: any, action: edit}]\n")}
		e.after = maps.Clone(e.before)
		e.after[res.Path.String()] = &fstest.MapFile{Data: res.Content}
		report, err := audit.Run(t.Context(), e, audit.Options{Head: second, Grace: time.Hour, Now: noon, Kinds: map[string][]string{"edit": {object.Kind}}})
		if err != nil || report.Changes != 1 || !report.Holds() {
			t.Errorf("%s: %v, %d changes, violations %+v", s.file, err, report.Changes, report.Violations)
		}
	}
	if judged < 100 {
		t.Errorf("only %d scenarios edit something", judged)
	}
}
