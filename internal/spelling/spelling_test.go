package spelling_test

import (
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/spelling"
)

func TestNearest(t *testing.T) {
	options := []string{"replicas", "revisionHistoryLimit", "paused", "env", "image"}
	for word, want := range map[string]string{
		"replcas": "replicas", "Replicas": "replicas", "replica": "replicas", "revisionHistroyLimit": "revisionHistoryLimit",
		"enw": "env", "evn": "", "imgae": "image", "selector": "", "x": "", "": "", strings.Repeat("replicas", 9): "",
	} {
		if got := spelling.Nearest(word, options); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := spelling.Nearest("replcas", nil); got != "" {
		t.Errorf("of no options: %q", got)
	}
}
