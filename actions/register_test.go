package actions

import (
	"strings"
	"testing"
)

func TestRegisterTwicePanics(t *testing.T) {
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "two actions are named restart") {
			t.Errorf("a second restart was registered: %q", said)
		}
	}()
	register(Action{Name: "restart"})
}
