package smoke

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/amendhq/amend/e2e/platform"
)

func TestPodOfAnOwnImageRunsToItsEnd(t *testing.T) {
	cluster := connect(t)
	pod := object("v1", "Pod", "default", "smoke")
	create(t, cluster, pod, `
apiVersion: v1
kind: Pod
metadata: {name: smoke, namespace: default}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: `+platform.OwnImages+`/echo:1, args: [hello, from, a, pod]}
`)
	waitFor(t, cluster, pod, []string{"status", "phase"}, "Succeeded", "Failed")
	log, err := cluster.CoreV1().Pods("default").GetLogs("smoke", &corev1.PodLogOptions{}).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(log)), "hello from a pod"; got != want {
		t.Errorf("the log of the pod is %q, want %q", got, want)
	}
}
