package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend/internal/kube"
)

// A cluster stands for the Kubernetes API server, as far as the writer and the
// steps use it: who a token belongs to, what its owner may do, an Application
// that follows the env repo, and RemediationRequests.
type cluster struct {
	stage *stage
	web   *httptest.Server

	mu       sync.Mutex
	down     bool
	health   string // of the Application
	synced   string // the revision that it was refreshed to last
	held     string // the revision that no refresh leaves
	before   string // the next revision than this one is to be held
	hidden   bool   // nobody may list the Application
	ignored  string // a field that only the live one ignores, as a JSON pointer
	requests map[string]*kube.RemediationRequest
	version  int
	// disturb makes so many status updates fail because somebody was faster.
	disturb int
}

// The tokens of the cluster: who they belong to and what they are for.
var clusterTokens = map[string][2]string{
	"token-of-steps":   {"system:serviceaccount:amend:amend-step", "amend-writer"},
	"token-of-nobody":  {"system:serviceaccount:other:intruder", "amend-writer"},
	"token-for-others": {"system:serviceaccount:amend:amend-step", "https://kubernetes.default.svc"},
}

// newCluster makes an API server beside the stage, and has the stage start the
// writer instead of serve.
func newCluster(s *stage) *cluster {
	c := &cluster{stage: s, health: "Healthy", requests: map[string]*kube.RemediationRequest{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", c.tokenReview)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", c.accessReview)
	apps := "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
	mux.HandleFunc("GET "+apps, func(w http.ResponseWriter, _ *http.Request) {
		if c.hidden {
			deny(w, http.StatusForbidden, "Forbidden")
			return
		}
		answer(w, map[string]any{"items": []any{c.application()}})
	})
	mux.HandleFunc("GET "+apps+"/env", func(w http.ResponseWriter, _ *http.Request) { answer(w, c.application()) })
	mux.HandleFunc("PATCH "+apps+"/env", func(w http.ResponseWriter, _ *http.Request) {
		if c.synced == "" || c.synced != c.held {
			c.synced = s.tip()
		}
		if c.before != "" && c.synced != c.before {
			c.held, c.before = c.synced, ""
		}
		answer(w, c.application())
	})
	requests := "/apis/amend.dev/v1alpha1/namespaces/{namespace}/remediationrequests/{name}"
	mux.HandleFunc("GET "+requests, func(w http.ResponseWriter, r *http.Request) {
		if q, ok := c.requests[r.PathValue("namespace")+"/"+r.PathValue("name")]; ok {
			answer(w, q)
			return
		}
		deny(w, http.StatusNotFound, "NotFound")
	})
	mux.HandleFunc("GET /apis/amend.dev/v1alpha1/namespaces/{namespace}/remediationrequests", func(w http.ResponseWriter, r *http.Request) {
		items := []*kube.RemediationRequest{}
		for _, q := range c.requests {
			if q.Namespace == r.PathValue("namespace") {
				items = append(items, q)
			}
		}
		answer(w, map[string]any{"items": items})
	})
	mux.HandleFunc("PUT "+requests+"/status", c.putStatus)
	c.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.down {
			deny(w, http.StatusServiceUnavailable, "ServiceUnavailable")
			return
		}
		mux.ServeHTTP(w, r)
	}))
	s.Cleanup(c.web.Close)
	kubeconfig := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c",
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}],
		"clusters":[{"name":"c","cluster":{"server":%q}}]}`, c.web.URL)
	s.must(os.WriteFile(c.kubeconfig(), []byte(kubeconfig), 0o600))
	s.command = "writer"
	return c
}

func (c *cluster) kubeconfig() string { return filepath.Join(c.stage.dir, "kubeconfig") }

// hold has the Application stay at a commit once it is there.
func (c *cluster) hold(commit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = commit
}

// holdNext has the Application stay at the next commit of main.
func (c *cluster) holdNext() {
	tip := c.stage.tip()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = tip
}

func answer(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) // the client may have left
}

func deny(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":"as the test wants it"}`, code, reason)
}

func (c *cluster) tokenReview(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Spec struct {
			Token     string   `json:"token"`
			Audiences []string `json:"audiences"`
		} `json:"spec"`
	}
	if json.NewDecoder(r.Body).Decode(&review) != nil {
		deny(w, http.StatusBadRequest, "BadRequest")
		return
	}
	owner, known := clusterTokens[review.Spec.Token]
	if !known || !slices.Contains(review.Spec.Audiences, owner[1]) {
		answer(w, map[string]any{"status": map[string]any{"authenticated": false}})
		return
	}
	answer(w, map[string]any{"status": map[string]any{
		"authenticated": true, "audiences": []string{owner[1]}, "user": map[string]any{"username": owner[0], "uid": "u"},
	}})
}

// accessReview lets amend-step ask for changes in the namespace shop.
func (c *cluster) accessReview(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Spec struct {
			User               string `json:"user"`
			ResourceAttributes struct {
				Verb, Group, Resource, Namespace string
			} `json:"resourceAttributes"`
		} `json:"spec"`
	}
	if json.NewDecoder(r.Body).Decode(&review) != nil {
		deny(w, http.StatusBadRequest, "BadRequest")
		return
	}
	asked := review.Spec.ResourceAttributes
	allowed := review.Spec.User == "system:serviceaccount:amend:amend-step" &&
		asked.Verb == "create" && asked.Group == "amend.dev" && asked.Resource == "changes" && asked.Namespace == "shop"
	answer(w, map[string]any{"status": map[string]any{"allowed": allowed}})
}

// application is synced to what the branch held at the last refresh.
func (c *cluster) application() map[string]any {
	objects := []any{}
	for n := 1; n <= scriptApps; n++ {
		objects = append(objects, map[string]any{
			"group": "apps", "kind": "Deployment", "namespace": "shop", "name": app(n), "health": map[string]any{"status": c.health, "message": "as the test wants it"},
		})
	}
	source := map[string]any{"repoURL": c.stage.web.URL + "/" + envRepo, "targetRevision": "main", "path": "apps", "directory": map[string]any{"recurse": true}}
	ignores := []any{}
	if c.ignored != "" {
		ignores = append(ignores, map[string]any{"group": "apps", "kind": "Deployment", "jsonPointers": []string{c.ignored}})
	}
	return map[string]any{
		"metadata": map[string]any{"namespace": "argocd", "name": "env"},
		"spec":     map[string]any{"source": source, "ignoreDifferences": ignores},
		"status": map[string]any{
			"sync": map[string]any{"status": "Synced", "revision": c.synced}, "health": map[string]any{"status": c.health}, "resources": objects,
			"operationState": map[string]any{"phase": "Succeeded", "syncResult": map[string]any{"revision": c.synced}},
		},
	}
}

// putStatus takes the status of a request that was not written since it was read.
func (c *cluster) putStatus(w http.ResponseWriter, r *http.Request) {
	old, ok := c.requests[r.PathValue("namespace")+"/"+r.PathValue("name")]
	var update kube.RemediationRequest
	if !ok || json.NewDecoder(r.Body).Decode(&update) != nil {
		deny(w, http.StatusNotFound, "NotFound")
		return
	}
	if c.disturb > 0 {
		c.disturb--
		c.touch(old)
	}
	if update.ResourceVersion != old.ResourceVersion {
		deny(w, http.StatusConflict, "Conflict")
		return
	}
	if update.Status.Phase.Progress() < old.Status.Phase.Progress() || !validStatus(update.Status) {
		deny(w, http.StatusUnprocessableEntity, "Invalid")
		return
	}
	old.Status = update.Status
	c.touch(old)
	answer(w, old)
}

// The forms that the CustomResourceDefinition asks for.
var (
	reasonForm    = regexp.MustCompile(`^([a-z]([-a-z0-9]*[a-z0-9])?)?$`)
	conditionForm = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)
)

func validStatus(s kube.RemediationRequestStatus) bool {
	return s.Phase != "" && reasonForm.MatchString(s.Reason) &&
		!slices.ContainsFunc(s.Conditions, func(c metav1.Condition) bool {
			return !conditionForm.MatchString(c.Reason) || c.LastTransitionTime.IsZero()
		})
}

func (c *cluster) touch(r *kube.RemediationRequest) {
	c.version++
	r.ResourceVersion = fmt.Sprint(c.version)
}

// add creates a RemediationRequest: NAMESPACE/NAME for the action on an application.
func (c *cluster) add(name, action, app string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &kube.RemediationRequest{Spec: kube.RemediationRequestSpec{
		Target: kube.RemediationTarget{Kind: "Deployment", Name: app}, Action: action, Reason: "It {{hangs}}, says @jo.",
	}}
	r.Namespace, r.Name, _ = strings.Cut(name, "/")
	r.Generation, r.CreationTimestamp = 1, metav1.NewTime(time.Now().Truncate(time.Second))
	c.touch(r)
	c.requests[name] = r
}
