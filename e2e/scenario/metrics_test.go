package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend/e2e/platform"
)

// watched are the namespaces whose pods Prometheus scrapes.
var watched = []string{"tickets", "streams"}

// metrics is what Prometheus reads. What the programs in the pods say of
// themselves is passed on as it is, and who owns those pods is read from the
// cluster, as kube-state-metrics does. The rest is made up: the scores of anomaly
// jobs, and how a volume fills.
type metrics struct {
	address string
	cluster *platform.Cluster

	mu     sync.Mutex
	scores map[string]float64 // by job
	volume *filling           // nil until there is one
}

// A filling is a volume to which something writes at a steady rate.
type filling struct {
	namespace, claim string
	began            time.Time
	used             float64 // bytes, then
	rate             float64 // bytes a second
}

func startMetrics(t *testing.T, w *world) *metrics {
	t.Helper()
	listener, err := net.Listen("tcp", w.site.Address+":0")
	must(t, err)
	m := &metrics{address: listener.Addr().String(), cluster: w.cluster, scores: map[string]float64{"webapp": 3}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", answering(m.exported))
	mux.HandleFunc("GET /cluster", answering(m.state))
	mux.HandleFunc("GET /targets", answering(m.targets))
	mux.HandleFunc("GET /pods/{namespace}/{pod}", func(rw http.ResponseWriter, r *http.Request) {
		answering(func(ctx context.Context) ([]byte, error) {
			return m.scrape(ctx, r.PathValue("namespace"), r.PathValue("pod"))
		})(rw, r)
	})
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return m
}

// answering serves what a function returns. Prometheus takes an error for a
// target that is down. Where it gives up before, the cluster is still asked, as
// the client would log what was broken off.
func answering(what func(context.Context) ([]byte, error)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		text, err := what(context.WithoutCancel(r.Context()))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		rw.Header().Set("Content-Type", "text/plain; version=0.0.4")
		if strings.HasPrefix(string(text), "[") {
			rw.Header().Set("Content-Type", "application/json")
		}
		rw.Write(text)
	}
}

// score is what the exporter says of an anomaly job from now on.
func (m *metrics) score(job string, score float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.scores[job] = score
}

// fill lets a volume fill from now on.
func (m *metrics) fill(f filling) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f.began = time.Now()
	m.volume = &f
}

// exported asks nobody: what a probe reads must not be missing because the API
// server is slow just then.
func (m *metrics) exported(context.Context) ([]byte, error) {
	var out strings.Builder
	m.mu.Lock()
	defer m.mu.Unlock()
	for job, score := range m.scores {
		fmt.Fprintf(&out, "elastic_anomaly_score{job=%q,namespace=\"shop\"} %g\n", job, score)
	}
	return []byte(out.String()), nil
}

// state is what the cluster says of pods and volumes.
func (m *metrics) state(ctx context.Context) ([]byte, error) {
	var out strings.Builder
	for _, namespace := range watched {
		if err := m.owners(ctx, &out, namespace); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	volume := m.volume
	m.mu.Unlock()
	if volume != nil {
		if err := m.free(ctx, &out, *volume); err != nil {
			return nil, err
		}
	}
	return []byte(out.String()), nil
}

// owners says which pod is of which ReplicaSet, and which of those of which
// Deployment.
func (m *metrics) owners(ctx context.Context, out io.Writer, namespace string) error {
	pods, err := m.cluster.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	sets, err := m.cluster.AppsV1().ReplicaSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		owner(out, "kube_pod_owner", "pod", p.ObjectMeta)
	}
	for _, s := range sets.Items {
		owner(out, "kube_replicaset_owner", "replicaset", s.ObjectMeta)
	}
	return nil
}

func owner(out io.Writer, metric, what string, of metav1.ObjectMeta) {
	for _, o := range of.OwnerReferences {
		fmt.Fprintf(out, "%s{namespace=%q,%s=%q,owner_kind=%q,owner_name=%q} 1\n", metric, of.Namespace, what, of.Name, o.Kind, o.Name)
	}
}

// free says how much room a volume has, of as much as its claim in the cluster
// asks for: nothing here resizes volumes.
func (m *metrics) free(ctx context.Context, out io.Writer, f filling) error {
	claim, err := m.cluster.CoreV1().PersistentVolumeClaims(f.namespace).Get(ctx, f.claim, metav1.GetOptions{})
	if err != nil {
		return err
	}
	free := claim.Spec.Resources.Requests.Storage().AsApproximateFloat64() - f.used - f.rate*time.Since(f.began).Seconds()
	fmt.Fprintf(out, "kubelet_volume_stats_available_bytes{namespace=%q,persistentvolumeclaim=%q} %.0f\n", f.namespace, f.claim, max(free, 0))
	return nil
}

// targets lists the pods with a port for Prometheus. They are reached through the
// API server, wherever the cluster is.
func (m *metrics) targets(ctx context.Context) ([]byte, error) {
	type target struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	found := []target{}
	for _, namespace := range watched {
		pods, err := m.cluster.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, p := range pods.Items {
			if p.Status.Phase == corev1.PodRunning && len(p.Spec.Containers[0].Ports) > 0 {
				found = append(found, target{[]string{m.address}, map[string]string{
					"__metrics_path__": "/pods/" + namespace + "/" + p.Name, "namespace": namespace, "pod": p.Name,
				}})
			}
		}
	}
	return json.Marshal(found)
}

func (m *metrics) scrape(ctx context.Context, namespace, pod string) ([]byte, error) {
	return m.cluster.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name(pod + ":8080").
		SubResource("proxy").Suffix("metrics").DoRaw(ctx)
}

// measured asks Prometheus for the one value of an expression, which is not a
// number where there is none.
func (w *world) measured(t *testing.T, expression string) float64 {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	must(t, call(t.Context(), http.MethodGet, w.prometheus+"/api/v1/query?query="+url.QueryEscape(expression), "", nil, &answer))
	if len(answer.Data.Result) != 1 {
		return math.NaN()
	}
	value, err := strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
	must(t, err)
	return value
}

// visitors sends requests to a Service of a namespace until the test ends: so many
// in a second, from a pod.
func (w *world) visitors(t *testing.T, namespace, service string, rate int) {
	t.Helper()
	o := parsed(t, `
apiVersion: v1
kind: Pod
metadata: {name: visitors, namespace: `+namespace+`}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: visitors
    image: `+w.image("app:1")+`
    args: [-visit, "http://`+service+`.`+namespace+`.svc:8080/", -rate, "`+strconv.Itoa(rate)+`"]
`)
	w.apply(t, o)
	t.Cleanup(func() { w.remove(t, o) })
}
