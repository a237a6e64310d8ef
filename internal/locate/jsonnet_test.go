package locate_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/jsonnet/jsonnettest"
	"github.com/amendhq/amend/internal/locate"
)

func TestMain(m *testing.M) { jsonnettest.Main(m) }

// newLocator returns a Locator that knows all source types.
func newLocator() *locate.Locator {
	return locate.New(locate.WithJsonnet(jsonnettest.NewEngine()))
}

// jsonnetApp declares an Application that deploys a folder.
func jsonnetApp(name string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + ", namespace: argocd}\n" +
		"spec:\n  source: {repoURL: https://git.example.com/env.git, path: " + name + "}\n  destination: {namespace: shop}\n"
}

const webProgram = "local params = import '../lib/params.libsonnet';\n" +
	"{apiVersion: 'apps/v1', kind: 'Deployment', metadata: {name: 'web', namespace: 'shop'}, spec: {replicas: params.replicas}}\n"

// TestHostileJsonnetEndsInRefusal proves that a program which would take all
// memory is refused, that it takes nothing from objects in other sources, and that
// what it may import is not edited.
func TestHostileJsonnetEndsInRefusal(t *testing.T) {
	files := map[string]string{
		"bad/web.jsonnet": "std.range(1, 1000000000)", "apps/bad.yaml": jsonnetApp("bad"),
		"plain/api.yaml": strings.ReplaceAll(web, "web", "api"), "apps/plain.yaml": jsonnetApp("plain"),
	}
	if _, err := newLocator().Locate(repo(files), webReplicas); amend.ReasonOf(err) != amend.ReasonUnproven {
		t.Errorf("a hostile program: %v", err)
	}
	other := webReplicas
	other.Object.Name = "api"
	if site, err := newLocator().Locate(repo(files), other); err != nil || site.Line != 5 {
		t.Errorf("beside a hostile program: %+v, %v", site, err)
	}
	files["web/web.jsonnet"], files["apps/web.yaml"] = webProgram, jsonnetApp("web")
	files["lib/params.libsonnet"] = "{replicas: 2}\n"
	if site, err := newLocator().Locate(repo(files), webReplicas); amend.ReasonOf(err) != amend.ReasonShared {
		t.Errorf("what a hostile program may import: %+v, %v", site, err)
	}
	files["web/web.jsonnet"] = strings.ReplaceAll(webProgram, "import '../lib/params.libsonnet'", "std.parseYaml(importstr '../params.yaml')")
	files["params.yaml"] = "replicas: 2\n"
	if site, err := newLocator().Locate(repo(files), webReplicas); amend.ReasonOf(err) != amend.ReasonShared {
		t.Errorf("data that a hostile program may import: %+v, %v", site, err)
	}
}

func TestJsonnetIsRefusedWithoutAnEngine(t *testing.T) {
	files := map[string]string{"web/web.jsonnet": webProgram, "lib/params.libsonnet": "{replicas: 2}\n", "apps/web.yaml": jsonnetApp("web")}
	if _, err := locate.New().Locate(repo(files), webReplicas); amend.ReasonOf(err) != amend.ReasonUnsupported {
		t.Errorf("without an engine: %v", err)
	}
	if site, err := newLocator().Locate(repo(files), webReplicas); err != nil || site.Path.String() != "lib/params.libsonnet" {
		t.Errorf("with one: %+v, %v", site, err)
	}
}

// An unreadable is a repo in which one file cannot be read.
type unreadable struct {
	fstest.MapFS
	name string
}

func (u unreadable) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, fs.ErrPermission
	}
	return u.MapFS.Open(name)
}

func (u unreadable) ReadFile(name string) ([]byte, error) {
	if name == u.name {
		return nil, fs.ErrPermission
	}
	return u.MapFS.ReadFile(name)
}

// TestTroubleWithJsonnetIsNoRefusal proves that what may be gone the next time is
// not said of the program.
func TestTroubleWithJsonnetIsNoRefusal(t *testing.T) {
	files := repo(map[string]string{
		"web/web.jsonnet": strings.ReplaceAll(webProgram, "import '../lib/params.libsonnet'", "std.parseYaml(importstr '../params.txt')"),
		"params.txt":      "replicas: 2\n", "apps/web.yaml": jsonnetApp("web"),
	})
	if _, err := newLocator().Deployed(unreadable{files, "params.txt"}, webReplicas); amend.KindOf(err) != amend.Transient || amend.ReasonOf(err) != "" {
		t.Errorf("a file that cannot be read: %v", err)
	}
	if _, err := newLocator().Deployed(files, webReplicas); err != nil {
		t.Errorf("one that can: %v", err)
	}
}
