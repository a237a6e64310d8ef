package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/secret"
)

// serveFlags are the flags of forge serve.
type serveFlags struct {
	listen        string
	dir           string
	runner        string
	addrFile      string
	login         string
	webhookURL    string
	webhookSecret string // file
	appRepo       string
	parallel      int
	control       bool
}

// appID is that of the one App, and of its installation.
const appID = 1

func serve() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve Git and the REST API until interrupted",
		Long: `Serve Git over HTTP at /OWNER/NAME.git and the REST API at /api/v3, as a GitHub
Enterprise host does. The token that opens every repository is in the file
"token" of the state folder; it is made at the first start. Workflows that
listen to repository_dispatch run on this machine with the given runner. With
--webhook-url every pull_request event (opened, synchronize, closed, reopened)
is posted there as GitHub does: once, signed with the secret in the file. With
--app-repo there is a GitHub App too, number 1, which may write contents, pull
requests and commit statuses of that one repository; its key is the file
"app-key.pem".`,
		Example: `  forge serve --dir .build/forge --runner .build/bin/act
  forge serve --listen 127.0.0.1:0 --dir .build/forge --addr-file .build/forge.addr --control`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			return f.run(cmd.Context(), log)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:3080", "address to listen on; port 0 takes a free one")
	flags.StringVar(&f.dir, "dir", ".forge", "folder of the forge's state")
	flags.StringVar(&f.runner, "runner", "", "path of act, which runs the workflows; jobs find programs on this process's PATH")
	flags.StringVar(&f.addrFile, "addr-file", "", "file to write the address to, once it is listened on")
	flags.StringVar(&f.login, "login", "demo", "who the token acts as")
	flags.StringVar(&f.webhookURL, "webhook-url", "", "where to post pull_request events; empty posts none")
	flags.StringVar(&f.webhookSecret, "webhook-secret-file", "", "file with the secret that signs them; empty signs none")
	flags.StringVar(&f.appRepo, "app-repo", "", "OWNER/NAME that a GitHub App is installed on")
	flags.IntVar(&f.parallel, "parallel", 2, "workflow runs at a time")
	flags.BoolVar(&f.control, "control", false, "serve /_forge/faults and /_forge/stats, for tests")
	return cmd
}

func (f serveFlags) run(ctx context.Context, log *slog.Logger) error {
	runner := f.runner
	if runner != "" {
		abs, err := filepath.Abs(runner)
		if err != nil {
			return amend.Errorf(amend.Invalid, "serve", "%w", err)
		}
		runner = abs
	}
	webhook, err := f.webhook()
	if err != nil {
		return err
	}
	server, err := forge.New(forge.Config{
		Dir: f.dir, Runner: runner, Webhook: webhook, Parallel: f.parallel, Control: f.control, Log: log,
	})
	if err != nil {
		return err
	}
	err = f.serve(ctx, server, log)
	return errors.Join(err, server.Close())
}

func (f serveFlags) webhook() (forge.Webhook, error) {
	w := forge.Webhook{URL: f.webhookURL}
	if f.webhookSecret == "" {
		return w, nil
	}
	text, err := secret.Read(f.webhookSecret)
	w.Secret = []byte(text)
	return w, err
}

func (f serveFlags) serve(ctx context.Context, server *forge.Server, log *slog.Logger) error {
	token, err := ensureToken(filepath.Join(f.dir, "token"))
	if err != nil {
		return err
	}
	server.AddToken(token, forge.Grant{Login: f.login})
	if f.appRepo != "" {
		if err := f.addApp(server); err != nil {
			return err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return amend.Errorf(amend.Invalid, "listen", "%w", err)
	}
	addr := listener.Addr().(*net.TCPAddr)
	if !addr.IP.IsLoopback() {
		// Workflows run as this user, and the controls ask for no token.
		return errors.Join(amend.Errorf(amend.Invalid, "listen", "%s is not on this machine only", addr), listener.Close())
	}
	if f.addrFile != "" {
		if err := cli.WriteFile(f.addrFile, []byte(addr.String()+"\n"), 0o644); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	log.Info("serving", "url", "http://"+addr.String(), "tokenFile", filepath.Join(f.dir, "token"))
	web := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- web.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := web.Shutdown(grace); err != nil {
		return web.Close() // somebody holds a connection open
	}
	return nil
}

// addApp installs the App, with the permissions that docs/install.md asks for.
func (f serveFlags) addApp(server *forge.Server) error {
	owner, name, ok := strings.Cut(f.appRepo, "/")
	if !ok || owner == "" || name == "" {
		return amend.Errorf(amend.Invalid, "--app-repo", "%q is not OWNER/NAME", f.appRepo)
	}
	key, err := ensureKey(filepath.Join(f.dir, "app-key.pem"))
	if err != nil {
		return err
	}
	server.AddApp(forge.App{ID: appID, Slug: "amend", Key: &key.PublicKey})
	server.AddInstallation(forge.Installation{
		ID: appID, AppID: appID, Account: owner, Repos: []string{f.appRepo},
		Permissions: map[string]string{"contents": "write", "pull_requests": "write", "statuses": "write", "metadata": "read"},
	})
	return nil
}

// ensureKey returns the private key in the file, which only this user can read,
// and makes it the first time.
func ensureKey(path string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, amend.Errorf(amend.Internal, "make key", "%w", err)
		}
		block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		return key, cli.WriteFile(path, block, 0o600)
	}
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read key", "%w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, amend.Errorf(amend.Invalid, "read key", "%s holds no PEM block", path)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read key", "%s: %w", path, err)
	}
	return key, nil
}

// ensureToken returns the token in the file, which only this user can read,
// and makes it the first time.
func ensureToken(path string) (string, error) {
	token, err := secret.Read(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	token = "ghp_" + rand.Text()
	return token, cli.WriteFile(path, []byte(token+"\n"), 0o600)
}
