package platform

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const goArch = runtime.GOARCH

// packages are what containers need and Go modules do not hold, and what the
// scenarios watch the cluster with.
var packages = []string{
	"containerd", "runc", "containernetworking-plugins", "iptables", "iproute2", "redis-server", "prometheus",
}

// installPackages installs the Debian packages that are missing.
func (p *Platform) installPackages(ctx context.Context) error {
	var missing []string
	for _, name := range packages {
		state, err := p.output(ctx, "dpkg-query", "-W", "-f=${Status}", name)
		if err != nil || !strings.Contains(state, "ok installed") {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	p.log.Info("installing with apt-get; they stay installed", "packages", missing)
	if _, err := p.output(ctx, "apt-get", "update"); err != nil {
		return err
	}
	// The platform runs its own containerd and redis, the scenarios their
	// own Prometheus: no service is to start.
	args := append([]string{"RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive",
		"apt-get", "install", "-y", "--no-install-recommends"}, missing...)
	_, err := p.output(ctx, "env", args...)
	return err
}

// build builds every program that runs in or beside the cluster. The Go tool
// knows what is up to date, so a repetition takes seconds.
func (p *Platform) build(ctx context.Context) error {
	for _, program := range []string{"pause", "echo", "app", "dns", "node", "argocd"} {
		if err := p.goBuild(ctx, program, "./cmd/"+program); err != nil {
			return err
		}
	}
	for program, pkg := range map[string]string{
		"argo-events": eventsModule + "/cmd",
		"kubectl":     "k8s.io/kubernetes/cmd/kubectl",
		"kustomize":   "sigs.k8s.io/kustomize/kustomize/v5",
		"helm":        "helm.sh/helm/v3/cmd/helm",
	} {
		if err := p.goBuild(ctx, program, pkg); err != nil {
			return err
		}
	}
	modfile, err := p.completeWorkflows(ctx)
	if err != nil {
		return err
	}
	for _, program := range []string{"workflow-controller", "argoexec"} {
		if err := p.goBuild(ctx, program, workflowsModule+"/cmd/"+program, "-modfile="+modfile); err != nil {
			return err
		}
	}
	return nil
}

// completeWorkflows copies the module of Argo Workflows, adds the one file that
// it lacks, and returns a go.mod that uses the copy. The file is a symbolic
// link in the module's repository, and module archives carry no links; without
// it argoexec does not compile.
func (p *Platform) completeWorkflows(ctx context.Context) (modfile string, err error) {
	dir, err := p.moduleDir(ctx, workflowsModule)
	if err != nil {
		return "", err
	}
	source := filepath.Join(p.at.Source, filepath.Base(dir))
	if _, err := os.Stat(source); errors.Is(err, fs.ErrNotExist) {
		if err := copyModule(source, dir); err != nil {
			return "", fmt.Errorf("copying %s: %w", dir, err)
		}
	}
	modfile = filepath.Join(p.at.Source, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(p.at.Module, name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(p.at.Source, name), text, 0o644); err != nil {
			return "", err
		}
	}
	_, err = p.output(ctx, "go", "mod", "edit", "-replace="+workflowsModule+"="+source, modfile)
	return modfile, err
}

// copyModule copies a module and adds the link. The copy
// appears under its name only when it is complete.
func copyModule(to, from string) error {
	partial := to + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(filepath.Dir(to), 0o755)); err != nil {
		return err
	}
	if err := os.CopyFS(partial, os.DirFS(from)); err != nil {
		return err
	}
	link := filepath.Join(partial, "workflow", "executor", "osspecific", "signal_linux.go")
	if err := os.Symlink("signal_darwin.go", link); err != nil {
		return err
	}
	return os.Rename(partial, to)
}

func (p *Platform) goBuild(ctx context.Context, program, pkg string, flags ...string) error {
	if _, err := os.Stat(p.at.bin(program)); err != nil {
		p.log.Info("building, which takes minutes the first time", "program", program)
	}
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", p.at.bin(program)}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = p.at.Module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// moduleDir is where the Go tool keeps the files of a required module.
func (p *Platform) moduleDir(ctx context.Context, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module)
	cmd.Dir = p.at.Module
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding module %s: %w", module, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// output runs a program to its end and returns what it printed on stdout. The
// error ends in what it printed on stderr.
func (p *Platform) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// ctr talks to the platform's containerd, in the namespace of the kubelet.
func (p *Platform) ctr(ctx context.Context, args ...string) error {
	_, err := p.ctrOutput(ctx, args...)
	return err
}

func (p *Platform) ctrOutput(ctx context.Context, args ...string) (string, error) {
	return p.output(ctx, "ctr", append([]string{"-a", p.at.ContainerdSocket(), "-n", "k8s.io"}, args...)...)
}
