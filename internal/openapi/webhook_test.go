package openapi_test

import (
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/openapi"
)

func TestCheckWebhook(t *testing.T) {
	contract, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ event, body, want string }{
		{"pull_request", `{"action":"closed","number":1}`, "sender"},
		{"pull_request", `{"action":"locked"}`, "webhook-pull-request-locked"},
		{"push", `{}`, "webhook-push-"},
		{"pull_request", `{`, "no JSON"},
	} {
		if err := contract.CheckWebhook(test.event, []byte(test.body)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %q", test.event, test.body, err, test.want)
		}
	}
}
