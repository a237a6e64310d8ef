package bus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/bus"
)

func TestDecisions(t *testing.T) {
	dir := t.TempDir()
	in := func(c *bus.Config) { c.Dir = dir }
	b := open(t, in)
	if got, err := b.Decisions(t.Context(), 5); err != nil || len(got) != 0 {
		t.Fatalf("empty: %v, %v", got, err)
	}
	var want []amend.Decision
	for i := range 7 {
		d := amend.Decision{
			EventID: fmt.Sprintf("e%d.firing", i), Alert: "A", Reason: amend.ReasonAct,
			Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}},
			Plan:     &amend.Plan{Diff: "+x\n"}, Change: &amend.Change{Kind: amend.KindCommit, Commit: "c0ffee"},
			DecidedAt: time.Date(2026, 3, 2, 9, 15, i, 0, time.UTC),
		}
		if err := b.RecordDecision(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		want = append(want, d)
	}
	b.Close()
	b = open(t, in)
	for _, n := range []int{0, 1, 3, 7, 100} {
		got, err := b.Decisions(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[7-min(n, 7):], got, cmp.Comparer(func(a, b amend.RepoPath) bool { return a == b })); diff != "" && n > 0 {
			t.Errorf("Decisions(%d):\n%s", n, diff)
		}
	}
}

// A decision with texts of any length is kept, or its event would come again
// for ever and hold up those behind it.
func TestLongDecisionIsCut(t *testing.T) {
	b := open(t)
	long := strings.Repeat("ü", 5<<20)
	d := amend.Decision{EventID: "e.firing", Detail: long, Plan: &amend.Plan{Diff: long}}
	if err := b.RecordDecision(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	got, err := b.Decisions(t.Context(), 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d decisions, %v", len(got), err)
	}
	for _, text := range []string{got[0].Detail, got[0].Plan.Diff} {
		if len(text) > 65<<10 || !strings.HasPrefix(text, "üü") || !strings.HasSuffix(text, "ü\n[cut: 10485760 bytes]\n") {
			t.Errorf("%d bytes are kept, the last ones %q", len(text), text[len(text)-40:])
		}
	}
	if d.Plan.Diff != long {
		t.Error("the caller's plan was changed")
	}
}

// An event that is handled again after a crash has one decision, its first. The
// same trouble accepted later is another event and has its own.
func TestOneDecisionForEachEvent(t *testing.T) {
	dir := t.TempDir()
	in := func(c *bus.Config) { c.Dir = dir }
	accepted := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	record := func(b *bus.Bus, reason amend.Reason, at time.Time) {
		t.Helper()
		if err := b.RecordDecision(t.Context(), amend.Decision{EventID: "e.firing", Reason: reason, ReceivedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, in)
	record(b, amend.ReasonAct, accepted)
	b.Close()
	b = open(t, in)
	record(b, amend.ReasonDuplicate, accepted)
	record(b, amend.ReasonCooldown, accepted.Add(time.Hour))
	got, err := b.Decisions(t.Context(), 10)
	if err != nil || len(got) != 2 || got[0].Reason != amend.ReasonAct || got[1].Reason != amend.ReasonCooldown {
		t.Errorf("decisions %+v, %v", got, err)
	}
}
