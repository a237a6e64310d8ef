package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

var at = time.Date(2026, 3, 2, 9, 15, 0, 0, time.UTC)

func build(t *testing.T, c content) v1.Image {
	t.Helper()
	img, err := assemble(c)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func sample() content {
	return content{
		programs: []file{
			{name: "amend", mode: 0o755, data: []byte("\x7fELF")},
			{name: "amend-gateway", mode: 0o755, data: []byte("\x7fELF+")},
			{name: "amend-step", mode: 0o755, data: []byte("\x7fELF-")},
		},
		bom: []byte("{}"), arch: "arm64",
		origin: origin{version: "v1.2.3", revision: "0123456789abcdef0123456789abcdef01234567", time: at},
	}
}

func TestConfig(t *testing.T) {
	config, err := build(t, sample()).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Entrypoint: []string{"/amend"}, Env: []string{"PATH=/", "HOME=/tmp"}, User: "65532:65532", WorkingDir: "/tmp",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "amend",
			"org.opencontainers.image.description": "Answers alerts with the smallest correct change in Git",
			"org.opencontainers.image.url":         "https://github.com/amendhq/amend",
			"org.opencontainers.image.source":      "https://github.com/amendhq/amend",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.created":     "2026-03-02T09:15:00Z",
			"org.opencontainers.image.version":     "v1.2.3",
			"org.opencontainers.image.revision":    "0123456789abcdef0123456789abcdef01234567",
		},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Error(diff)
	}
	if config.OS != "linux" || config.Architecture != "arm64" || !config.Created.Time.Equal(at) {
		t.Errorf("%s/%s of %v", config.OS, config.Architecture, config.Created)
	}
}

func TestFiles(t *testing.T) {
	layers, err := build(t, sample()).Layers()
	if err != nil || len(layers) != 1 {
		t.Fatal(len(layers), err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(at) {
			t.Errorf("%s belongs to %d:%d and is of %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		got[h.FileInfo().Mode().String()+" "+h.Name] = string(data)
	}
	want := map[string]string{
		"-rwxr-xr-x amend":          "\x7fELF",
		"-rwxr-xr-x amend-gateway":  "\x7fELF+",
		"-rwxr-xr-x amend-step":     "\x7fELF-",
		"-rw-r--r-- amend.cdx.json": "{}",
		"drwxr-xr-x etc/":           "",
		"-rw-r--r-- etc/passwd":     "amend:x:65532:65532:amend:/tmp:/sbin/nologin\n",
		"-rw-r--r-- etc/group":      "amend:x:65532:\n",
		"dtrwxrwxrwx tmp/":          "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEqualContentMakesAnEqualDigest(t *testing.T) {
	tag, err := name.NewTag("ghcr.io/amendhq/amend:dev")
	if err != nil {
		t.Fatal(err)
	}
	var archives [2][]byte
	for i := range archives {
		path := filepath.Join(t.TempDir(), "amend.tar")
		if err := writeArchive(path, tag, build(t, sample())); err != nil {
			t.Fatal(err)
		}
		if archives[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two archives of the same content differ")
	}
	first := digest(t, build(t, sample()))
	other := sample()
	other.programs[1].data = append(other.programs[1].data, 0)
	if digest(t, build(t, other)) == first {
		t.Error("another program has the same digest")
	}
}

func digest(t *testing.T, img v1.Image) v1.Hash {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestArchive reads the archive as docker load does, and as containerd does.
func TestArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "amend.tar")
	tag, err := name.NewTag("ghcr.io/amendhq/amend:dev")
	if err != nil {
		t.Fatal(err)
	}
	img := build(t, sample())
	if err := writeArchive(path, tag, img); err != nil {
		t.Fatal(err)
	}
	docker, err := tarball.ImageFromPath(path, &tag)
	if err != nil {
		t.Fatal(err)
	}
	wantID, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := docker.ConfigName(); err != nil || id != wantID {
		t.Errorf("Docker finds %v, %v; want %v", id, err, wantID)
	}
	files := untar(t, path)
	var index v1.IndexManifest
	if err := json.Unmarshal(files["index.json"], &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("%d manifests, %v", len(index.Manifests), err)
	}
	m := index.Manifests[0]
	if m.Digest != digest(t, img) || m.Annotations["io.containerd.image.name"] != tag.String() || m.MediaType != types.OCIManifestSchema1 {
		t.Errorf("containerd finds %+v", m)
	}
	for name, data := range files {
		if hex, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			if h, _, err := v1.SHA256(bytes.NewReader(data)); err != nil || h.Hex != hex {
				t.Errorf("%s is %v, %v", name, h, err)
			}
		}
	}
	if string(files["oci-layout"]) != `{"imageLayoutVersion":"1.0.0"}` || len(files) != 6 {
		t.Errorf("%d files, layout %s", len(files), files["oci-layout"])
	}
}

func untar(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := map[string][]byte{}
	for archive := tar.NewReader(f); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(archive); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOriginAndBillOfMaterials(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Path: "github.com/amendhq/amend", Version: "v0.0.0-20260302091500-0123456789ab+dirty"},
		Deps: []*debug.Module{
			{Path: "example.com/a", Version: "v1.0.0", Sum: "h1:abc="},
			{Path: "example.com/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/c", Version: "v2.0.0"}},
		},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123"}, {Key: "vcs.time", Value: "2026-03-02T10:15:00+01:00"}},
	}
	o := originOf(info)
	if o.revision != "0123" || !o.time.Equal(at) || o.version != info.Main.Version {
		t.Errorf("origin = %+v", o)
	}
	if none := originOf(&debug.BuildInfo{}); !none.time.Equal(time.Unix(0, 0)) {
		t.Errorf("without a commit the time is %v", none.time)
	}
	small := &debug.BuildInfo{Deps: []*debug.Module{info.Deps[0], {Path: "example.com/d", Version: "v3.0.0"}}}
	text, err := billOfMaterials([]*debug.BuildInfo{info, small}, o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := billOfMaterials([]*debug.BuildInfo{info, small}, o)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("the second differs, %v", err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range append([]cdx.Component{*bom.Metadata.Component}, *bom.Components...) {
		got = append(got, c.PackageURL)
	}
	want := []string{
		"pkg:golang/github.com/amendhq/amend@v0.0.0-20260302091500-0123456789ab%2Bdirty",
		"pkg:golang/stdlib@go1.26.8", "pkg:golang/example.com/a@v1.0.0", "pkg:golang/example.com/c@v2.0.0",
		"pkg:golang/example.com/d@v3.0.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if deps := *(*bom.Dependencies)[0].Dependencies; len(deps) != 4 {
		t.Errorf("depends on %v", deps)
	}
}

func TestPush(t *testing.T) {
	web := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer web.Close()
	ref := strings.TrimPrefix(web.URL, "http://") + "/amendhq/amend:v1.2.3"
	img := build(t, sample())
	if err := push(t.Context(), ref, img); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Get(tag)
	if err != nil || got.Digest != digest(t, img) {
		t.Errorf("the registry has %+v, %v", got, err)
	}
}
