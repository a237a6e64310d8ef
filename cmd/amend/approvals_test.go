package main

import (
	"testing"

	"github.com/amendhq/amend"
)

func TestWhatIsTrouble(t *testing.T) {
	tests := map[string]struct {
		decision   amend.Decision
		told, over bool
	}{
		"refused":                     {amend.Decision{Reason: amend.ReasonBreaker, Incident: "x-1"}, true, false},
		"failed":                      {amend.Decision{Reason: amend.ReasonFailed, Incident: "x-1"}, true, false},
		"about no incident":           {amend.Decision{Reason: amend.ReasonNoWorkload, Alert: "A"}, true, false},
		"as a person wants it":        {amend.Decision{Reason: amend.ReasonMuted, Incident: "x-1"}, false, false},
		"nobody's":                    {amend.Decision{Reason: amend.ReasonNoPlaybook}, false, false},
		"rests":                       {amend.Decision{Reason: amend.ReasonCooldown, Incident: "x-1"}, false, false},
		"resolved":                    {amend.Decision{Reason: amend.ReasonResolved, Incident: "x-1"}, true, true},
		"a change after all":          {amend.Decision{Reason: amend.ReasonAct, Incident: "x-1"}, true, true},
		"taken back":                  {amend.Decision{Reason: amend.ReasonReverted, Incident: "x-1"}, false, true},
		"to be taken back":            {amend.Decision{Reason: amend.ReasonRevertProposed, Incident: "x-1"}, false, true},
		"again":                       {amend.Decision{Reason: amend.ReasonDuplicate, Incident: "x-1"}, false, true},
		"resolved, about no incident": {amend.Decision{Reason: amend.ReasonResolved}, false, true},
	}
	for name, tt := range tests {
		trouble, told := troubleOf(tt.decision)
		if told != tt.told || trouble.Over != tt.over {
			t.Errorf("%s: told %t, over %t; want %t, %t", name, told, trouble.Over, tt.told, tt.over)
		}
	}
	one, _ := troubleOf(amend.Decision{Reason: amend.ReasonNoWorkload, Alert: "A"})
	two, _ := troubleOf(amend.Decision{Reason: amend.ReasonNoWorkload, Alert: "B"})
	refused, _ := troubleOf(amend.Decision{Reason: amend.ReasonBreaker, Incident: "x-1"})
	if one.Key == two.Key || refused.Key != "x-1" {
		t.Errorf("the keys are %q, %q and %q", one.Key, two.Key, refused.Key)
	}
}
