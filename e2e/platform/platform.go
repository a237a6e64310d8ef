// Package platform runs, on one Linux machine and as root, the real programs
// that amend works with: Kubernetes, Argo Events, Argo Workflows and Argo CD.
// It needs neither Docker nor a container registry: the programs are built
// from their Go modules, containerd and its companions are Debian packages,
// and images are made from static programs. Every server listens on loopback
// or on an address of the platform's own, and no other machine is contacted
// but the Go module proxy and the Debian mirror.
//
// All state lies in .build/platform below the root of the repository. Down
// deletes what a run left there and on the machine; built programs stay.
package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Platform is the platform of one checkout. At most one can be up on a machine.
type Platform struct {
	at  layout
	log *slog.Logger
}

// New describes the platform of the repository at root. It starts nothing.
func New(root string, log *slog.Logger) (*Platform, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "e2e", "go.mod")); err != nil {
		return nil, fmt.Errorf("%s is not the root of the repository: %w", root, err)
	}
	// Mounts are known by their real path, and .build may be a link.
	if real, err := filepath.EvalSymlinks(filepath.Join(root, ".build", "platform")); err == nil {
		return &Platform{at: newLayout(root, real), log: log}, nil
	}
	return &Platform{at: newLayout(root, filepath.Join(root, ".build", "platform")), log: log}, nil
}

// Kubeconfig is the file that gives a client every right on the cluster. It
// exists while the platform is up.
func (p *Platform) Kubeconfig() string { return p.at.kubeconfig("admin") }

// Kubectl is the program of that name, of the platform's version.
func (p *Platform) Kubectl() string { return p.at.bin("kubectl") }

// Up builds what is not built, starts what does not run, and returns once the
// node is Ready and all controllers run. It may be repeated at any time, also
// after an Up that failed or was interrupted.
func (p *Platform) Up(ctx context.Context) error {
	return p.exclusively(func() error {
		for _, step := range []struct {
			what string
			do   func(context.Context) error
		}{
			{"Debian packages", p.installPackages},
			{"programs", p.build},
			{"the machine", p.prepareMachine},
			{"control plane", p.startControlPlane},
			{"node", p.startNode},
			{"Argo", p.startArgo},
		} {
			p.log.Info("preparing " + step.what)
			begin := time.Now()
			if err := step.do(ctx); err != nil {
				return fmt.Errorf("%s: %w", step.what, err)
			}
			p.log.Info("ready: "+step.what, "took", time.Since(begin).Round(100*time.Millisecond))
		}
		return nil
	})
}

// Down stops the platform and takes back everything that it did to the
// machine. It returns an error that names each thing which is still there.
// Debian packages and built programs stay.
func (p *Platform) Down(ctx context.Context) error {
	return p.exclusively(func() error {
		problems := errors.Join(
			p.stopDaemons(ctx),
			p.removePods(ctx),
			p.removeMounts(),
			p.restoreMachine(ctx),
			p.removeFiles(),
		)
		left, err := p.leftovers(ctx)
		for _, l := range left {
			problems = errors.Join(problems, fmt.Errorf("still there: %s", l))
		}
		if problems = errors.Join(problems, err); problems != nil {
			return problems
		}
		p.log.Info("nothing is left: no process, mount, namespace, address, bridge, chain, control group or file of a run")
		return nil
	})
}

// Status writes one line for each program that was started, and whether the
// node is Ready. It reports whether the platform is up; its error says what is
// not as it should be while it is.
func (p *Platform) Status(ctx context.Context, w io.Writer) (up bool, err error) {
	names, err := p.at.daemonNames()
	if err != nil {
		return false, err
	}
	if len(names) == 0 {
		_, err := fmt.Fprintln(w, "down")
		return false, err
	}
	var problems error
	for _, name := range names {
		state := "stopped"
		if pid, ok := p.at.alive(name); ok {
			state = fmt.Sprintf("running, process %d", pid)
		} else {
			problems = errors.Join(problems, fmt.Errorf("%s is stopped, see %s", name, p.at.logFile(name)))
		}
		fmt.Fprintf(w, "%-24s %s\n", name, state)
	}
	if err := p.nodeReady(ctx); err != nil {
		return false, errors.Join(problems, err)
	}
	fmt.Fprintf(w, "%-24s Ready\nKUBECONFIG=%s\n", "node", p.Kubeconfig())
	return problems == nil, problems
}

// exclusively runs do while no other command works on the same platform.
func (p *Platform) exclusively(do func() error) error {
	if os.Geteuid() != 0 {
		return errors.New("must run as root: it starts containers and changes the network of this machine")
	}
	base := filepath.Dir(p.at.Run)
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(base, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another command works on %s: %w", base, err)
	}
	return do()
}

// removeFiles deletes what a run wrote, within its own folder and at the few
// places outside of it that no setting moves.
func (p *Platform) removeFiles() error {
	problems := os.RemoveAll(p.at.Run)
	for _, path := range strayFiles() {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = errors.Join(problems, err)
		}
	}
	for _, path := range strayFolders {
		_ = os.Remove(path) // somebody else's where it is not empty
	}
	return problems
}
