package steps

import (
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/kube"
)

func newRequest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "request",
		Short: "Make an event of a RemediationRequest",
		Long: `Read a RemediationRequest and write it down as the event that the other steps take
with --event-file, so that the policy decides about it as about an alert.`,
		Example: "request --namespace shop --name restart-web --out event.json",
	}
	s := &step{cmd: cmd}
	s.outFlag("file for the event")
	s.kubeFlags()
	fs := cmd.Flags()
	fs.StringVar(&s.request.namespace, "namespace", "", "namespace of the RemediationRequest (required)")
	fs.StringVar(&s.request.name, "name", "", "name of the RemediationRequest (required)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, flag := range []string{"namespace", "name"} {
			if err := cli.Required(cmd, flag); err != nil {
				return err
			}
		}
		if err := s.request.check(); err != nil {
			return err
		}
		return s.tell(cmd.Context(), func() (outcome, error) {
			cluster, err := kube.New(s.kubeconfig)
			if err != nil {
				return outcome{}, err
			}
			r, err := cluster.RemediationRequest(cmd.Context(), s.request.namespace, s.request.name)
			if err != nil {
				return outcome{}, err
			}
			e := requestEvent(r)
			ce, err := alert.ToCloudEvent(e)
			if err != nil {
				return outcome{}, err
			}
			return outcome{phase: kube.Running}, s.write(ce, "event %s of request %s", e.ID, &s.request)
		})
	}
	return cmd
}

// requestEvent is the event that a request travels as. Its time is the request's
// own, so that it is the same event whenever it is made.
func requestEvent(r kube.RemediationRequest) amend.Event {
	return alert.NewEvent(r.Alert(), r.CreationTimestamp.Time, alert.NewIdentity(alert.DefaultVolatile()))
}
