package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
)

// repoFlags say which env repo is written to, and as whom. Secrets are named by
// file, never given as a value: a process list shows arguments to everybody.
type repoFlags struct {
	repo, api, branch       string
	dataDir                 string
	githubToken             string
	githubLogin             string
	githubApp               int64
	githubInstallation      int64
	githubAppKey            string
	authorName, authorEmail string
	labels                  []string
	sweepEvery, pullEvery   time.Duration
	writeSpacing            time.Duration
}

func (f *repoFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.repo, "repo", "", "address of the env repo, e.g. https://github.com/acme/env (required)")
	fs.StringVar(&f.branch, "branch", "main", "branch that Argo CD follows")
	fs.StringVar(&f.api, "api", "", "root of the host's REST API (default: api.github.com, or /api/v3 of any other host)")
	fs.StringVar(&f.dataDir, "data-dir", "amend-data", "folder of the mirror of the env repo and, with serve, of accepted events")
	fs.StringVar(&f.githubToken, "github-token-file", "", "file with a token that may write contents and pull requests")
	fs.Int64Var(&f.githubApp, "github-app-id", 0, "id of a GitHub App, instead of a token")
	fs.Int64Var(&f.githubInstallation, "github-installation-id", 0, "installation of the App (default: looked up)")
	fs.StringVar(&f.githubAppKey, "github-app-key-file", "", "file with the App's private key")
	fs.StringVar(&f.githubLogin, "github-login", "", loginUsage+" (default: the host is asked, which knows it of an App and of a person's token)")
	fs.StringVar(&f.authorName, "author-name", "amend", "author of the commits")
	fs.StringVar(&f.authorEmail, "author-email", defaultEmail, "e-mail of the author")
	fs.StringSliceVar(&f.labels, "pr-label", []string{"amend"}, "labels of pull requests")
	fs.DurationVar(&f.sweepEvery, "sweep-interval", 30*time.Second, "how often the log is compared with the history")
	fs.DurationVar(&f.pullEvery, "pull-interval", time.Minute, "how often open pull requests are looked after at most")
	fs.DurationVar(&f.writeSpacing, "write-spacing", 0, "least time between two writes to the host; GitHub asks for 1s")
}

// loginUsage says what --github-login is.
const loginUsage = "account that the writer's credential belongs to, such as jo or the-app[bot]: verdicts that anybody else writes are not believed"

// auth is what the flags say of the credential, which is of one of two kinds.
func (f repoFlags) auth() (github.Auth, error) {
	app := f.githubApp != 0 || f.githubAppKey != ""
	switch {
	case (f.githubToken == "") == !app:
		return github.Auth{}, amend.Errorf(amend.Invalid, "credential", "give either --github-token-file, or --github-app-id and --github-app-key-file")
	case app && f.githubApp == 0:
		return github.Auth{}, amend.Errorf(amend.Invalid, "--github-app-id", "it is required with --github-app-key-file")
	case app && f.githubAppKey == "":
		return github.Auth{}, amend.Errorf(amend.Invalid, "--github-app-key-file", "it is required with --github-app-id")
	}
	return github.Auth{TokenFile: f.githubToken, AppID: f.githubApp, KeyFile: f.githubAppKey, InstallationID: f.githubInstallation}, nil
}

// A repoURL is where the env repo is, in the forms that Git and REST want.
type repoURL struct{ clone, api, owner, name string }

// parseRepoURL takes the address that people copy from their browser or clone
// from. An empty api follows from the host, as GitHub documents it.
func parseRepoURL(repo, api string) (repoURL, error) {
	u, err := url.Parse(repo)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return repoURL{}, amend.Errorf(amend.Invalid, "--repo", "expected https://HOST/OWNER/NAME, the address of the env repo on its host, without credentials")
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

// warnInClear tells of addresses to which the credential travels for everybody
// on the way to read. Somebody may have a tunnel there, so it is no error.
func warnInClear(log *slog.Logger, addresses ...string) {
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			log.Warn("the credential travels unencrypted; use https", "address", address)
		}
	}
}
