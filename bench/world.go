package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/amendhq/amend"
)

// A world is a Git host with one env repo, which amend and its baselines reach
// over HTTP with the same round trip.
type world struct {
	setting
	bench *bench
	dir   string
	begin string // the commit before anything was done
	token string
	forge *program
	meter *meter // nil unless the setting asks for one
	proxy *proxy
	door  *proxy   // of amend: as proxy, and watched
	watch *watch   // of that
	serve *program // amend serve, once started
}

// A setting says what a world is like.
type setting struct {
	files   int // of one Deployment each
	commits int
	rtt     time.Duration // between the host and everybody
	mode    amend.Mode    // of the only playbook; commit when empty
	metered bool          // whether the calls of the host are counted
	limit   limit         // what the host allows; zero for anything
	changes int           // of amend, as the last commits
	runner  bool          // whether the host runs workflows
	extra   []extraFile   // beside the apps
}

// An extraFile is one of the env repo.
type extraFile struct{ name, data string }

const repoName = "acme/env"

// A program is one that runs until it is stopped.
type program struct {
	name string
	addr string
	pid  int
	end  func() error
}

// newWorld makes the env repo of a setting and serves it.
func newWorld(ctx context.Context, b *bench, s setting) (*world, error) {
	dir, err := os.MkdirTemp(b.dir, "world-")
	if err != nil {
		return nil, err
	}
	w := &world{setting: s, bench: b, dir: dir}
	state := filepath.Join(dir, "forge")
	if _, err := command(ctx, "", filepath.Join(b.bin, "forge"), "repo", "create", repoName, "--dir", state); err != nil {
		return nil, err
	}
	if err := w.fill(ctx); err != nil {
		return nil, err
	}
	if w.begin, err = w.git(ctx, "rev-parse", "main"); err != nil {
		return nil, err
	}
	args := []string{"serve", "--dir", state, "--listen", "127.0.0.1:0"}
	if s.runner {
		args = append(args, "--runner", filepath.Join(b.bin, "act"))
	}
	if w.forge, err = b.start(ctx, dir, "forge", args...); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(state, "token"))
	if err != nil {
		return nil, err
	}
	w.token = strings.TrimSpace(string(token))
	host := w.forge.addr
	if s.metered {
		if w.meter, err = newMeter(host, s.limit); err != nil {
			return nil, err
		}
		host = w.meter.addr()
	}
	w.watch = &watch{}
	if w.proxy, err = newProxy(host, s.rtt, nil); err != nil {
		return nil, err
	}
	w.door, err = newProxy(host, s.rtt, w.watch)
	return w, err
}

func (w *world) repoDir() string { return filepath.Join(w.dir, "forge", "repos", repoName+".git") }

func (w *world) url() string { return "http://" + w.proxy.addr() + "/" + repoName }

// close ends all processes and deletes the world.
func (w *world) close() error {
	var errs []error
	if w.serve != nil {
		errs = append(errs, w.serve.end())
	}
	errs = append(errs, w.proxy.close(), w.door.close())
	if w.meter != nil {
		errs = append(errs, w.meter.close())
	}
	errs = append(errs, w.forge.end(), os.RemoveAll(w.dir))
	return errors.Join(errs...)
}

// startAmend runs amend serve; how long that takes is for the caller to say.
func (w *world) startAmend(ctx context.Context, flags ...string) (err error) {
	args := []string{"serve", "--repo", "http://" + w.door.addr() + "/" + repoName, "--listen", "127.0.0.1:0", "--sweep-interval", "1h",
		"--github-token-file", filepath.Join(w.dir, "forge", "token"), "--data-dir", filepath.Join(w.dir, "amend-data")}
	w.serve, err = w.bench.start(ctx, w.dir, "amend", append(args, flags...)...)
	return err
}

// start runs a program that writes its address to a file, and waits for that.
func (b *bench) start(ctx context.Context, dir, name string, args ...string) (*program, error) {
	file := filepath.Join(dir, name+".addr")
	p, err := b.launch(ctx, dir, name, gitEnv(), append(args, "--addr-file", file)...)
	if err != nil {
		return nil, err
	}
	err = until(ctx, name+" listens", func() (bool, error) {
		data, err := os.ReadFile(file)
		p.addr = strings.TrimSpace(string(data))
		return err == nil && p.addr != "", nil
	})
	return p, err
}

// launch runs a program, which writes its log to the folder.
func (b *bench) launch(ctx context.Context, dir, name string, env []string, args ...string) (*program, error) {
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, name), args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, env
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	end := sync.OnceValue(func() error {
		err := cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // that it was ended is meant
		return errors.Join(err, log.Close())
	})
	p := &program{name: name, pid: cmd.Process.Pid, end: end}
	b.started = append(b.started, p)
	return p, nil
}

// patience is how long anything may take.
const patience = 2 * time.Minute

// until asks every fraction of a millisecond.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func appName(n int) string { return fmt.Sprintf("app-%05d", n) }

// appFile is where the app with the number is declared: a hundred in a folder.
func appFile(n int) string {
	return fmt.Sprintf("apps/%03d/%s/deployment.yaml", n/100, appName(n))
}

const benchPolicy = `apiVersion: amend.dev/v1alpha1
kind: Policy
budgets: [] # the storm is more than anybody wants
defaults:
  cooldown: 1h
playbooks:
  - name: out-of-memory
    match:
      - alertname="AppOutOfMemory"
    workload:
      kind: Deployment
      namespace: {value: shop}
      name: {label: deployment}
      container: {label: container}
    action: raise-memory-limit
    with: {factor: 2, ceiling: 2Gi}
    mode: MODE
`

// policy is the policy of the env repo.
func (s setting) policy() string {
	return strings.ReplaceAll(benchPolicy, "MODE", string(cmp.Or(s.mode, amend.Commit)))
}

// The value before and after the fix, and where yq finds it.
const (
	memoryBefore = "256Mi"
	memoryAfter  = "512Mi"
	memoryPath   = ".spec.template.spec.containers[0].resources.limits.memory"
)

func deployment(n int) string {
	return strings.NewReplacer("APP", appName(n), "MEMORY", memoryBefore).Replace(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: APP
  namespace: shop
  labels: {app: APP}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: APP
  template:
    metadata:
      labels:
        app: APP
    spec:
      containers:
        - name: app
          image: registry.example.com/shop/APP:1.0.0
          ports:
            - containerPort: 8080
          env:
            - name: LOG_LEVEL
              value: info
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: MEMORY
`)
}

// fill writes the history into the repo of the host: all files, and then one
// commit after the other that touches one file beside them.
func (w *world) fill(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "git", "fast-import", "--quiet", "--force")
	cmd.Dir, cmd.Env = w.repoDir(), gitEnv()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		return err
	}
	out := bufio.NewWriterSize(in, 1<<20)
	if err := errors.Join(w.history(out), in.Close(), cmd.Wait()); err != nil {
		return fmt.Errorf("git fast-import: %w: %s", err, errs.Bytes())
	}
	_, err = command(ctx, w.repoDir(), "git", "repack", "-adq")
	return err
}

// history writes the stream of git-fast-import(1).
func (s setting) history(out *bufio.Writer) error {
	total := max(1, s.commits) + s.changes
	at := time.Now().Add(-time.Duration(total) * time.Minute).Unix()
	commit := func(message string) {
		at += 60
		fmt.Fprintf(out, "commit refs/heads/main\ncommitter Jo <jo@example.com> %d +0000\ndata %d\n%s\n", at, len(message), message)
	}
	file := func(name, data string) { fmt.Fprintf(out, "M 100644 inline %s\ndata %d\n%s\n", name, len(data), data) }
	commit("Begin")
	file(".amend/policy.yaml", s.policy())
	for app := range s.files {
		file(appFile(app), deployment(app))
	}
	for _, f := range s.extra {
		file(f.name, f.data)
	}
	for n := 1; n < s.commits; n++ {
		commit("Change")
		file("CHANGES", fmt.Sprintln("change", n))
	}
	for n := range s.changes {
		text, err := madeUp(n)
		if err != nil {
			return err
		}
		commit(text)
	}
	return out.Flush()
}

// tip returns the commit of the branch at the host.
func (w *world) tip() string {
	data, err := os.ReadFile(filepath.Join(w.repoDir(), "refs", "heads", "main"))
	if err != nil { // it is packed
		data, _ = os.ReadFile(filepath.Join(w.repoDir(), "packed-refs"))
	}
	return string(bytes.TrimSpace(data))
}

// git asks the repository at the host.
func (w *world) git(ctx context.Context, args ...string) (string, error) {
	out, err := command(ctx, w.repoDir(), "git", args...)
	return strings.TrimSpace(string(out)), err
}

// outOfMemory is the alert about an app that amend answers with a fix.
func outOfMemory(app int) amend.Alert {
	return amend.Alert{
		Status: amend.Firing, StartsAt: time.Now().Add(-time.Minute).UTC(),
		Labels: map[string]string{"alertname": "AppOutOfMemory", "deployment": appName(app), "container": "app"},
	}
}

// webhook is the body that Alertmanager posts.
func webhook(alerts []amend.Alert) ([]byte, error) {
	return json.Marshal(struct {
		Version  string        `json:"version"`
		GroupKey string        `json:"groupKey"`
		Status   string        `json:"status"`
		Receiver string        `json:"receiver"`
		Alerts   []amend.Alert `json:"alerts"`
	}{"4", "{}", "firing", "amend", alerts})
}

// post sends alerts about the apps, and returns when they are accepted.
func (w *world) post(ctx context.Context, apps ...int) error {
	var alerts []amend.Alert
	for _, n := range apps {
		alerts = append(alerts, outOfMemory(n))
	}
	body, err := webhook(alerts)
	if err != nil {
		return err
	}
	return w.postBody(ctx, body)
}

// cpu returns what the host and amend have used.
func (w *world) cpu() (time.Duration, error) {
	sum, err := cpuOf(w.forge.pid)
	if err != nil || w.serve == nil {
		return sum, err
	}
	own, err := cpuOf(w.serve.pid)
	return sum + own, err
}
