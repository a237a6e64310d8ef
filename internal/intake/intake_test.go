package intake_test

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/intake"
)

// Whichever program has the gateway, its help and its errors name that one.
func TestGatewayNamesItsProgram(t *testing.T) {
	alone := func() *cobra.Command { return intake.New("amend-gateway") }
	below := func() *cobra.Command {
		root := &cobra.Command{Use: "amend"}
		root.AddCommand(intake.New("amend gateway"))
		return root
	}
	for _, tt := range []struct {
		root func() *cobra.Command
		args string
		code int
		want string
	}{
		{alone, "--help", cli.ExitOK, "\n  amend-gateway --webhook-token-file "},
		{below, "gateway --help", cli.ExitOK, "\n  amend gateway --webhook-token-file "},
		{alone, "", cli.ExitInvalid, "amend-gateway: --eventsource is required; see amend-gateway --help\n"},
		{below, "gateway", cli.ExitInvalid, "amend: --eventsource is required; see amend gateway --help\n"},
		{alone, "--event http://bus", cli.ExitInvalid, "amend-gateway: unknown flag: --event, did you mean --events-account?; see amend-gateway --help\n"},
		{alone, "gateway", cli.ExitInvalid, "amend-gateway: it takes no arguments, and \"gateway\" is one; see amend-gateway --help\n"},
	} {
		var out strings.Builder
		if code := cli.Run(tt.root(), strings.Fields(tt.args), &out, &out); code != tt.code || !strings.Contains(out.String(), tt.want) {
			t.Errorf("%q: exit code %d, printed %s", tt.args, code, &out)
		}
	}
}
