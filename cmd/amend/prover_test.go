package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/steps"
)

const argocdToken = "token-of-amend-in-argocd"

// An argoServer is the API server of an Argo CD that has one Application for
// each application of the env repo. It renders the manifest at a revision, if a
// branch of the host has it.
type argoServer struct {
	stage *stage
	web   *httptest.Server

	mu      sync.Mutex
	down    bool
	replace map[string]string // what Argo CD's render has instead of a text
	renders int
	strays  []string // revisions that were on no branch
}

func newArgoServer(s *stage) *argoServer {
	a := &argoServer{stage: s}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/applications", func(w http.ResponseWriter, _ *http.Request) {
		var items []any
		for n := 1; n <= 3; n++ {
			items = append(items, a.application(app(n)))
		}
		answer(w, map[string]any{"items": items})
	})
	mux.HandleFunc("GET /api/v1/applications/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, a.application(r.PathValue("name")))
	})
	mux.HandleFunc("GET /api/v1/applications/{name}/manifests", a.manifests)
	a.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.down || r.Header.Get("Authorization") != "Bearer "+argocdToken {
			http.Error(w, `{"message":"no"}`, http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	s.Cleanup(a.web.Close)
	s.must(os.WriteFile(a.tokenFile(), []byte(argocdToken), 0o600))
	return a
}

func (a *argoServer) tokenFile() string { return filepath.Join(a.stage.dir, "argocd-token") }

func (a *argoServer) flags() []string {
	return []string{"--argocd-server", a.web.URL, "--argocd-token-file", a.tokenFile()}
}

func (a *argoServer) application(name string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"namespace": "argocd", "name": name},
		"spec":     map[string]any{"source": map[string]any{"repoURL": a.stage.web.URL + "/" + envRepo, "path": "apps/" + name, "targetRevision": "main"}},
		"status":   map[string]any{"resources": []any{map[string]any{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": name}}},
	}
}

func (a *argoServer) manifests(w http.ResponseWriter, r *http.Request) {
	a.renders++
	name, revision := r.PathValue("name"), r.URL.Query().Get("revision")
	text, err := a.stage.tryGit("show", revision+":apps/"+name+"/deployment.yaml")
	branches, _ := a.stage.tryGit("branch", "--contains", revision)
	if err != nil || branches == "" {
		a.strays = append(a.strays, revision)
	}
	for from, to := range a.replace {
		text = strings.ReplaceAll(text, from, to)
	}
	object, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]any{"manifests": []string{string(object)}})
}

func (a *argoServer) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// TestChangesLandAsArgoCDRendersThem, and not otherwise.
func TestChangesLandAsArgoCDRendersThem(t *testing.T) {
	t.Parallel()
	s := newStage(t, 3, "", nil)
	a := newArgoServer(s)
	s.start(append(a.flags(), "--fold-window", "1ns")...)

	s.want(s.next(firing("AppStuck", app(1))), amend.ReasonAct)
	s.want(s.next(firing("AppOutOfMemory", app(2))), amend.ReasonAct)
	if a.renders != 4 || len(s.changesOf(app(1))) != 1 {
		t.Errorf("%d renders, %d changes", a.renders, len(s.changesOf(app(1))))
	}

	// What is live only keeps the change from taking effect.
	a.set(func() { a.replace = map[string]string{"512Mi": "300Mi", "256Mi": "300Mi"} })
	d := s.next(firing("AppOutOfMemory", app(3)))
	s.want(d, amend.ReasonUnproven)
	if want := "resources.limits.memory of apps/Deployment/shop/" + app(3) + " does not become 512Mi"; !strings.Contains(d.Detail, want) {
		t.Errorf("%q does not say %q", d.Detail, want)
	}

	// Nothing lands while nobody can tell.
	a.set(func() { a.down, a.replace = true, nil })
	s.post(firing("AppStuck", app(3)))
	s.eventually("a proof is missed", func() bool {
		log, _ := os.ReadFile(s.logFile())
		return strings.Contains(string(log), "have Argo CD render the change")
	})
	if n := len(s.changesOf(app(3))); n != 0 {
		t.Errorf("%d changes without a proof", n)
	}
	a.set(func() { a.down = false })
	s.want(s.decided(app(3), 2)[1], amend.ReasonAct)

	if branches := s.git("branch", "--format", "%(refname:short)"); strings.Contains(branches, "proof") || strings.Contains(branches, "out-of-memory-"+app(3)) {
		t.Errorf("branches stay:\n%s", branches)
	}
	log, err := os.ReadFile(s.logFile())
	if err != nil || strings.Contains(string(log), argocdToken) || len(a.strays) > 0 {
		t.Errorf("%v, or the token is in the log, or revisions were on no branch: %q", err, a.strays)
	}
}

func TestWrongFlagsOfArgoCD(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"--argocd-token-file": {"--argocd-server", "https://argocd.example.com"},
		"--argocd-server":     {"--argocd-token-file", filepath.Join(dir, "token")},
		"read secret":         {"--argocd-server", "https://argocd.example.com", "--argocd-token-file", filepath.Join(dir, "gone")},
	} {
		var stderr strings.Builder
		args = append([]string{"serve", "--repo", "https://127.0.0.1:1/acme/env", "--data-dir", dir, "--log-level", "error"}, args...)
		if code := run(args, &strings.Builder{}, &stderr); code != cli.ExitInvalid || !strings.Contains(stderr.String(), name) {
			t.Errorf("%q: exit code %d, %s", args, code, stderr.String())
		}
	}
}

// TestWriterAsksForTheOwner: a setting that only the live Application has
// counts, and without the cluster there is no answer.
func TestWriterAsksForTheOwner(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1, "", nil)
	c := newCluster(s)
	s.start("--kubeconfig", c.kubeconfig(), "--owner-from-cluster")
	token := filepath.Join(s.dir, "writer-token")
	s.must(os.WriteFile(token, []byte("token-of-steps"), 0o600))
	packed, err := alert.Pack(alert.NewEvent(firing("AppStuck", app(1)), time.Now(), alert.Identity{}))
	s.must(err)
	for _, step := range []struct {
		ignored string
		hidden  bool
		code    int
		says    string
	}{
		{"", false, cli.ExitOK, `"reason": "act"`},
		{"/spec/template", false, cli.ExitRefused, `"reason": "unsupported-source"`},
		{"", true, cli.ExitTransient, ""},
	} {
		s.kill() // what it listed counts for some seconds
		c.mu.Lock()
		c.ignored, c.hidden = step.ignored, step.hidden
		c.mu.Unlock()
		s.start()
		s.eventually("the decision is "+step.says, func() bool {
			cmd := exec.Command("amend", "step", "decide", "--writer", "http://"+s.addr, "--writer-token-file", token)
			cmd.Env = s.environ(steps.EventEnv + "=" + packed)
			out, _ := cmd.CombinedOutput()
			return cmd.ProcessState.ExitCode() == step.code && strings.Contains(string(out), step.says)
		})
	}
}
