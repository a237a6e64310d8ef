package platform

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Subscribed returns nil once every trigger of a Sensor listens to the bus. A
// Sensor of Argo Events 1.9 gets only what is published after its first
// subscription (DeliverNew), and it subscribes a second or more after its pod
// runs, when it leads; its Deployment is available before that, and its status
// does not say. So on a new bus an event can be answered with 200 by the
// EventSource and yet reach nobody.
func (c *Cluster) Subscribed(ctx context.Context, namespace, name string) error {
	sensor := &unstructured.Unstructured{}
	sensor.SetAPIVersion("argoproj.io/v1alpha1")
	sensor.SetKind("Sensor")
	sensor.SetNamespace(namespace)
	api, err := c.Objects(sensor)
	if err != nil {
		return err
	}
	if sensor, err = api.Get(ctx, name, metav1.GetOptions{}); err != nil {
		return err
	}
	triggers, _, err := unstructured.NestedSlice(sensor.Object, "spec", "triggers")
	if err != nil {
		return err
	}
	pods, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "sensor-name=" + name})
	if err != nil {
		return err
	}
	listening := 0
	for _, pod := range pods.Items {
		log, err := c.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		if err != nil {
			return err
		}
		listening += strings.Count(string(log), "Subscribing to subject")
	}
	if listening < len(triggers) {
		return fmt.Errorf("Sensor %s listens for %d of its %d triggers", name, listening, len(triggers))
	}
	return nil
}
