package pipeline_test

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
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/audit"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
)

// A landed plan is the history of a branch with it as the second of two commits.
type landed struct {
	before, after fstest.MapFS
	message       string
}

// first and second are the commits of a landed plan.
var first, second = strings.Repeat("a", 40), strings.Repeat("b", 40)

func (l landed) Commits(string) iter.Seq2[ledger.Commit, error] {
	return func(yield func(ledger.Commit, error) bool) {
		_ = yield(ledger.Commit{SHA: second, Parents: []string{first}, At: now, Message: l.message}, nil) &&
			yield(ledger.Commit{SHA: first, At: now.Add(-time.Hour), Message: "start"}, nil)
	}
}

func (l landed) Tree(commit string) (fs.FS, error) {
	if commit == first {
		return l.before, nil
	}
	return l.after, nil
}

func (l landed) Differences(string, string) ([]audit.Difference, error) {
	var all []audit.Difference
	for _, name := range slices.Sorted(maps.Keys(l.after)) {
		if string(l.before[name].Data) != string(l.after[name].Data) {
			all = append(all, audit.Difference{Path: name, Before: audit.Entry{Mode: "100644", Hash: "a"}, After: audit.Entry{Mode: "100644", Hash: "b"}})
		}
	}
	return all, nil
}

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
		l := landed{before: s.files, after: maps.Clone(s.files), message: message.Commit(*d.Plan)}
		for path, content := range d.Plan.Files {
			l.after[path.String()] = &fstest.MapFile{Data: content}
		}
		report, err := audit.Run(t.Context(), l, audit.Options{Head: second, Grace: time.Hour, Now: now, Kinds: kinds, Fields: fields})
		if err != nil || report.Changes != 1 || !report.Holds() {
			t.Errorf("%s: %v, %d changes, violations %+v\n%s", name, err, report.Changes, report.Violations, d.Plan.Diff)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(kinds)) {
		if !judged[action] {
			t.Errorf("no scene plans %s", action)
		}
	}
}
