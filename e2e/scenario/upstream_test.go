package scenario

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestUpstream pins down what the pinned versions of Argo do that amend's
// design answers. When it fails after a change of version, the design may be
// simpler than it is.
func TestUpstream(t *testing.T) {
	w := connect(t)
	if w.site.Bus == "" {
		t.Skip("needs a bus that this machine reaches: set E2E_BUS")
	}
	u := &upstream{world: w}
	u.start(t)
	t.Run("the EventSource gives every post an id of its own", u.ids)
	t.Run("large bodies are refused or stall", u.bodies)
	t.Run("retries need atLeastOnce", u.retries)
	t.Run("parameter values are evaluated", u.evaluation)
}

type upstream struct {
	*world
	bell *bell
	hook string // address of the EventSource
	bus  nats.JetStreamContext
}

// start makes an EventSource and a Sensor whose triggers always fail, one for
// each setting.
func (u *upstream) start(t *testing.T) {
	u.controlNamespace(t)
	u.bell = newBell(t, u.site.Address, func(string) int { return http.StatusInternalServerError })
	trigger := func(path, settings string) string {
		return `
  - template:
      name: ` + path + `
      http: {url: "` + u.bell.url + `/` + path + `", method: POST, payload: [{src: {dependencyName: post, dataKey: body.id}, dest: id}]}
    policy: {status: {allow: [200]}}
` + settings
	}
	must(t, u.cluster.Apply(t.Context(), []byte(`
apiVersion: argoproj.io/v1alpha1
kind: EventBus
metadata: {name: default, namespace: `+controls+`}
spec: {jetstreamExotic: {url: "`+u.site.Bus+`", streamConfig: ""}}
---
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: upstream, namespace: `+controls+`}
spec:
  service: {ports: [{port: 12000, targetPort: 12000}]}
  webhook:
    post: {port: "12000", endpoint: /post, method: POST}
    large: {port: "12000", endpoint: /large, method: POST}
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: upstream, namespace: `+controls+`}
spec:
  dependencies:
  - {name: post, eventSourceName: upstream, eventName: post}
  triggers:`+
		trigger("retry-only", "    retryStrategy: {steps: 3, duration: 100ms}\n")+
		trigger("at-least-once-only", "    atLeastOnce: true\n")+
		trigger("both", "    atLeastOnce: true\n    retryStrategy: {steps: 3, duration: 100ms}\n"))))
	t.Cleanup(func() {
		for _, kind := range []string{"Sensor", "EventSource"} {
			u.remove(t, object(argo, kind, controls, "upstream"))
		}
		u.remove(t, object(argo, "EventBus", controls, "default"))
	})
	eventually(t, "the Sensor listens", func() error { return u.cluster.Subscribed(t.Context(), controls, "upstream") })
	u.hook = "http://" + u.reach(t, controls, "upstream-eventsource-svc", 12000)
	eventually(t, "the EventSource listens", func() error {
		response, err := http.Get(u.hook + "/health")
		if err == nil {
			response.Body.Close()
		}
		return err
	})
	// Self-signed, as Argo Events accepts it too.
	conn, err := nats.Connect(u.site.Bus, nats.Secure(&tls.Config{InsecureSkipVerify: true}))
	must(t, err)
	t.Cleanup(conn.Close)
	u.bus, err = conn.JetStream()
	must(t, err)
}

func (u *upstream) post(t *testing.T, path string, body []byte) (status int, took time.Duration) {
	t.Helper()
	began := time.Now()
	response, err := http.Post(u.hook+path, "application/json", bytes.NewReader(body))
	must(t, err)
	response.Body.Close()
	return response.StatusCode, time.Since(began)
}

// messages counts what the bus has of one event.
func (u *upstream) messages(t *testing.T, event string) uint64 {
	t.Helper()
	subject := "default.upstream." + event
	info, err := u.bus.StreamInfo("default", &nats.StreamInfoRequest{SubjectsFilter: subject})
	must(t, err)
	return info.State.Subjects[subject]
}

// ids: one event posted five times is five events on the bus, so the bus does
// not deduplicate for anybody; with an id of our own it would.
func (u *upstream) ids(t *testing.T) {
	before := u.messages(t, "post")
	for range 5 {
		if status, _ := u.post(t, "/post", []byte(`{"id": "same"}`)); status != http.StatusOK {
			t.Fatalf("the EventSource answers %d", status)
		}
	}
	if n := u.messages(t, "post") - before; n != 5 {
		t.Errorf("the bus has %d messages of 5 equal posts; before it had 5", n)
	}
	before = u.messages(t, "own")
	for range 5 {
		_, err := u.bus.Publish("default.upstream.own", []byte("{}"), nats.MsgId("own-"+t.Name()+fmt.Sprint(u.bell.url)))
		must(t, err)
	}
	if n := u.messages(t, "own") - before; n != 1 {
		t.Errorf("the bus has %d messages with one id, want 1", n)
	}
}

// bodies: 500 KiB pass, 800 KiB block the route for seconds and fail, more
// than 1 MiB is the caller's fault.
func (u *upstream) bodies(t *testing.T) {
	for _, c := range []struct {
		kib, status int
		slow        bool
	}{{500, http.StatusOK, false}, {800, http.StatusInternalServerError, true}, {1100, http.StatusBadRequest, false}} {
		body := append(append([]byte(`{"id": "`), bytes.Repeat([]byte("a"), c.kib<<10)...), `"}`...)
		status, took := u.post(t, "/large", body)
		t.Logf("%d KiB: %d after %.1f s", c.kib, status, took.Seconds())
		if status != c.status || (took > 2*time.Second) != c.slow {
			t.Errorf("%d KiB: answered %d after %s; before it was %d, slowly: %v", c.kib, status, took, c.status, c.slow)
		}
	}
}

// retries: the one post of this test is tried once unless both settings are there.
func (u *upstream) retries(t *testing.T) {
	count := func() map[string]int {
		n := map[string]int{}
		for _, path := range []string{"retry-only", "at-least-once-only", "both"} {
			n[path] = len(u.bell.rings("/" + path))
		}
		return n
	}
	var before map[string]int
	eventually(t, "earlier posts are done with", func() error {
		before = count()
		time.Sleep(3 * time.Second)
		if fmt.Sprint(before) != fmt.Sprint(count()) {
			return fmt.Errorf("calls still arrive")
		}
		return nil
	})
	u.post(t, "/post", []byte(`{"id": "fails"}`))
	time.Sleep(8 * time.Second)
	after := count()
	for path, want := range map[string]int{"retry-only": 1, "at-least-once-only": 1, "both": 3} {
		if n := after[path] - before[path]; n != want {
			t.Errorf("%s: tried %d times; before it was %d", path, n, want)
		}
	}
	t.Logf("calls before %v, after %v", before, after)
}

// evaluation: Argo Workflows executes templates in the value of a parameter.
func (u *upstream) evaluation(t *testing.T) {
	for value, want := range map[string]string{"{{=70921*131071}}": product, "{{workflow.parameters.secret}}": "canary"} {
		if got := u.evaluated(t, value); got != want {
			t.Errorf("a parameter %s reaches the step as %q; before it was %q", value, got, want)
		}
	}
}
