package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// writeArchive writes an image as an OCI layout in a tar, with the manifest.json
// that docker load wants beside it, as Docker itself does since version 25. So
// the digest in a cluster is the one of the registry.
func writeArchive(path string, tag name.Tag, img v1.Image) (err error) {
	files, err := archiveFiles(tag, img)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return writeTar(f, files, time.Unix(0, 0))
}

func archiveFiles(tag name.Tag, img v1.Image) ([]file, error) {
	desc, err := partial.Descriptor(img)
	if err != nil {
		return nil, err
	}
	desc.Annotations = map[string]string{
		"io.containerd.image.name":          tag.String(),
		"org.opencontainers.image.ref.name": tag.TagStr(),
	}
	blobs, docker, err := blobsOf(img)
	if err != nil {
		return nil, err
	}
	docker.RepoTags = []string{tag.String()}
	manifest, err := img.RawManifest()
	if err != nil {
		return nil, err
	}
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{*desc}})
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(tarball.Manifest{docker})
	if err != nil {
		return nil, err
	}
	layout := file{name: "oci-layout", mode: 0o644, data: []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	return append([]file{
		layout, {name: "index.json", mode: 0o644, data: index}, {name: "manifest.json", mode: 0o644, data: list},
		{name: blobName(desc.Digest), mode: 0o644, data: manifest},
	}, blobs...), nil
}

// blobsOf returns the configuration and the layers as files, and where Docker
// finds them.
func blobsOf(img v1.Image) ([]file, tarball.Descriptor, error) {
	var docker tarball.Descriptor
	id, err := img.ConfigName()
	if err != nil {
		return nil, docker, err
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, docker, err
	}
	docker.Config = blobName(id)
	files := []file{{name: docker.Config, mode: 0o644, data: config}}
	layers, err := img.Layers()
	if err != nil {
		return nil, docker, err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return nil, docker, err
		}
		data, err := compressed(l)
		if err != nil {
			return nil, docker, err
		}
		docker.Layers = append(docker.Layers, blobName(digest))
		files = append(files, file{name: blobName(digest), mode: 0o644, data: data})
	}
	return files, docker, nil
}

func compressed(l v1.Layer) ([]byte, error) {
	r, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
