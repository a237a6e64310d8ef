// Package audittest holds a change to the promises of amend audit, for the tests
// of what makes changes.
package audittest

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/audit"
	"github.com/amendhq/amend/internal/ledger"
)

// A Change is the files before a commit of amend and after it, and what the commit
// says. No file is gone after it.
type Change struct {
	Before, After fstest.MapFS
	Message       string
	// Kinds and Fields are those of audit.Options.
	Kinds  map[string][]string
	Fields map[string][]amend.FieldPattern
}

// Audit judges a history of two commits, of which the second is the change. The
// error says what is wrong with it, and that it is none of amend's, if so.
func (c Change) Audit(ctx context.Context) error {
	report, err := audit.Run(ctx, history{c}, audit.Options{Head: second, Grace: time.Hour, Now: noon, Kinds: c.Kinds, Fields: c.Fields})
	if err != nil {
		return fmt.Errorf("audit the change: %w", err)
	}
	if report.Changes != 1 || !report.Holds() {
		return fmt.Errorf("%d changes of amend, violations %+v", report.Changes, report.Violations)
	}
	return nil
}

// The commits of a history, and when the change was made.
var (
	first, second = strings.Repeat("a", 40), strings.Repeat("b", 40)
	noon          = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// A history is an audit.Repo.
type history struct{ Change }

func (h history) Commits(string) iter.Seq2[ledger.Commit, error] {
	return func(yield func(ledger.Commit, error) bool) {
		_ = yield(ledger.Commit{SHA: second, Parents: []string{first}, At: noon, Message: h.Message}, nil) &&
			yield(ledger.Commit{SHA: first, At: noon.Add(-time.Hour), Message: "start"}, nil)
	}
}

func (h history) Tree(commit string) (fs.FS, error) {
	if commit == first {
		return h.Before, nil
	}
	return h.After, nil
}

func (h history) Differences(string, string) ([]audit.Difference, error) {
	var all []audit.Difference
	for _, name := range slices.Sorted(maps.Keys(h.After)) {
		d := audit.Difference{Path: name, After: audit.Entry{Mode: "100644", Hash: "b"}}
		if was, ok := h.Before[name]; ok {
			if string(was.Data) == string(h.After[name].Data) {
				continue
			}
			d.Before = audit.Entry{Mode: "100644", Hash: "a"}
		}
		all = append(all, d)
	}
	return all, nil
}
