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

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const pauseImage = "amend.local/pause:1"

// EchoImage is an image whose program prints its arguments and ends. It is
// there once the platform is up.
const EchoImage = "amend.local/echo:1"

// images says which built program is in which image.
var images = map[string]string{
	pauseImage:              "pause",
	EchoImage:               "echo",
	eventsImage:             "argo-events",
	executorImage:           "argoexec",
	workflowControllerImage: "workflow-controller",
	argoCDImage:             "argocd",
}

// importImages hands containerd every image that it does not have yet.
func (p *Platform) importImages(ctx context.Context) error {
	for image, program := range images {
		have, err := p.ctrOutput(ctx, "images", "ls", "-q", "name=="+image)
		if err != nil {
			return err
		}
		if have != "" {
			continue
		}
		if err := p.importImage(ctx, image, program); err != nil {
			return fmt.Errorf("importing %s: %w", image, err)
		}
	}
	return nil
}

func (p *Platform) importImage(ctx context.Context, image, program string) error {
	archive := p.at.run("image.tar")
	if err := writeImage(archive, image, p.at.bin(program)); err != nil {
		return err
	}
	return errors.Join(p.ctr(ctx, "images", "import", archive), os.Remove(archive))
}

// writeImage writes an image that holds one static program, in /bin, as an
// archive that containerd imports.
func writeImage(archive, image, program string) error {
	tag, err := name.NewTag(image)
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return layerOf(program) },
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
	file.Config.Entrypoint = []string{"/bin/" + filepath.Base(program)}
	file.Config.Env = []string{"PATH=/bin"}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return err
	}
	return tarball.WriteToFile(archive, tag, img)
}

// layerOf streams a layer with the program and an empty /tmp that anybody may
// write to.
func layerOf(program string) (io.ReadCloser, error) {
	source, err := os.Open(program)
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
		writer.CloseWithError(writeLayer(writer, source, info.Size(), filepath.Base(program)))
	}()
	return reader, nil
}

func writeLayer(w io.Writer, program io.Reader, size int64, name string) error {
	out := tar.NewWriter(w)
	for _, header := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777},
		{Typeflag: tar.TypeDir, Name: "bin/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "bin/" + name, Mode: 0o755, Size: size},
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
