package smoke

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend/e2e/platform"
)

const (
	eventBus = `
apiVersion: argoproj.io/v1alpha1
kind: EventBus
metadata: {name: default, namespace: default}
spec: {jetstreamExotic: {url: "` + platform.OwnBus + `", streamConfig: ""}}
`
	eventSource = `
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: smoke, namespace: default}
spec:
  service: {ports: [{port: 12000, targetPort: 12000}]}
  webhook:
    ping: {port: "12000", endpoint: /ping, method: POST}
`
	sensor = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: sensor, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: sensor, namespace: default}
rules:
- {apiGroups: [argoproj.io], resources: [workflows], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: sensor, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: sensor}
subjects: [{kind: ServiceAccount, name: sensor, namespace: default}]
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: smoke, namespace: default}
spec:
  template: {serviceAccountName: sensor}
  dependencies:
  - {name: ping, eventSourceName: smoke, eventName: ping}
  triggers:
  - atLeastOnce: true
    retryStrategy: {steps: 2, duration: 1s}
    template:
      name: start
      k8s:
        operation: create
        parameters:
        - {src: {dependencyName: ping, dataKey: body.id}, dest: metadata.name}
        source:
          resource:
            apiVersion: argoproj.io/v1alpha1
            kind: Workflow
            metadata: {name: replaced, namespace: default}
            spec:
              entrypoint: main
              templates:
              - name: main
                container: {image: ` + platform.OwnImages + `/echo:1, command: [/bin/echo], args: [hello]}
`
)

// A post to the EventSource starts a Workflow by way of the bus and the Sensor.
func TestEventStartsWorkflow(t *testing.T) {
	cluster := connect(t)
	const api = "argoproj.io/v1alpha1"
	create(t, cluster, object(api, "EventBus", "default", "default"), executor+eventBus)
	create(t, cluster, object(api, "EventSource", "default", "smoke"), eventSource)
	create(t, cluster, object(api, "Sensor", "default", "smoke"), sensor)
	for _, owner := range []string{"eventsource-name=smoke", "sensor-name=smoke"} {
		waitForDeployment(t, cluster, owner)
	}
	waitForSensor(t, cluster)

	workflow := object(api, "Workflow", "default", "from-event")
	t.Cleanup(func() { remove(t, cluster, workflow) })
	service, err := cluster.CoreV1().Services("default").Get(t.Context(), "smoke-eventsource-svc", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	post(t, fmt.Sprintf("http://%s:12000/ping", service.Spec.ClusterIP), `{"id": "from-event"}`)
	waitFor(t, cluster, workflow, []string{"status", "phase"}, "Succeeded", "Failed", "Error")
}

// post sends body until the EventSource has put it on the bus.
func post(t *testing.T, url, body string) {
	t.Helper()
	var last error
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(500 * time.Millisecond) {
		response, err := http.Post(url, "application/json", strings.NewReader(body))
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("answered %s", response.Status)
		}
		last = err
	}
	t.Fatalf("posting to %s: %v", url, last)
}

// waitForSensor waits until events reach the Sensor: an earlier one is lost.
func waitForSensor(t *testing.T, c *platform.Cluster) {
	t.Helper()
	var last error
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(200 * time.Millisecond) {
		if last = c.Subscribed(t.Context(), "default", "smoke"); last == nil {
			t.Logf("the Sensor listens after %.1f s more", time.Since(begin).Seconds())
			return
		}
	}
	t.Fatal(last)
}

func waitForDeployment(t *testing.T, c *platform.Cluster, selector string) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 2*time.Minute; time.Sleep(200 * time.Millisecond) {
		list, err := c.AppsV1().Deployments("default").List(t.Context(), metav1.ListOptions{LabelSelector: selector})
		if err == nil && len(list.Items) == 1 && list.Items[0].Status.AvailableReplicas == 1 {
			t.Logf("%s is available after %.1f s", selector, time.Since(begin).Seconds())
			return
		}
	}
	t.Fatalf("no deployment %s is available after two minutes", selector)
}
