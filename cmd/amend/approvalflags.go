package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/escalation"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/mail"
	"github.com/amendhq/amend/internal/notify"
	"github.com/amendhq/amend/internal/oncall"
	"github.com/amendhq/amend/internal/pagerduty"
	"github.com/amendhq/amend/internal/secret"
	"github.com/amendhq/amend/internal/slack"
	"github.com/amendhq/amend/internal/sns"
)

// approvalFlags say where the credentials of approvals are, and where answers
// come in. All are of one folder, as a Secret is when it is mounted.
type approvalFlags struct {
	approvalsDir, approvalsListen string
	askEvery                      time.Duration
	slackAPI, pagerdutyAPI        string
}

func (f *approvalFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.approvalsDir, "approvals-dir", "", "folder with the keys of approvals, see docs/approvals.md; without it nobody is asked")
	fs.StringVar(&f.approvalsListen, "approvals-listen", "127.0.0.1:8081", "address that takes the answers from Slack and PagerDuty, and nothing else")
	fs.DurationVar(&f.askEvery, "approvals-interval", 30*time.Second, "how often open pull requests are looked at for who is to be asked next")
	fs.StringVar(&f.slackAPI, "slack-api", "", "root of Slack's Web API (default: https://slack.com/api/)")
	fs.StringVar(&f.pagerdutyAPI, "pagerduty-events-api", "", "root of PagerDuty's Events API (default: https://events.pagerduty.com)")
}

// The files of the folder that every chain or Slack needs. Those of other places
// are the kind of place and the name in the policy.
const (
	markKeyFile     = "key"
	slackTokenFile  = "slack-bot-token"
	slackSecretFile = "slack-signing-secret"
)

// approvals are the desk that asks people, and how answers come in.
type approvals struct {
	flags approvalFlags
	desk  *escalation.Desk
	slack *slack.Client // nil when nobody is asked there
	pager *pagerduty.Client
	log   *slog.Logger
}

// newApprovals gives an env repo its approvals, before its writer runs; without
// --approvals-dir they are nil, and then observe and parts do nothing.
func (f approvalFlags) newApprovals(env *envWriter, log *slog.Logger, reg prometheus.Registerer) (*approvals, error) {
	if f.approvalsDir == "" {
		return nil, nil
	}
	key, err := secret.Read(filepath.Join(f.approvalsDir, markKeyFile))
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "--approvals-dir", "the key that entries in comments are sealed with: %w", err)
	}
	a := &approvals{flags: f, log: log}
	if a.slack, err = f.openSlack(); err != nil {
		return nil, amend.Errorf(amend.Invalid, "--approvals-dir", "%w", err)
	}
	where, err := parseRepoURL(env.flags.repo, env.flags.api)
	if err != nil {
		return nil, err
	}
	host, repo := approvalHost{env}, where.owner+"/"+where.name
	a.pager = pagerduty.New(f.approvalsDir, repo, f.pagerdutyAPI)
	a.desk, err = escalation.New(escalation.Config{
		Repo: repo, Pulls: host, Acts: host, Rules: host.rules, Channels: a.channels(repo),
		Key: []byte(key), Every: f.askEvery, Now: time.Now, Log: log, Registry: reg,
	})
	if err != nil {
		return nil, err
	}
	env.approvals = a
	return a, nil
}

// holds reports whether the folder has a file.
func (f approvalFlags) holds(name string) bool {
	_, err := os.Stat(filepath.Join(f.approvalsDir, name))
	return !errors.Is(err, fs.ErrNotExist)
}

// openSlack is nil when the folder holds nothing of Slack.
func (f approvalFlags) openSlack() (*slack.Client, error) {
	if !f.holds(slackTokenFile) {
		return nil, nil
	}
	return slack.New(slack.Config{
		TokenFile: filepath.Join(f.approvalsDir, slackTokenFile), SecretFile: filepath.Join(f.approvalsDir, slackSecretFile), API: f.slackAPI,
	})
}

func (a *approvals) channels(repo string) map[string]escalation.Channel {
	all := map[string]escalation.Channel{
		pagerduty.Via: a.pager,
		oncall.Via:    oncall.New(a.flags.approvalsDir, repo),
		notify.Via:    notify.New(a.flags.approvalsDir, repo, time.Now),
		sns.Via:       sns.New(a.flags.approvalsDir),
		mail.Via:      mail.New(a.flags.approvalsDir, repo),
	}
	if a.slack != nil {
		all[slack.Via] = a.slack
	}
	return all
}

// parts are the desk, and the server that answers come in by.
func (a *approvals) parts(ctx context.Context) ([]daemon.Part, error) {
	if a == nil {
		return nil, nil
	}
	all := []daemon.Part{{Name: "approvals", Run: a.desk.Run}}
	door, paths := a.inbound()
	if len(paths) == 0 {
		return all, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.flags.approvalsListen)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "--approvals-listen", "%w", err)
	}
	a.log.Info("taking answers", "address", l.Addr().String(), "paths", paths)
	return append(all, daemon.Serve(gateway.NewServer(a.flags.approvalsListen, door, a.log), l)), nil
}

// inbound is where the systems post that the folder has the keys of, and by
// which paths.
func (a *approvals) inbound() (http.Handler, []string) {
	door, paths := http.NewServeMux(), []string(nil)
	if a.slack != nil {
		paths = append(paths, slack.InboundPath)
		door.Handle(slack.InboundPath, a.slack.Inbound(a.press, a.log))
	}
	if a.flags.holds(pagerduty.SecretFile) {
		paths = append(paths, pagerduty.InboundPath)
		door.Handle(pagerduty.InboundPath, a.pager.Inbound(a.desk.Notice, a.log))
	}
	return door, paths
}

// press hands an answer from Slack on.
func (a *approvals) press(answer approval.Answer) bool {
	return a.desk.Press(escalation.Press{Answer: answer, Reply: func(ctx context.Context, text string) error {
		return a.slack.Whisper(ctx, answer.Place, answer.User, text)
	}})
}
