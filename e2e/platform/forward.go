package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// A Conn is what a test needs of a connection.
type Conn interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Dial connects to a pod of a Service by way of the API server, which is how a
// Service is reached from outside of any cluster.
func (c *Cluster) Dial(ctx context.Context, namespace, service string, port int) (Conn, error) {
	pod, target, err := c.behind(ctx, namespace, service, port)
	if err != nil {
		return nil, fmt.Errorf("reaching the Service %s: %w", service, err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	url := c.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	conn, _, err := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url).Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, fmt.Errorf("forwarding to %s: %w", pod, err)
	}
	// The API server wants a stream for errors first.
	header := http.Header{}
	header.Set(corev1.PortHeader, strconv.Itoa(target))
	header.Set(corev1.PortForwardRequestIDHeader, "0")
	header.Set(corev1.StreamType, corev1.StreamTypeError)
	problems, err := conn.CreateStream(header)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := problems.Close(); err != nil { // nothing is ever written to it
		return nil, errors.Join(err, conn.Close())
	}
	header.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(header)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return forwarded{data, conn}, nil
}

// forwarded is a stream on a connection of its own.
type forwarded struct {
	stream io.ReadWriteCloser
	conn   io.Closer
}

func (f forwarded) Read(p []byte) (int, error)  { return f.stream.Read(p) }
func (f forwarded) Write(p []byte) (int, error) { return f.stream.Write(p) }

// CloseWrite tells the other side that nothing more will be written.
func (f forwarded) CloseWrite() error { return f.stream.Close() }
func (f forwarded) Close() error      { return f.conn.Close() }

// behind finds a pod of a Service that is ready, and the port of its container.
func (c *Cluster) behind(ctx context.Context, namespace, name string, port int) (pod string, target int, err error) {
	service, err := c.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", 0, err
	}
	pods, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: labels.FormatLabels(service.Spec.Selector)})
	if err != nil {
		return "", 0, err
	}
	for _, p := range pods.Items {
		if !isReady(p) {
			continue
		}
		target, err := targetPort(service, port, p)
		return p.Name, target, err
	}
	return "", 0, errors.New("none of its pods is ready")
}

func isReady(p corev1.Pod) bool {
	if p.DeletionTimestamp != nil {
		return false
	}
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// targetPort is the port of a pod that a port of a Service stands for.
func targetPort(service *corev1.Service, port int, pod corev1.Pod) (int, error) {
	for _, s := range service.Spec.Ports {
		if int(s.Port) != port {
			continue
		}
		if s.TargetPort.StrVal == "" {
			return s.TargetPort.IntValue(), nil
		}
		for _, container := range pod.Spec.Containers {
			for _, p := range container.Ports {
				if p.Name == s.TargetPort.StrVal {
					return int(p.ContainerPort), nil
				}
			}
		}
	}
	return 0, fmt.Errorf("it has no port %d that leads to one of the pod %s", port, pod.Name)
}
