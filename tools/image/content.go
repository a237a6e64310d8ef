package main

import (
	"archive/tar"
	"bytes"
	"io"
	"runtime/debug"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is who the programs run as; nobody else is in the image.
const user = "65532:65532"

// An origin says which sources the programs were built from. Everything in it comes
// from a program itself, so that one commit makes one image.
type origin struct {
	version, revision string
	time              time.Time // of the commit; 1970 when not known
}

func originOf(info *debug.BuildInfo) origin {
	o := origin{version: info.Main.Version, time: time.Unix(0, 0).UTC()}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			o.revision = s.Value
		case "vcs.time":
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				o.time = t.UTC()
			}
		}
	}
	return o
}

// content is what goes into an image.
type content struct {
	programs []file
	bom      []byte
	arch     string
	origin   origin
}

// files lists the layer in its order.
func (c content) files() []file {
	passwd := "amend:x:65532:65532:amend:/tmp:/sbin/nologin\n"
	return slices.Concat(c.programs, []file{
		{name: "amend.cdx.json", mode: 0o644, data: c.bom},
		{name: "etc/", mode: 0o755},
		{name: "etc/passwd", mode: 0o644, data: []byte(passwd)},
		{name: "etc/group", mode: 0o644, data: []byte("amend:x:65532:\n")},
		{name: "tmp/", mode: 0o1777},
	})
}

// A file is a regular one, or a folder when its name ends in a slash.
type file struct {
	name string
	mode int64
	data []byte
}

// writeTar writes files as root owns them, all of one time.
func writeTar(w io.Writer, files []file, at time.Time) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: at, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if f.name[len(f.name)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return t.Close()
}

// assemble makes the OCI image: one layer on nothing. Equal content makes an
// equal digest.
func assemble(c content) (v1.Image, error) {
	var layerTar bytes.Buffer
	if err := writeTar(&layerTar, c.files(), c.origin.time); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(layerTar.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: c.origin.time}
	img, err = mutate.Append(img, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer,
		History: v1.History{Created: created, CreatedBy: "tools/image", Comment: "the programs, their bill of materials, /tmp"},
	})
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", c.arch, created
	config.Config = v1.Config{
		Entrypoint: []string{"/amend"},
		Env:        []string{"PATH=/", "HOME=/tmp"},
		User:       user,
		WorkingDir: "/tmp",
		Labels:     c.origin.labels(),
	}
	return mutate.ConfigFile(img, config)
}

func (o origin) labels() map[string]string {
	const home = "https://github.com/amendhq/amend"
	labels := map[string]string{
		"org.opencontainers.image.title":       "amend",
		"org.opencontainers.image.description": "Answers alerts with the smallest correct change in Git",
		"org.opencontainers.image.url":         home,
		"org.opencontainers.image.source":      home,
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.created":     o.time.Format(time.RFC3339),
	}
	if o.version != "" {
		labels["org.opencontainers.image.version"] = o.version
	}
	if o.revision != "" {
		labels["org.opencontainers.image.revision"] = o.revision
	}
	return labels
}
