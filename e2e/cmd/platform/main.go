// Command platform starts and stops the real platform of the end-to-end tests
// on this machine. Package platform says what that is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
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

  up      build what is missing, start what does not run, wait until all is ready
  status  say what runs
  down    stop everything and verify that nothing is left
  run     run a program with KUBECONFIG set; the platform is started for it, and
          stopped after it, unless it was up before
`

func main() {
	root := flag.String("root", "", "root of the repository (default: the one around the current folder)")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()
	if flag.NArg() != 1 && (flag.NArg() < 2 || flag.Arg(0) != "run") {
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
	p, err := platform.New(root, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	switch command {
	case "up":
		if err := p.Up(ctx); err != nil {
			return err
		}
		fmt.Printf("export KUBECONFIG=%s\n", p.Kubeconfig())
		return nil
	case "status":
		return p.Status(ctx, os.Stdout)
	case "down":
		return p.Down(ctx)
	case "run":
		return with(ctx, p, args)
	default:
		return fmt.Errorf("unknown command %q\n%s", command, usage)
	}
}

// with runs a program while the platform is up. What it started it stops, also
// after an interruption.
func with(ctx context.Context, p *platform.Platform, argv []string) (err error) {
	if !p.IsUp(ctx) {
		defer func() { err = errors.Join(err, p.Down(context.WithoutCancel(ctx))) }()
		if err := p.Up(ctx); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+p.Kubeconfig())
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
