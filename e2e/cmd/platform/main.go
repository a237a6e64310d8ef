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
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/amendhq/amend/e2e/platform"
)

const usage = `usage: platform [-root DIR] up|status|down

  up      build what is missing, start what does not run, wait until all is ready
  status  say what runs
  down    stop everything and verify that nothing is left
`

func main() {
	root := flag.String("root", "", "root of the repository (default: the one around the current folder)")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *root, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, command string) error {
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
	default:
		return fmt.Errorf("unknown command %q\n%s", command, usage)
	}
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
