package platform

import (
	"archive/tar"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func testContent(t *testing.T) content {
	t.Helper()
	program := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(program, []byte("a static program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return content{program: program, args: []string{"-broken"}, user: "8737"}
}

// checkImage holds an image to the content that it was made of.
func checkImage(t *testing.T, img v1.Image) {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/bin/app", "-broken"}, config.Config.Entrypoint); diff != "" || config.Config.User != "8737" || config.OS != "linux" {
		t.Errorf("the configuration is %+v", config)
	}
	found := map[string]string{}
	layer := mutate.Extract(img)
	defer layer.Close()
	for r := tar.NewReader(layer); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.Trim(h.Name, "/")] = string(data)
	}
	if diff := cmp.Diff(map[string]string{"tmp": "", "bin": "", "bin/app": "a static program"}, found); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestArchiveHoldsTheProgram(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := writeImage(archive, "amend.local/app:2", testContent(t)); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("amend.local/app:2")
	if err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(archive, &tag)
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, img)
}

func TestPushedImageCanBePulled(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	to := strings.TrimPrefix(server.URL, "http://") + "/team/amend-e2e/app:2"
	if err := pushImage(t.Context(), to, testContent(t)); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, img)
}
