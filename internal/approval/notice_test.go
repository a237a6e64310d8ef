package approval_test

import (
	"testing"
	"time"

	"github.com/amendhq/amend/internal/approval"
)

func TestHeed(t *testing.T) {
	paging := chain
	paging.Steps = []approval.Step{{Via: "pagerduty", Place: "payments", Wait: 10 * time.Minute}, {Via: "slack", Place: "C1", Wait: time.Hour}}
	type heard struct {
		notice  approval.Notice
		matter  approval.Matter
		entries []approval.Entry
		now     time.Time
	}
	for name, c := range map[string]struct {
		spoil func(*heard)
		want  approval.Refusal
	}{
		"in time":                {func(*heard) {}, ""},
		"by a clock behind ours": {func(h *heard) { h.notice.At = at(0).Add(-30 * time.Second) }, ""},
		"from before":            {func(h *heard) { h.notice.At = at(0).Add(-2 * time.Minute) }, approval.RefusedChanged},
		"of something else":      {func(h *heard) { h.notice.Ref = "other" }, approval.RefusedUnknown},
		"of nothing":             {func(h *heard) { h.notice.Ref, h.entries[0].Ref = "", "" }, approval.RefusedUnknown},
		"from somewhere else":    {func(h *heard) { h.notice.Via = "oncall" }, approval.RefusedUnknown},
		"of an older commit":     {func(h *heard) { h.matter.SHA = "bbb" }, approval.RefusedChanged},
		"too late":               {func(h *heard) { h.now = at(1e6) }, approval.RefusedExpired},
		"after the merge":        {func(h *heard) { h.matter.State = approval.Merged }, approval.RefusedOver},
		"once more": {func(h *heard) {
			h.entries = append(h.entries, approval.Entry{Kind: approval.Acknowledged, SHA: h.matter.SHA, Digest: h.matter.Digest, At: at(1)})
		}, approval.RefusedTaken},
	} {
		question := paging.Ask(matter, nil, 0, at(0))
		question.Ref = "amend/acme/env/pull/1"
		h := heard{approval.Notice{Matter: "pull/1", Via: "pagerduty", Ref: question.Ref, By: "Jo", At: at(2)}, matter, []approval.Entry{question}, at(3)}
		c.spoil(&h)
		place, got := paging.Heed(h.matter, h.entries, h.notice, h.now)
		if got != c.want || (got == "") != (place == "payments") {
			t.Errorf("%s: %q, %q; want %q", name, place, got, c.want)
		}
	}
}
