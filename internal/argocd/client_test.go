package argocd_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/argocd"
)

const token = "eyJ.secret-of-the-account.x"

// connect starts an API server that is held to the description, over TLS, and
// returns a client for it.
func connect(t *testing.T, answer http.HandlerFunc) *argocd.Client {
	t.Helper()
	web := httptest.NewTLSServer(http.StripPrefix("/argo", newContract(t).serve(answer)))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	cfg := argocd.Config{URL: web.URL + "/argo", TokenFile: filepath.Join(dir, "token"), CAFile: filepath.Join(dir, "ca.pem")}
	for name, text := range map[string]string{
		cfg.TokenFile: token + "\n", cfg.CAFile: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := argocd.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// says answers with a code and a body.
func says(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func TestManifestsAsksForTheRevisions(t *testing.T) {
	for _, c := range []struct {
		name      string
		revisions map[int]string
		query     string
	}{
		{"the first source", map[int]string{0: "abc"}, "appNamespace=argocd&revision=abc&revisions=abc&sourcePositions=1"},
		{"two of several sources", map[int]string{2: "def", 1: "abc"}, "appNamespace=argocd&revisions=abc&revisions=def&sourcePositions=2&sourcePositions=3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := connect(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+token || r.URL.Path != "/api/v1/applications/web/manifests" || r.URL.RawQuery != c.query {
					t.Errorf("asked %s with %q", r.URL, r.Header)
				}
				says(200, `{"manifests":["{\"kind\":\"Service\"}"],"commands":["kustomize build"],"sourceType":"Kustomize"}`)(w, r)
			})
			got, err := client.Manifests(t.Context(), "argocd", "web", c.revisions)
			if diff := cmp.Diff([]string{`{"kind":"Service"}`}, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestApplicationsAreRead(t *testing.T) {
	text := `{"metadata":{"namespace":"argocd","name":"web"},
		"spec":{"project":"default","destination":{"server":"https://kubernetes.default.svc"},"sources":[
			{"repoURL":"https://charts.example.com","chart":"web","targetRevision":"1.2.3"},{"repoURL":"https://git.example.com/env.git","targetRevision":"main","ref":"env"}]},
		"status":{"resources":[{"group":"apps","version":"v1","kind":"Deployment","namespace":"shop","name":"web","status":"Synced"},
			{"version":"v1","kind":"Service","namespace":"shop","name":"old","requiresPruning":true}]}}`
	want := amend.Application{
		Namespace: "argocd", Name: "web",
		Sources: []amend.ApplicationSource{{RepoURL: "https://charts.example.com", TargetRevision: "1.2.3"}, {RepoURL: "https://git.example.com/env.git", TargetRevision: "main"}},
		Objects: []amend.ApplicationObject{{ObjectRef: amend.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}}},
	}
	client := connect(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/applications":
			says(200, `{"metadata":{},"items":[`+text+`,{"metadata":{"name":"bare"},"spec":{"source":{"repoURL":"r"}}}]}`)(w, r)
		case "/api/v1/applications/web":
			says(200, text)(w, r)
		}
	})
	one, err := client.Application(t.Context(), "argocd", "web")
	if diff := cmp.Diff(want, one); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	all, err := client.Applications(t.Context())
	bare := amend.Application{Name: "bare", Sources: []amend.ApplicationSource{{RepoURL: "r"}}}
	if diff := cmp.Diff([]amend.Application{want, bare}, all); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestAnswersAreSortedIntoKinds(t *testing.T) {
	gateway := func(code, grpc int, message string) http.HandlerFunc {
		return says(code, fmt.Sprintf(`{"error":%[1]q,"code":%[2]d,"message":%[1]q}`, message, grpc))
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   amend.Kind
		says   string
	}{
		{"no session", gateway(401, 16, "no session information"), amend.Refused, "no session information"},
		{"permission denied", gateway(403, 7, "permission denied"), amend.Refused, "permission denied"},
		{"not found", gateway(404, 5, "not found"), amend.NotFound, "not found"},
		{"not understood", gateway(400, 3, "invalid revision"), amend.Invalid, "invalid revision"},
		{"it does not render", gateway(500, 2, "error generating manifests: `kustomize build` failed"), amend.Transient, "`kustomize build` failed"},
		{"the repo-server is away", gateway(503, 14, "connection refused"), amend.Transient, "connection refused"},
		{"too slow", gateway(504, 4, "deadline exceeded"), amend.Transient, "deadline"},
		{"a proxy's page", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }, amend.Transient, "502: Bad Gateway"},
		{"not JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, amend.Transient, "not what the API promises"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example.com", http.StatusTemporaryRedirect)
		}, amend.Invalid, "configure that one"},
		{"a long text", gateway(500, 2, strings.Repeat("x", 5000)), amend.Transient, "x…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := connect(t, c.answer).Manifests(t.Context(), "argocd", "web", nil)
			if amend.KindOf(err) != c.want || !strings.Contains(fmt.Sprint(err), c.says) || len(err.Error()) > 2000 {
				t.Errorf("%s: %v", amend.KindOf(err), err)
			}
			if strings.Contains(fmt.Sprint(err), token) {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
}

func TestNamesDoNotLeadElsewhere(t *testing.T) {
	client := connect(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	for _, name := range []string{"", "..", "a/../b", "."} {
		if _, err := client.Manifests(t.Context(), "argocd", name, nil); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAServerThatIsAway(t *testing.T) {
	web := httptest.NewServer(nil)
	web.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := argocd.New(argocd.Config{URL: web.URL, TokenFile: file})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Applications(t.Context()); amend.KindOf(err) != amend.Transient || strings.Contains(err.Error(), token) {
		t.Errorf("%s: %v", amend.KindOf(err), err)
	}
}

func TestWrongConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]argocd.Config{
		"no address":         {TokenFile: file},
		"no scheme":          {URL: "argocd.example.com", TokenFile: file},
		"a password":         {URL: "https://a:" + token + "@argocd.example.com", TokenFile: file},
		"no token":           {URL: "https://argocd.example.com", TokenFile: filepath.Join(dir, "gone")},
		"no certificates":    {URL: "https://argocd.example.com", TokenFile: file, CAFile: file},
		"a CA that is away":  {URL: "https://argocd.example.com", TokenFile: file, CAFile: filepath.Join(dir, "gone")},
		"a question as well": {URL: "https://argocd.example.com?x=1", TokenFile: file},
	} {
		if _, err := argocd.New(cfg); amend.KindOf(err) != amend.Invalid || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
