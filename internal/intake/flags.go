package intake

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/sender"
)

// foldSize bounds the alert identities that a gateway remembers.
const foldSize = 100_000

// Flags say which alerts a gateway takes, and from whom.
type Flags struct {
	Volatile        []string // labels that do not tell one trouble from another
	webhookTokens   []string
	webhookUser     string
	webhookPassword string
	eventTokens     []string
	argocdTokens    []string
	grafanaSecrets  []string
	pagerSecrets    []string
	snsTopics       []string
	tenants         []string
	foldWindow      time.Duration
}

// Register adds the flags to a command.
func (f *Flags) Register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.webhookTokens, "webhook-token-file", nil, "file with a bearer token that senders must show; repeat it to rotate")
	fs.StringVar(&f.webhookUser, "webhook-user", "", "user of basic authentication for senders")
	fs.StringVar(&f.webhookPassword, "webhook-password-file", "", "file with the password of --webhook-user")
	fs.StringArrayVar(&f.eventTokens, "events-token-file", nil, "file with a bearer token that is good for /v1/events only; repeat it to rotate")
	fs.StringArrayVar(&f.argocdTokens, "argocd-webhook-token-file", nil, "file with the bearer token of Argo CD's notifications, which opens /v1/argocd; repeat it to rotate")
	fs.StringArrayVar(&f.grafanaSecrets, "grafana-secret-file", nil, "file with the secret that Grafana signs with, which opens /v1/grafana; repeat it to rotate")
	fs.StringArrayVar(&f.pagerSecrets, "pagerduty-secret-file", nil, "file with the secret that PagerDuty signs with, which opens /v1/pagerduty; repeat it to rotate")
	fs.StringArrayVar(&f.snsTopics, "sns-topic", nil, "ARN of an Amazon SNS topic with CloudWatch alarms, which opens /v1/sns; may be given again")
	fs.StringArrayVar(&f.tenants, "tenant", nil, "NAME=CREDENTIAL: alerts of this sender are of the tenant; the credential is a file or ARN of the flags above; may be given again")
	fs.StringSliceVar(&f.Volatile, "volatile-label", alert.DefaultVolatile(), "labels that do not tell one trouble from another")
	fs.DurationVar(&f.foldWindow, "fold-window", time.Minute, "repeats of an accepted alert within this time are not looked at again")
}

// Auth says what opens every route of the gateway.
func (f Flags) Auth() gateway.Auth {
	return gateway.Auth{TokenFiles: f.webhookTokens, User: f.webhookUser, PasswordFile: f.webhookPassword}
}

// Config is the part of a gateway's configuration that the flags hold;
// limits bound its posts, and accounts may have tenants too.
func (f Flags) Config(limits alert.Limits, accounts ...string) (gateway.Config, error) {
	sources, err := f.sources(limits)
	if err != nil {
		return gateway.Config{}, err
	}
	tenants, err := f.parseTenants(accounts)
	if err != nil {
		return gateway.Config{}, err
	}
	return gateway.Config{
		Auth: f.Auth(), EventTokenFiles: f.eventTokens, ArgoCDTokenFiles: f.argocdTokens, Sources: sources, Tenants: tenants,
		Identity: alert.NewIdentity(f.Volatile), Folder: alert.NewFolder(f.foldWindow, foldSize), Limits: limits,
	}, nil
}

// tenantForm is that of a namespace, because a playbook may take the tenant for one.
var tenantForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// parseTenants reads the tenants of credentials, accounts among them. Each has to be one that the
// gateway takes, or a slip of the pen would make a tenant's alerts everybody's.
func (f Flags) parseTenants(accounts []string) (map[string]string, error) {
	taken := slices.Concat(f.webhookTokens, f.eventTokens, f.argocdTokens, f.grafanaSecrets, f.pagerSecrets, f.snsTopics, accounts)
	if f.webhookPassword != "" {
		taken = append(taken, f.webhookPassword)
	}
	tenants := map[string]string{}
	for _, text := range f.tenants {
		name, credential, _ := strings.Cut(text, "=")
		switch {
		case !tenantForm.MatchString(name):
			return nil, amend.Errorf(amend.Invalid, "", "--tenant %s: want NAME=CREDENTIAL, with a name as that of a namespace", text)
		case !slices.Contains(taken, credential):
			return nil, amend.Errorf(amend.Invalid, "", "--tenant %s: no other flag names this file or topic", text)
		case tenants[credential] != "":
			return nil, amend.Errorf(amend.Invalid, "", "--tenant %s: the credential is that of tenant %s", text, tenants[credential])
		}
		tenants[credential] = name
	}
	return tenants, nil
}

// sources are the senders that sign their posts.
func (f Flags) sources(limits alert.Limits) ([]sender.Source, error) {
	var all []sender.Source
	var failed error
	add := func(s sender.Source, err error) {
		all, failed = append(all, s), errors.Join(failed, err)
	}
	if len(f.grafanaSecrets) > 0 {
		add(sender.NewGrafana(f.grafanaSecrets, limits))
	}
	if len(f.pagerSecrets) > 0 {
		add(sender.NewPagerDuty(f.pagerSecrets, limits))
	}
	if len(f.snsTopics) > 0 {
		add(sender.NewSNS(sender.SNSConfig{Topics: f.snsTopics, Limits: limits}))
	}
	return all, failed
}
