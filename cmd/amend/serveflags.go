package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/github"
)

// serveFlags is the configuration of serve. Secrets are named by file, never
// given as a value: a process list shows arguments to everybody.
type serveFlags struct {
	repo, api, branch       string
	listen, addrFile        string
	dataDir                 string
	webhookTokens           []string
	webhookUser             string
	webhookPassword         string
	githubToken             string
	githubApp               int64
	githubInstallation      int64
	githubAppKey            string
	authorName, authorEmail string
	labels, volatile        []string
	foldWindow              time.Duration
	sweepEvery              time.Duration
	giveUp                  time.Duration
	writeSpacing            time.Duration
	logLevel, logFormat     string
}

func (f *serveFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.repo, "repo", "", "address of the env repo, e.g. https://github.com/acme/env (required)")
	fs.StringVar(&f.branch, "branch", "main", "branch that Argo CD follows")
	fs.StringVar(&f.api, "api", "", "root of the host's REST API (default: api.github.com, or /api/v3 of any other host)")
	fs.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address of the gateway; one that others can reach needs webhook authentication")
	fs.StringVar(&f.addrFile, "addr-file", "", "file to write the address to, once it is listened on")
	fs.StringVar(&f.dataDir, "data-dir", "amend-data", "folder of accepted events and of the mirror of the env repo")
	fs.StringArrayVar(&f.webhookTokens, "webhook-token-file", nil, "file with a bearer token that senders must show; repeat it to rotate")
	fs.StringVar(&f.webhookUser, "webhook-user", "", "user of basic authentication for senders")
	fs.StringVar(&f.webhookPassword, "webhook-password-file", "", "file with the password of --webhook-user")
	fs.StringVar(&f.githubToken, "github-token-file", "", "file with a token that may write contents and pull requests")
	fs.Int64Var(&f.githubApp, "github-app-id", 0, "id of a GitHub App, instead of a token")
	fs.Int64Var(&f.githubInstallation, "github-installation-id", 0, "installation of the App (default: looked up)")
	fs.StringVar(&f.githubAppKey, "github-app-key-file", "", "file with the App's private key")
	fs.StringVar(&f.authorName, "author-name", "amend", "author of the commits")
	fs.StringVar(&f.authorEmail, "author-email", defaultEmail, "e-mail of the author")
	fs.StringSliceVar(&f.labels, "pr-label", []string{"amend"}, "labels of pull requests")
	fs.StringSliceVar(&f.volatile, "volatile-label", alert.DefaultVolatile(), "labels that do not tell one trouble from another")
	fs.DurationVar(&f.foldWindow, "fold-window", time.Minute, "repeats of an accepted alert within this time are not looked at again")
	fs.DurationVar(&f.sweepEvery, "sweep-interval", 30*time.Second, "how often the log is compared with the history")
	fs.DurationVar(&f.giveUp, "give-up-after", 10*time.Minute, "how long a change is tried before its failure is recorded")
	fs.DurationVar(&f.writeSpacing, "write-spacing", 0, "least time between two writes to the host; GitHub asks for 1s")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&f.logFormat, "log-format", "json", "json or text")
}

func (f serveFlags) gatewayAuth() gateway.Auth {
	return gateway.Auth{TokenFiles: f.webhookTokens, User: f.webhookUser, PasswordFile: f.webhookPassword}
}

func (f serveFlags) githubAuth() github.Auth {
	return github.Auth{TokenFile: f.githubToken, AppID: f.githubApp, KeyFile: f.githubAppKey, InstallationID: f.githubInstallation}
}

func (f serveFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, amend.Errorf(amend.Invalid, "--log-level", "%w", err)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	}
	return nil, amend.Errorf(amend.Invalid, "--log-format", "%q is neither json nor text", f.logFormat)
}

// A repoURL is where the env repo is, in the forms that Git and REST want.
type repoURL struct{ clone, api, owner, name string }

// parseRepoURL takes the address that people copy from their browser or clone
// from. An empty api follows from the host, as GitHub documents it.
func parseRepoURL(repo, api string) (repoURL, error) {
	u, err := url.Parse(repo)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return repoURL{}, amend.Errorf(amend.Invalid, "--repo", "want https://HOST/OWNER/NAME without credentials")
	}
	owner, name, ok := strings.Cut(strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"), "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return repoURL{}, amend.Errorf(amend.Invalid, "--repo", "%q names no OWNER/NAME", u.Path)
	}
	root := u.Scheme + "://" + u.Host
	if api == "" && u.Host != "github.com" {
		api = root + "/api/v3"
	}
	return repoURL{clone: fmt.Sprintf("%s/%s/%s.git", root, owner, name), api: api, owner: owner, name: name}, nil
}
