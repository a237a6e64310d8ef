package kube_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
)

// An apiServer serves the manifests of a cluster as the Kubernetes API does: by
// kind, in lists and alone, with discovery. Lists come in pages of two.
type apiServer struct {
	objects []object
	forbid  string // a resource that nobody may get
	expired bool   // the rest of a list is gone
	asked   []string
}

type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
	raw json.RawMessage
}

// kinds are those that the server has, by their place in its API.
var kinds = map[string]map[string]string{
	"/api/v1":                    {"pods": "Pod", "services": "Service", "secrets": "Secret"},
	"/apis/apps/v1":              {"deployments": "Deployment", "deployments/scale": "Scale", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet"},
	"/apis/batch/v1":             {"jobs": "Job", "cronjobs": "CronJob"},
	"/apis/argoproj.io/v1alpha1": {"applications": "Application", "applicationsets": "ApplicationSet", "rollouts": "Rollout"},
}

// startServer reads the cluster from the documents of a file of an archive.
func startServer(t *testing.T, manifests []byte) *apiServer {
	t.Helper()
	s := &apiServer{}
	for doc := range strings.SplitSeq(string(manifests), "\n---\n") {
		raw, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		o := object{raw: raw}
		if err := json.Unmarshal(raw, &o); err != nil || o.Kind == "" {
			t.Fatalf("%v in %s", err, doc)
		}
		s.objects = append(s.objects, o)
	}
	return s
}

func (s *apiServer) connect(t *testing.T) *kube.Client {
	t.Helper()
	web := httptest.NewTLSServer(s)
	t.Cleanup(web.Close)
	return client(t, web.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}))
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodGet {
		fail(w, http.StatusForbidden, "only reads are allowed")
		return
	}
	if group, ok := strings.CutPrefix(r.URL.Path, "/apis/"); ok && !strings.Contains(group, "/") {
		for root := range kinds {
			if version, ok := strings.CutPrefix(root, r.URL.Path+"/"); ok {
				fmt.Fprintf(w, `{"kind":"APIGroup","preferredVersion":{"version":%q}}`, version)
				return
			}
		}
	}
	for root, resources := range kinds {
		rest, ok := strings.CutPrefix(r.URL.Path, root)
		if !ok {
			continue
		}
		if rest == "" {
			discover(w, resources)
			return
		}
		s.serve(w, r, root, strings.Split(rest[1:], "/"))
		return
	}
	fail(w, http.StatusNotFound, "the server could not find the requested resource")
}

func discover(w http.ResponseWriter, resources map[string]string) {
	var items []string
	for name, kind := range resources {
		items = append(items, fmt.Sprintf(`{"name":%q,"kind":%q,"namespaced":true}`, name, kind))
	}
	fmt.Fprintf(w, `{"kind":"APIResourceList","resources":[%s]}`, strings.Join(items, ","))
}

// serve answers for namespaces/NS/RESOURCE[/NAME] and for RESOURCE alone.
func (s *apiServer) serve(w http.ResponseWriter, r *http.Request, root string, path []string) {
	namespace := ""
	if path[0] == "namespaces" && len(path) > 2 {
		namespace, path = path[1], path[2:]
	}
	kind := kinds[root][path[0]]
	if path[0] == s.forbid {
		fail(w, http.StatusForbidden, `cannot get resource "`+s.forbid+`"`)
		return
	}
	var found []string
	for _, o := range s.objects {
		if o.Kind == kind && (namespace == "" || o.Metadata.Namespace == namespace) && (len(path) == 1 || o.Metadata.Name == path[1]) {
			found = append(found, string(o.raw))
		}
	}
	switch {
	case len(path) == 1:
		s.list(w, r, found)
	case len(found) == 0:
		fail(w, http.StatusNotFound, path[0]+` "`+path[1]+`" not found`)
	case root != "/apis/argoproj.io/v1alpha1" && !strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata"):
		fail(w, http.StatusNotAcceptable, "more than the metadata is asked for")
	default:
		fmt.Fprint(w, found[0])
	}
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request, found []string) {
	start, next := 0, ""
	if token := r.URL.Query().Get("continue"); token != "" {
		if s.expired {
			fail(w, http.StatusGone, "the continue parameter is too old")
			return
		}
		fmt.Sscan(token, &start)
	}
	if len(found) > start+2 {
		next = fmt.Sprint(start + 2)
	}
	items := strings.Join(found[start:min(start+2, len(found))], ",")
	fmt.Fprintf(w, `{"metadata":{"continue":%q},"items":[%s]}`, next, items)
}

func fail(w http.ResponseWriter, code int, message string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"message":%q}`, code, message)
}

// The archives under testdata/owner hold a cluster, and questions: a file
// "ask[-WHAT] REF [APPLICATION]" holds what is answered, as text.
func TestOwner(t *testing.T) {
	archives, err := filepath.Glob("testdata/owner/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no archives", err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files[1:] {
			t.Run(filepath.Base(name)+" "+f.Name, func(t *testing.T) {
				words := append(strings.Fields(f.Name), "")
				ref, err := amend.ParseObjectRef(words[1])
				if err != nil {
					t.Fatal(err)
				}
				c := startServer(t, archive.Files[0].Data).connect(t)
				owned, err := kube.NewOwners(c, "", 0, time.Now).Owner(t.Context(), ref, words[2])
				if diff := cmp.Diff(strings.TrimSpace(string(f.Data)), told(owned, err)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// told writes an answer for people: the object, where its fields are, and the
// documents.
func told(o kube.Owned, err error) string {
	if err != nil {
		return fmt.Sprintf("%s: %v", amend.KindOf(err), err)
	}
	return strings.TrimSpace("field " + o.Field(amend.Field("f")).String() + " of " + o.Object.String() + "\n" + string(o.Live))
}

const oneApplication = `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {namespace: argocd, name: web}
spec: {source: {path: web}}
status:
  resources: [{group: apps, kind: Deployment, namespace: shop, name: web}]
`

var web = amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}

func TestOwnersAreReadAgainWhenTheyAreOld(t *testing.T) {
	s := startServer(t, []byte(oneApplication))
	now := time.Now()
	o := kube.NewOwners(s.connect(t), "argocd", 10*time.Second, func() time.Time { return now })
	for _, c := range []struct {
		passed time.Duration
		reads  int
	}{{0, 1}, {9 * time.Second, 1}, {2 * time.Second, 2}} {
		now = now.Add(c.passed)
		if _, err := o.Owner(t.Context(), web, ""); err != nil {
			t.Fatal(err)
		}
		if len(s.asked) != c.reads || s.asked[0] != "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications" {
			t.Errorf("after %s: asked %q", c.passed, s.asked)
		}
	}
}

func TestOwnersThatCannotBeReadAreNotWaitedForAgain(t *testing.T) {
	s := startServer(t, []byte(oneApplication))
	s.forbid = "applications"
	now := time.Now()
	o := kube.NewOwners(s.connect(t), "", 10*time.Second, func() time.Time { return now })
	for range 2 {
		if _, err := o.Owner(t.Context(), web, ""); amend.KindOf(err) != amend.Refused || len(s.asked) != 1 {
			t.Errorf("asked %q, %v", s.asked, err)
		}
	}
	s.forbid, now = "", now.Add(10*time.Second)
	if _, err := o.Owner(t.Context(), web, ""); err != nil || len(s.asked) != 2 {
		t.Errorf("asked %q, %v", s.asked, err)
	}
}

func TestOwnerErrors(t *testing.T) {
	pod := oneApplication + "---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: shop, name: web-1}\n"
	three := oneApplication + strings.Repeat("---"+oneApplication, 2)
	for _, c := range []struct {
		name, cluster string
		change        func(*apiServer)
		ref           string
		want          amend.Kind
		says          string
	}{
		{"applications are forbidden", pod, func(s *apiServer) { s.forbid = "applications" }, "Pod/shop/web-1", amend.Refused, `cannot get resource "applications"`},
		{"pods are forbidden", pod, func(s *apiServer) { s.forbid = "pods" }, "Pod/shop/web-1", amend.Refused, `cannot get resource "pods"`},
		{"the list expired", three, func(s *apiServer) { s.expired = true }, "Deployment/shop/web", amend.Transient, "too old"},
		{"no such kind", oneApplication, nil, "apps/Pod/shop/x", amend.Refused, "no Application of the cluster declares"},
		{"a name that leads elsewhere", pod, nil, "Pod/shop/..", amend.Invalid, "name"},
		{"a namespace that leads elsewhere", pod, nil, "Pod/../x", amend.Invalid, "namespace"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, []byte(c.cluster))
			if c.change != nil {
				c.change(s)
			}
			ref, err := amend.ParseObjectRef(c.ref)
			if err != nil {
				t.Fatal(err)
			}
			_, err = kube.NewOwners(s.connect(t), "", 0, time.Now).Owner(t.Context(), ref, "")
			if amend.KindOf(err) != c.want || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%s: %v", amend.KindOf(err), err)
			}
		})
	}
}

func TestOpenFindsTheClusterAsKubectlDoes(t *testing.T) {
	dir := t.TempDir()
	config := func(name, server string) string {
		file := filepath.Join(dir, name)
		text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":%[1]q,
			"clusters":[{"name":%[1]q,"cluster":{"server":%[2]q}}],"contexts":[{"name":%[1]q,"context":{"cluster":%[1]q}}]}`, name, server)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	var asked []string
	start := func(name string) string {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked = append(asked, name)
			fmt.Fprint(w, `{"items":[]}`)
		}))
		t.Cleanup(web.Close)
		return config(name, web.URL)
	}
	one, two, three := start("one"), start("two"), start("three")
	t.Setenv("KUBECONFIG", one+string(os.PathListSeparator)+two)
	for _, c := range []struct{ file, context, want string }{
		{"", "", "one"}, {"", "two", "two"}, {three, "", "three"},
	} {
		asked = nil
		client, err := kube.Open(c.file, c.context)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Applications(t.Context(), ""); err != nil || len(asked) != 1 || asked[0] != c.want {
			t.Errorf("%+v asked %q, %v", c, asked, err)
		}
	}
	if _, err := kube.Open(three, "two"); amend.KindOf(err) != amend.Invalid {
		t.Errorf("a context that is not there: %v", err)
	}
}
