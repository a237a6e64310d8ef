// Command platform starts and stops the real platform of the end-to-end tests
// on this machine or, when KUBECONFIG names a cluster of somebody else's, adds
// to that cluster what it lacks and takes it away again. Package platform says
// what that is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/amendhq/amend/e2e/platform"
)

const usage = `usage: platform [-root DIR] up|status|down
       platform [-root DIR] run PROGRAM [ARGUMENT...]
       platform [-root DIR] push PREFIX

  up      build what is missing, start what does not run, wait until all is ready
  status  say what runs
  down    stop everything and verify that nothing is left
  run     run a program with KUBECONFIG set; the platform is started for it, and
          stopped after it, unless it was up before
  push    push the images of the tests to a registry, as PREFIX/app:1 and others

With KUBECONFIG set to a cluster that is not the platform's, up adds the Argo
controllers that it has not, and down deletes what up has added, and no more.
`

func main() {
	root := flag.String("root", "", "root of the repository (default: the one around the current folder)")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()
	if n := flag.NArg(); n == 0 || (n > 1) != (flag.Arg(0) == "run" || flag.Arg(0) == "push") {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, flag.Arg(0), flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, command string, args []string) error {
	if root == "" {
		var err error
		if root, err = findRoot(); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	p, err := platform.New(root, log)
	if err != nil {
		return err
	}
	if command == "push" {
		return p.Push(ctx, args[0])
	}
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig != "" && !p.Has(kubeconfig) {
		existing, err := platform.Use(root, kubeconfig, log)
		if err != nil {
			return err
		}
		return do(ctx, existing, kubeconfig, command, args)
	}
	return do(ctx, p, p.Kubeconfig(), command, args)
}

// A cluster is one of ours, or what we add to one of somebody else's.
type cluster interface {
	Up(context.Context) error
	Status(context.Context, io.Writer) (up bool, err error)
	Down(context.Context) error
}

func do(ctx context.Context, c cluster, kubeconfig, command string, args []string) error {
	switch command {
	case "up":
		if err := c.Up(ctx); err != nil {
			return err
		}
		fmt.Printf("export KUBECONFIG=%s\n", kubeconfig)
		return nil
	case "status":
		_, err := c.Status(ctx, os.Stdout)
		return err
	case "down":
		return c.Down(ctx)
	case "run":
		return with(ctx, c, kubeconfig, args)
	default:
		return fmt.Errorf("unknown command %q\n%s", command, usage)
	}
}

// with runs a program while the cluster is up. What it started it stops, also
// after an interruption.
func with(ctx context.Context, c cluster, kubeconfig string, argv []string) (err error) {
	if up, _ := c.Status(ctx, io.Discard); !up { // why, Up will say
		defer func() { err = errors.Join(err, c.Down(context.WithoutCancel(ctx))) }()
		if err := c.Up(ctx); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	return cmd.Run()
}

// findRoot looks for the folder that holds e2e, from here upwards.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "e2e", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not within the repository: say where it is with -root")
		}
	}
}
