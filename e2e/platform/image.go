package platform

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const pauseImage = OwnImages + "/pause:1"

// content is what is in an image: one static program, and how it is started.
type content struct {
	program string   // file on this machine
	args    []string // beside what a pod says
	user    string   // root where empty
}

// path is where the program is in the image.
func (c content) path() string { return "/bin/" + filepath.Base(c.program) }

func (p *Platform) built(name string, args ...string) content {
	return content{program: p.at.bin(name), args: args}
}

// testImages are what the tests run, by the names that a Site's Images goes
// before: echo prints its arguments and ends, app:1 runs until it is told to
// end, and app:2 is its next release, which ends with an error.
func (p *Platform) testImages() map[string]content {
	return map[string]content{
		"echo:1": p.built("echo"),
		"app:1":  p.built("app"),
		"app:2":  p.built("app", "-broken"),
	}
}

func (p *Platform) images() map[string]content {
	all := map[string]content{
		pauseImage:    p.built("pause"),
		eventsImage:   p.built("argo-events"),
		executorImage: p.built("argoexec"),
		argoCDImage:   p.built("argocd"),
		// Upstream's manifests insist on an image that does not run as root.
		workflowControllerImage: {program: p.at.bin("workflow-controller"), user: "8737"},
	}
	for name, content := range p.testImages() {
		all[OwnImages+"/"+name] = content
	}
	return all
}

// importImages hands containerd every image that it does not have yet.
func (p *Platform) importImages(ctx context.Context) error {
	for image, content := range p.images() {
		have, err := p.ctrOutput(ctx, "images", "ls", "-q", "name=="+image)
		if err != nil {
			return err
		}
		if have != "" {
			continue
		}
		if err := p.importImage(ctx, image, content); err != nil {
			return fmt.Errorf("importing %s: %w", image, err)
		}
	}
	return nil
}

// Import hands an archive of an image to the node, in place of any image that
// has its name already.
func (p *Platform) Import(ctx context.Context, archive string) error {
	return p.ctr(ctx, "images", "import", archive)
}

func (p *Platform) importImage(ctx context.Context, image string, c content) error {
	archive := p.at.run("image.tar")
	if err := writeImage(archive, image, c); err != nil {
		return err
	}
	return errors.Join(p.Import(ctx, archive), os.Remove(archive))
}

// Push builds the images of the tests and pushes them to a registry, for a
// cluster of somebody else's. The credentials are those of docker login.
func (p *Platform) Push(ctx context.Context, images string) error {
	for _, program := range []string{"echo", "app"} {
		if err := p.goBuild(ctx, program, "./cmd/"+program); err != nil {
			return err
		}
	}
	for tag, content := range p.testImages() {
		if err := pushImage(ctx, images+"/"+tag, content); err != nil {
			return fmt.Errorf("pushing %s: %w", tag, err)
		}
		p.log.Info("pushed", "image", images+"/"+tag)
	}
	return nil
}

func pushImage(ctx context.Context, to string, c content) error {
	ref, err := name.ParseReference(to)
	if err != nil {
		return err
	}
	img, err := makeImage(c)
	if err != nil {
		return err
	}
	return remote.Write(ref, img, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// writeImage writes an image as an archive that containerd imports.
func writeImage(archive, image string, c content) error {
	tag, err := name.NewTag(image)
	if err != nil {
		return err
	}
	img, err := makeImage(c)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(archive, tag, img)
}

func makeImage(c content) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return layerOf(c) },
		tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", goArch
	file.Config.Entrypoint = append([]string{c.path()}, c.args...)
	file.Config.Env = []string{"PATH=/bin"}
	file.Config.User = c.user
	return mutate.ConfigFile(img, file)
}

// layerOf streams a layer with the program and an empty /tmp that anybody may
// write to.
func layerOf(c content) (io.ReadCloser, error) {
	source, err := os.Open(c.program)
	if err != nil {
		return nil, err
	}
	info, err := source.Stat()
	if err != nil {
		return nil, errors.Join(err, source.Close())
	}
	reader, writer := io.Pipe()
	go func() {
		defer source.Close()
		writer.CloseWithError(writeLayer(writer, source, info.Size(), c.path()))
	}()
	return reader, nil
}

func writeLayer(w io.Writer, program io.Reader, size int64, path string) error {
	out := tar.NewWriter(w)
	for _, header := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Size: size},
	} {
		if err := out.WriteHeader(header); err != nil {
			return err
		}
	}
	if _, err := io.Copy(out, program); err != nil {
		return err
	}
	return out.Close()
}
