package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A world is the running demo: three servers and the folder of their state.
type world struct {
	dir, bin, root string
	out            *screen
	fail           context.CancelCauseFunc
	procs          sync.WaitGroup

	forge, amend, alertmanager string    // base URLs
	page                       string    // where people look
	token, secret              string    // of the forge, and of amend's gateway
	began                      time.Time // when the alerts did; a repeated one has the same start
}

const repo = "acme/env"

// start brings everything up. The processes live as long as ctx.
func (w *world) start(ctx, patience context.Context) error {
	w.out.title("Starting a local Git host, Alertmanager and amend")
	if err := w.startForge(ctx, patience); err != nil {
		return err
	}
	if err := w.makeRepo(patience); err != nil {
		return err
	}
	if err := w.startAmend(ctx, patience); err != nil {
		return err
	}
	return w.startAlertmanager(ctx, patience)
}

func (w *world) startForge(ctx, patience context.Context) error {
	dir := filepath.Join(w.dir, "forge")
	addr, err := w.serve(ctx, patience, "forge", "serve", "--dir", dir, "--listen", "127.0.0.1:0", "--runner", filepath.Join(w.bin, "act"))
	if err != nil {
		return err
	}
	w.forge = "http://" + addr
	token, err := os.ReadFile(filepath.Join(dir, "token"))
	w.token = strings.TrimSpace(string(token))
	w.out.line("forge         %s/%s", w.forge, repo)
	return err
}

func (w *world) startAmend(ctx, patience context.Context) error {
	w.secret = rand.Text()
	file := filepath.Join(w.dir, "webhook-token")
	if err := os.WriteFile(file, []byte(w.secret), 0o600); err != nil {
		return err
	}
	page, err := freePort()
	if err != nil {
		return err
	}
	w.page = "http://" + page + "/"
	addr, err := w.serve(ctx, patience, "amend", "serve", "--repo", w.forge+"/"+repo, "--listen", "127.0.0.1:0",
		"--github-token-file", filepath.Join(w.dir, "forge", "token"), "--webhook-token-file", file,
		"--data-dir", filepath.Join(w.dir, "amend-data"), "--sweep-interval", "1s", "--page-listen", page)
	w.amend = "http://" + addr
	w.out.line("amend         %s", w.amend)
	return err
}

// serve starts a program that writes its address to a file, and waits for it.
func (w *world) serve(ctx, patience context.Context, name string, args ...string) (string, error) {
	file := filepath.Join(w.dir, name+".addr")
	if err := w.spawn(ctx, name, append(args, "--addr-file", file)...); err != nil {
		return "", err
	}
	var addr string
	err := poll(patience, name+" to listen", func() (bool, error) {
		data, err := os.ReadFile(file)
		addr = strings.TrimSpace(string(data))
		return err == nil, nil
	})
	return addr, err
}

func (w *world) startAlertmanager(ctx, patience context.Context) error {
	config := filepath.Join(w.dir, "alertmanager.yml")
	// Short times, so that repeats come within the demo. The rest is what
	// docs/serve.md tells users to write.
	text := fmt.Sprintf(`route:
  receiver: amend
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: amend
    webhook_configs:
      - url: %s/v1/alertmanager
        send_resolved: true
        http_config:
          authorization:
            credentials_file: %s
`, w.amend, filepath.Join(w.dir, "webhook-token"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	addr, err := freePort()
	if err != nil {
		return err
	}
	w.alertmanager = "http://" + addr
	err = w.spawn(ctx, "alertmanager", "--config.file", config, "--web.listen-address", addr,
		"--storage.path", filepath.Join(w.dir, "alertmanager"), "--cluster.listen-address", "")
	if err != nil {
		return err
	}
	w.out.line("Alertmanager  %s", w.alertmanager)
	return poll(patience, "Alertmanager to be ready", func() (bool, error) {
		resp, err := http.Get(w.alertmanager + "/-/ready")
		if err != nil {
			return false, nil // not listening yet
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	})
}

// freePort is for a program that cannot say which port it took.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// spawn starts a program with its output in a log file. It ends with ctx.
func (w *world) spawn(ctx context.Context, name string, args ...string) error {
	log, err := os.Create(filepath.Join(w.dir, name+".log"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(w.bin, name), args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = w.dir
	// The jobs of the record workflow find amend here, as on a prepared runner.
	cmd.Env = append(os.Environ(), "PATH="+w.bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	w.procs.Go(func() {
		defer log.Close()
		if err := cmd.Wait(); ctx.Err() == nil {
			w.fail(fmt.Errorf("%s ended before the demo did: %s (%v)", name, cmd.ProcessState, err))
		}
	})
	return nil
}

// wait returns when every process has ended.
func (w *world) wait() { w.procs.Wait() }

func (w *world) printAddresses() {
	w.out.title("Still running; end it with Ctrl-C")
	w.out.line("page %s", w.page)
	w.out.line("git -C %s log --stat origin/main", w.clone())
	w.out.line("curl -H \"Authorization: Bearer $(cat %s)\" %s/v1/decisions", filepath.Join(w.dir, "webhook-token"), w.amend)
	w.out.line("curl %s/metrics", w.amend)
	w.out.line("Alertmanager %s", w.alertmanager)
	w.out.line("logs in %s", w.dir)
}

// poll asks until the answer is yes.
func poll(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited too long for %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
