package locate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// argoApp is an Application that deploys a folder into a namespace of the cluster
// in-cluster, with more fields of its spec.
func argoApp(name, folder, namespace, more string) string {
	return fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: %s, namespace: argocd}
spec:
  source: {repoURL: https://example.com/env.git, path: %s, targetRevision: main}
  destination: {server: https://kubernetes.default.svc, namespace: %s}
%s`, name, folder, namespace, more)
}

// fleetRepo has three Applications, two of which deploy into the namespace shop.
func fleetRepo() map[string]string {
	deployment := func(name string, replicas int) string {
		return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\nspec: {replicas: %d}\n", name, replicas)
	}
	return map[string]string{
		"argo/web.yaml":                argoApp("web", "web", "shop", "  project: shop\n"),
		"argo/db.yaml":                 argoApp("db", "db/prod", "shop", ""),
		"argo/pay.yaml":                argoApp("pay", "pay", "pay", ""),
		"web/web.yaml":                 deployment("web", 3),
		"web/api.yaml":                 deployment("api", 5) + "---\napiVersion: v1\nkind: Service\nmetadata: {name: api}\n",
		"web/other.yaml":               "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: far, namespace: other}\n",
		"db/base/kustomization.yaml":   "resources: [db.yaml]\n",
		"db/base/db.yaml":              "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {}\n",
		"db/prod/kustomization.yaml":   "resources: [../base]\nreplicas: [{name: db, count: 2}]\n",
		"pay/pay.yaml":                 deployment("pay", 9),
		"unused/examples/example.yaml": deployment("example", 100),
	}
}

func place(t *testing.T, files map[string]string, object string) locate.Place {
	t.Helper()
	ref, err := amend.ParseObjectRef(object)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newLocator().Place(repo(files), locate.Query{Object: ref}, true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlace(t *testing.T) {
	inShop := locate.Fleet{Applications: 3, InNamespace: 2, Workloads: 3, Replicas: 10}
	for object, want := range map[string]locate.Place{
		"Deployment/shop/web":     {Applications: []string{"web"}, Replicas: 3, Fleet: inShop},
		"StatefulSet/shop/db":     {Applications: []string{"db"}, Replicas: 2, Fleet: inShop},
		"DaemonSet/other/far":     {Applications: []string{"web"}, Replicas: 1, Fleet: locate.Fleet{Applications: 3, Workloads: 1, Replicas: 1}},
		"Deployment/none/example": {Applications: []string{"unused/examples"}, Replicas: 100, Fleet: locate.Fleet{Applications: 3, Workloads: 1, Replicas: 100}},
	} {
		if diff := cmp.Diff(want, place(t, fleetRepo(), object)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", object, diff)
		}
	}
	if _, err := newLocator().Place(repo(fleetRepo()), locate.Query{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "gone"}}, true); amend.ReasonOf(err) != amend.ReasonNotInRepo {
		t.Errorf("what is not there has a place: %v", err)
	}
}

// A change of an Application reaches what it deploys, and not all that stands
// beside it.
func TestPlaceOfAnApplication(t *testing.T) {
	files := fleetRepo()
	files["root.yaml"] = argoApp("root", "argo", "argocd", "")
	files["argo/project.yaml"] = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: shop}\nspec: {syncWindows: [{kind: deny, schedule: 0 8 * * *, duration: 1h, namespaces: [shop]}]}\n"
	got := place(t, files, "argoproj.io/Application/argocd/web")
	if len(got.Applications) != 1 || got.Applications[0] != "web" || len(got.Projects) != 1 || got.Projects[0].Application != "web" {
		t.Errorf("%v with the projects %+v, want web with its own", got.Applications, got.Projects)
	}
}

// What another cluster has in a namespace of the same name is not near.
func TestFleetOfOneCluster(t *testing.T) {
	files := fleetRepo()
	files["argo/db.yaml"] = strings.ReplaceAll(files["argo/db.yaml"], "kubernetes.default.svc", "east.example.com")
	if got := place(t, files, "Deployment/shop/web").Fleet; got.Workloads != 2 || got.Replicas != 8 {
		t.Errorf("%d workloads with %d replicas, want the two of the cluster with 8", got.Workloads, got.Replicas)
	}
}

func TestSyncWindowsOfAnApplication(t *testing.T) {
	for name, c := range map[string]struct {
		selects string
		holds   bool
	}{
		"by name":                      {"applications: [web]", true},
		"by a pattern":                 {"applications: ['db', 'w*']", true},
		"by alternatives":              {"applications: ['{api,web}']", true},
		"another name":                 {"applications: ['web-*']", false},
		"by namespace":                 {"namespaces: [shop]", true},
		"another namespace":            {"namespaces: [pay]", false},
		"by cluster":                   {"clusters: ['https://kubernetes.*.svc']", true},
		"by the name of no cluster":    {"clusters: [in-cluster]", false},
		"one of two":                   {"applications: [other]\n      namespaces: ['*']", true},
		"one of two, and both needed":  {"applications: [other]\n      namespaces: ['*']\n      andOperator: true", false},
		"both of two, and both needed": {"applications: [web]\n      namespaces: ['*']\n      andOperator: true", true},
		"nothing":                      {"manualSync: true", false},
		"no pattern":                   {"applications: ['[']", false},
	} {
		t.Run(name, func(t *testing.T) {
			project := func(name string) string {
				return "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: " + name + "}\nspec:\n  syncWindows:\n    - kind: deny\n      schedule: 0 22 * * *\n      duration: 1h\n      " + c.selects + "\n"
			}
			files := fleetRepo()
			files["argo/projects.yaml"] = project("shop") + "---\n" + project("default")
			got := place(t, files, "Deployment/shop/web").Projects
			switch {
			case !c.holds && got != nil:
				t.Errorf("%+v holds", got)
			case c.holds && (len(got) != 1 || got[0].Name != "shop" || got[0].Application != "web" || got[0].Windows[0].Schedule != "0 22 * * *"):
				t.Errorf("%+v, want the window of the project shop", got)
			}
		})
	}
}

// TestSyncWindowsAsRendered: a kustomization may change a project, and then its
// file is not what Argo CD has.
func TestSyncWindowsAsRendered(t *testing.T) {
	files := fleetRepo()
	files["projects/project.yaml"] = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: shop}\nspec: {syncWindows: [{kind: allow, schedule: 0 8 * * *, duration: 1h, applications: ['*']}]}\n"
	files["projects/kustomization.yaml"] = "resources: [project.yaml]\npatches:\n  - patch: |-\n      - {op: replace, path: /spec/syncWindows/0/duration, value: 9h}\n    target: {kind: AppProject}\n"
	if got := place(t, files, "Deployment/shop/web").Projects; len(got) != 1 || got[0].Windows[0].Duration != "9h" {
		t.Errorf("%+v, want the one with the patched duration", got)
	}
	// An Application that names no project is of the project default.
	files["projects/project.yaml"] = strings.Replace(files["projects/project.yaml"], "name: shop", "name: default", 1)
	if got := place(t, files, "StatefulSet/shop/db").Projects; len(got) != 1 || got[0].Name != "default" {
		t.Errorf("%+v, want the project default", got)
	}
}

// BenchmarkPlace counts the fleet of a tree with many Applications, 20 of them in
// the namespace, and asks again.
func BenchmarkPlace(b *testing.B) {
	for _, apps := range []int{100, 10_000} {
		files := map[string]string{}
		for i := range apps {
			namespace := fmt.Sprintf("team-%d", i/20)
			files[fmt.Sprintf("argo/%d.yaml", i)] = argoApp(fmt.Sprintf("app-%d", i), fmt.Sprintf("apps/%d", i), namespace, "")
			files[fmt.Sprintf("apps/%d/app.yaml", i)] = strings.NewReplacer("web", fmt.Sprintf("app-%d", i), "shop", namespace).Replace(web)
		}
		fsys := newHashed(b, onDisk(b, files))
		q := locate.Query{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "team-1", Name: "app-21"}}
		for _, fleet := range []bool{false, true} {
			b.Run(fmt.Sprintf("applications=%d/fleet=%v", apps, fleet), func(b *testing.B) {
				l := newLocator()
				if _, err := l.Place(fsys, q, fleet); err != nil { // the cold start is that of every query
					b.Fatal(err)
				}
				for b.Loop() {
					p, err := l.Place(fsys, q, fleet)
					if err != nil || fleet && (p.Fleet.Workloads != 20 || p.Fleet.Applications != apps) {
						b.Fatalf("%+v, %v", p, err)
					}
				}
			})
		}
	}
}
