package message_test

import (
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

func TestDecided(t *testing.T) {
	act := amend.Decision{Alert: "Busy\n\x1b[2J", Reason: amend.ReasonAct, Playbook: "busy", Action: "restart"}
	act.Workload.ObjectRef = amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	commit, pull := act, act
	commit.Change = &amend.Change{Commit: "2fd4e1c"}
	pull.Change = &amend.Change{Commit: "2fd4e1c", Number: 7, URL: "https://git.example.com/7"}
	for _, tt := range []struct {
		decision amend.Decision
		want     string
	}{
		{amend.Decision{Alert: "Busy", Reason: amend.ReasonNoPlaybook}, "Busy: no-playbook"},
		{amend.Decision{Reason: amend.ReasonReverted, Change: &amend.Change{Commit: "2fd4e1c"}}, "reverted, commit 2fd4e1c"},
		{act, "Busy [2J: act, playbook busy, restart of Deployment/shop/web"},
		{commit, "Busy [2J: act, playbook busy, restart of Deployment/shop/web, commit 2fd4e1c"},
		{pull, "Busy [2J: act, playbook busy, restart of Deployment/shop/web, pull request 7 at https://git.example.com/7"},
	} {
		if got := message.Decided(tt.decision); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}
