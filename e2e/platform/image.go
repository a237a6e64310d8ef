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

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const pauseImage = "amend.local/pause:1"

// Images for tests, there once the platform is up.
const (
	EchoImage   = "amend.local/echo:1" // prints its arguments and ends
	AppImage    = "amend.local/app:1"  // runs until it is told to end
	BrokenImage = "amend.local/app:2"  // the next release of the same program: it ends with an error
)

// content is what is in an image: one static program, and how it is started.
type content struct {
	program string   // file on this machine
	path    string   // in the image; /bin and its name where empty
	args    []string // beside what a pod says
}

func (p *Platform) images() map[string]content {
	built := func(name string, args ...string) content { return content{program: p.at.bin(name), args: args} }
	return map[string]content{
		pauseImage:              built("pause"),
		EchoImage:               built("echo"),
		AppImage:                built("app"),
		BrokenImage:             built("app", "-broken"),
		eventsImage:             built("argo-events"),
		executorImage:           built("argoexec"),
		workflowControllerImage: built("workflow-controller"),
		argoCDImage:             built("argocd"),
	}
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

// Import makes an image that holds one static program at an absolute path, and
// hands it to the node, in place of any image that has the name already. The
// name is a full one, such as docker.io/library/amend:dev.
func (p *Platform) Import(ctx context.Context, image, program, path string) error {
	return p.importImage(ctx, image, content{program: program, path: path})
}

func (p *Platform) importImage(ctx context.Context, image string, c content) error {
	archive := p.at.run("image.tar")
	if err := writeImage(archive, image, c); err != nil {
		return err
	}
	return errors.Join(p.ctr(ctx, "images", "import", archive), os.Remove(archive))
}

// writeImage writes an image as an archive that containerd imports.
func writeImage(archive, image string, c content) error {
	if c.path == "" {
		c.path = "/bin/" + filepath.Base(c.program)
	}
	tag, err := name.NewTag(image)
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return layerOf(c) },
		tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", goArch
	file.Config.Entrypoint = append([]string{c.path}, c.args...)
	file.Config.Env = []string{"PATH=/bin"}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return err
	}
	return tarball.WriteToFile(archive, tag, img)
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
		writer.CloseWithError(writeLayer(writer, source, info.Size(), c.path))
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
