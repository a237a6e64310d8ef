// Command image builds the container image of amend without Docker: three static
// programs, the list of what they are made of, and nothing else. It writes an
// archive that both docker load and ctr images import take, and prints the
// digest, which is the same for the same sources and the same Go.
package main

import (
	"context"
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// options are the flags.
type options struct{ root, out, arch, tag, push string }

func main() {
	var o options
	flag.StringVar(&o.root, "root", ".", "folder of amend's sources")
	flag.StringVar(&o.out, "out", ".build/image", "folder for amend.tar, amend.cdx.json and the programs")
	flag.StringVar(&o.arch, "arch", "amd64", "architecture: amd64 or arm64")
	flag.StringVar(&o.tag, "tag", "ghcr.io/amendhq/amend:dev", "name of the image in the archive")
	flag.StringVar(&o.push, "push", "", "also push to this name, with the credentials of docker login")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.arch != "amd64" && o.arch != "arm64" {
		return fmt.Errorf("no image for the architecture %q", o.arch)
	}
	tag, err := name.NewTag(o.tag)
	if err != nil {
		return err
	}
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := compile(ctx, o.root, o.arch, out); err != nil {
		return err
	}
	img, bom, err := describe(out, o.arch)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "amend.cdx.json"), bom, 0o644); err != nil {
		return err
	}
	if err := writeArchive(filepath.Join(out, "amend.tar"), tag, img); err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	if o.push != "" {
		if err := push(ctx, o.push, img); err != nil {
			return err
		}
	}
	_, err = fmt.Printf("%s@%s\n", tag, digest)
	return err
}

// programs are those of the image: all of amend, and alone what a cluster runs many of,
// the gateway and the steps of Workflows.
var programs = [...]string{"amend", "amend-gateway", "amend-step"}

// compile builds the programs: static, without paths of this machine, stripped.
func compile(ctx context.Context, root, arch, out string) error {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", out + string(filepath.Separator)}
	for _, name := range programs {
		args = append(args, "./cmd/"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=-mod=readonly", "GOWORK=off")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building amend: %w", err)
	}
	return nil
}

// describe makes the image of the programs in a folder, and the list of what is in it.
func describe(dir, arch string) (v1.Image, []byte, error) {
	var all []*debug.BuildInfo
	c := content{arch: arch}
	for _, name := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, err
		}
		all, c.programs = append(all, info), append(c.programs, file{name: name, mode: 0o755, data: data})
	}
	c.origin = originOf(all[0])
	var err error
	if c.bom, err = billOfMaterials(all, c.origin); err != nil {
		return nil, nil, err
	}
	img, err := assemble(c)
	return img, c.bom, err
}

func push(ctx context.Context, to string, img v1.Image) error {
	ref, err := name.ParseReference(to)
	if err != nil {
		return err
	}
	return remote.Write(ref, img, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}
