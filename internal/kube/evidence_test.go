package kube_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/kube"
)

// canned answers by path, and remembers what it was asked; whatever else is
// asked for is not there.
type canned struct {
	answers map[string]string
	asked   []string
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.asked = append(c.asked, r.Method+" "+r.URL.RequestURI())
	answer, ok := c.answers[r.URL.Path]
	if ok && strings.HasPrefix(answer, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	if !ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
	}
	fmt.Fprint(w, answer)
}

func (c *canned) connect(t *testing.T) *kube.Client {
	t.Helper()
	web := httptest.NewTLSServer(c)
	t.Cleanup(web.Close)
	return client(t, web.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}))
}

const (
	appsGroup     = `{"kind":"APIGroup","preferredVersion":{"version":"v1"}}`
	appsResources = `{"kind":"APIResourceList","resources":[{"name":"deployments","kind":"Deployment","namespaced":true},{"name":"statefulsets","kind":"StatefulSet","namespaced":true}]}`
	deployment    = `{"metadata":{"namespace":"shop","name":"web"},"spec":{"selector":{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"tier","operator":"In","values":["a","b"]}]}}}`
)

func workloads(more map[string]string) *canned {
	answers := map[string]string{
		"/apis/apps":    appsGroup,
		"/apis/apps/v1": appsResources,
		"/apis/apps/v1/namespaces/shop/deployments/web": deployment,
	}
	for path, answer := range more {
		answers[path] = answer
	}
	return &canned{answers: answers}
}

func TestPods(t *testing.T) {
	const pods = `{"items":[{"metadata":{"namespace":"shop","name":"web-1"},
		"spec":{"initContainers":[{"name":"migrate","image":"web:2"}],"containers":[{"name":"app","image":"web:2","resources":{"limits":{"memory":"256Mi"}}},{"name":"side","image":"side:1"}],
			"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data"}},{"name":"t","emptyDir":{}}]},
		"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"initContainerStatuses":[{"name":"migrate","ready":true,"state":{"terminated":{"reason":"Completed"}}}],"containerStatuses":[
			{"name":"app","ready":false,"restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off"}},
			 "lastState":{"terminated":{"reason":"OOMKilled","exitCode":137,"finishedAt":"2026-03-01T10:01:00Z"}}}]}}]}`
	s := workloads(map[string]string{"/api/v1/namespaces/shop/pods": pods})
	got, claims, err := s.connect(t).Pods(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	want := []amend.Pod{{Name: "web-1", Phase: "Running", Containers: []amend.PodContainer{
		{Name: "migrate", Image: "web:2", Ready: true, Ended: &amend.Termination{Reason: "Completed"}},
		{
			Name: "app", Image: "web:2", Restarts: 4, Waiting: "CrashLoopBackOff", Message: "back-off", MemoryLimit: "256Mi",
			Ended: &amend.Termination{Reason: "OOMKilled", ExitCode: 137, At: time.Date(2026, 3, 1, 10, 1, 0, 0, time.UTC)},
		},
		{Name: "side", Image: "side:1"},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"data"}, claims); diff != "" {
		t.Error(diff)
	}
	if last := s.asked[len(s.asked)-1]; last != "GET /api/v1/namespaces/shop/pods?labelSelector=app%3Dweb%2Ctier+in+%28a%2Cb%29&limit=100&timeout=15s" {
		t.Errorf("asked %s", last)
	}
}

func TestRolloutsSayWhatChanged(t *testing.T) {
	replicaSet := func(name, revision, owner, template string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop","creationTimestamp":"2026-03-01T10:00:00Z","annotations":{"deployment.kubernetes.io/revision":%q},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":%q,"controller":true}]},"spec":{"template":%s}}`, name, revision, owner, template)
	}
	s := workloads(map[string]string{"/apis/apps/v1/namespaces/shop/replicasets": `{"items":[` + strings.Join([]string{
		replicaSet("web-9", "9", "web", `{"metadata":{"labels":{"app":"web","pod-template-hash":"9"}},"spec":{"containers":[{"name":"app","image":"web:1","env":[{"name":"A","value":"s3cret"}]}],"volumes":[]}}`),
		replicaSet("web-10", "10", "web", `{"metadata":{"annotations":{"checksum/config":"y","kubectl.kubernetes.io/restartedAt":"z"},"labels":{"app":"web","pod-template-hash":"10"}},"spec":{"volumes":[],"nodeSelector":{"a":"b"},"containers":[{"name":"app","env":[{"value":"other","name":"A"}],"image":"web:2"}]}}`),
		replicaSet("other-1", "11", "other", `{"spec":{}}`),
	}, ",") + `]}`})
	got, err := s.connect(t).Rollouts(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	want := []amend.Rollout{
		{Name: "web-10", Revision: 10, At: at, Images: map[string]string{"app": "web:2"}, Changed: []string{"container app env", "container app image", "nodeSelector", "annotation checksum/config", amend.RolloutRestarted}},
		{Name: "web-9", Revision: 9, At: at, Images: map[string]string{"app": "web:1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := fmt.Sprint(got); strings.Contains(text, "s3cret") {
		t.Error("the value of a variable is in", text)
	}
}

func TestRolloutsOfAStatefulSet(t *testing.T) {
	s := workloads(map[string]string{
		"/apis/apps/v1/namespaces/shop/statefulsets/db": strings.Replace(deployment, `"web"}`, `"db"}`, 1),
		"/apis/apps/v1/namespaces/shop/controllerrevisions": `{"items":[{"metadata":{"name":"db-1","ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"db","controller":true}]},
			"revision":3,"data":{"spec":{"template":{"spec":{"containers":[{"name":"db","image":"db:1"}]}}}}}]}`,
	})
	got, err := s.connect(t).Rollouts(t.Context(), amend.ObjectRef{Kind: "StatefulSet", Namespace: "shop", Name: "db"})
	want := []amend.Rollout{{Name: "db-1", Revision: 3, Images: map[string]string{"db": "db:1"}}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestEventsAreOfTheObjectsAlone(t *testing.T) {
	s := &canned{answers: map[string]string{"/api/v1/namespaces/shop/events": `{"items":[
		{"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-1"},"type":"Warning","reason":"BackOff","message":"a","count":3,"firstTimestamp":"2026-03-01T09:00:00Z","lastTimestamp":"2026-03-01T10:00:00Z"},
		{"involvedObject":{"kind":"Pod","namespace":"shop","name":"other"},"reason":"BackOff"},
		{"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-1"},"type":"Normal","reason":"Pulled","firstTimestamp":null,"lastTimestamp":null,"eventTime":"2026-03-01T11:00:00.000000Z","series":{"count":2,"lastObservedTime":"2026-03-01T12:00:00.000000Z"}}]}`}}
	pod := amend.ObjectRef{Kind: "Pod", Namespace: "shop", Name: "web-1"}
	got, err := s.connect(t).Events(t.Context(), "shop", []amend.ObjectRef{pod})
	if err != nil {
		t.Fatal(err)
	}
	hour := func(h int) time.Time { return time.Date(2026, 3, 1, h, 0, 0, 0, time.UTC) }
	want := []amend.ClusterEvent{
		{Object: pod, Type: "Normal", Reason: "Pulled", Count: 2, First: hour(11), Last: hour(12)},
		{Object: pod, Type: "Warning", Reason: "BackOff", Message: "a", Count: 3, First: hour(9), Last: hour(10)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEventsAreNotReadWithoutEnd(t *testing.T) {
	s := &canned{answers: map[string]string{"/api/v1/namespaces/shop/events": `{"metadata":{"continue":"more"},"items":[]}`}}
	if _, err := s.connect(t).Events(t.Context(), "shop", nil); amend.KindOf(err) != amend.Refused {
		t.Errorf("got %v", err)
	}
	if len(s.asked) != 10 {
		t.Errorf("asked %d times", len(s.asked))
	}
}

func TestLog(t *testing.T) {
	const path = "/api/v1/namespaces/shop/pods/web-1/log"
	long := strings.Repeat(strings.Repeat("x", 99)+"\n", 700)
	for name, c := range map[string]struct{ answer, want string }{
		"as it is":             {"a\nb", "a\nb"},
		"no half of a line":    {long, long[:65500]},
		"one line that is cut": {strings.Repeat("x", 70000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &canned{answers: map[string]string{path: c.answer}}
			got, err := s.connect(t).Log(t.Context(), "shop", "web-1", "app", true)
			if got != c.want || err != nil {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if s.asked[0] != "GET "+path+"?container=app&limitBytes=65536&previous=true&tailLines=80&timeout=15s" {
				t.Errorf("asked %s", s.asked[0])
			}
		})
	}
}

func TestScaler(t *testing.T) {
	s := &canned{answers: map[string]string{"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers": `{"items":[
		{"metadata":{"name":"other"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"other"},"maxReplicas":1}},
		{"metadata":{"name":"web-hpa"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":5},
		 "status":{"currentReplicas":5,"desiredReplicas":5,"conditions":[{"type":"ScalingLimited","status":"True","reason":"TooManyReplicas"}]}}]}`}}
	c := s.connect(t)
	want := &amend.Scaler{Name: "web-hpa", Min: 1, Max: 5, Current: 5, Desired: 5, Limited: "TooManyReplicas"}
	got, target, err := c.Scaler(t.Context(), web)
	if diff := cmp.Diff(want, got); diff != "" || target != web || err != nil {
		t.Error(diff, target, err)
	}
	got, target, err = c.Scaler(t.Context(), amend.ObjectRef{Kind: "HorizontalPodAutoscaler", Namespace: "shop", Name: "web-hpa"})
	if diff := cmp.Diff(want, got); diff != "" || target.String() != "Deployment/shop/web" || err != nil {
		t.Error(diff, target, err)
	}
	if got, _, err := c.Scaler(t.Context(), amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "none"}); got != nil || err != nil {
		t.Error(got, err)
	}
}

func TestClaims(t *testing.T) {
	s := &canned{answers: map[string]string{"/api/v1/namespaces/shop/persistentvolumeclaims/data": `{"status":{"capacity":{"storage":"10Gi"}}}`}}
	got, err := s.connect(t).Claims(t.Context(), "shop", []string{"data"})
	if diff := cmp.Diff([]amend.Claim{{Name: "data", Capacity: "10Gi"}}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestDeploys(t *testing.T) {
	s := &canned{answers: map[string]string{"/apis/argoproj.io/v1alpha1/namespaces/argocd/applications": `{"items":[{"metadata":{"namespace":"argocd","name":"web"},"spec":{},
		"status":{"resources":[{"group":"apps","kind":"Deployment","namespace":"shop","name":"web"}],"history":[
			{"id":0,"deployedAt":"2026-03-01T09:00:00Z","revision":"aaa","initiatedBy":{"username":"ada"}},
			{"id":1,"deployedAt":"2026-03-01T10:00:00Z","revisions":["bbb","ccc"],"initiatedBy":{"automated":true}}]}}]}`}}
	got, err := kube.NewOwners(s.connect(t), "argocd", 0, time.Now).Deploys(t.Context(), web)
	want := []amend.Deploy{
		{At: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Revisions: []string{"bbb", "ccc"}},
		{At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Revisions: []string{"aaa"}, By: "ada"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// TestEvidenceStaysInItsNamespace: whatever the names are, nothing is asked about
// another namespace, and nothing is written.
func TestEvidenceStaysInItsNamespace(t *testing.T) {
	for _, evil := range []string{"../../kube-system/secrets", "a/b", "..", "%2e%2e", ""} {
		s := workloads(nil)
		c, ctx := s.connect(t), t.Context()
		ref := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: evil}
		_, _, pods := c.Pods(ctx, ref)
		_, rollouts := c.Rollouts(ctx, ref)
		_, log := c.Log(ctx, "shop", evil, "app", false)
		_, claims := c.Claims(ctx, "shop", []string{evil})
		_, events := c.Events(ctx, evil, nil)
		for i, err := range []error{pods, rollouts, log, claims, events} {
			if err == nil {
				t.Errorf("%q: call %d found something", evil, i)
			}
		}
		for _, asked := range s.asked {
			path, _, _ := strings.Cut(asked, "?")
			if strings.Contains(path, "kube-system") || strings.Contains(path, "..") || !strings.HasPrefix(asked, "GET ") {
				t.Errorf("%q: asked %s", evil, asked)
			}
		}
	}
}
