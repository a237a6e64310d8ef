package scenario

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend/e2e/platform"
)

// reach returns an address at which this machine reaches a Service, also while
// its pods come and go.
func (w *world) reach(t *testing.T, namespace, service string, port int) string {
	t.Helper()
	return forward(t, "127.0.0.1:0", func() (platform.Conn, error) {
		ctx := context.Background() // a connection may outlive the call that made it
		if w.site.Own == nil {
			return w.cluster.Dial(ctx, namespace, service, port)
		}
		s, err := w.cluster.CoreV1().Services(namespace).Get(ctx, service, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return dial(fmt.Sprintf("%s:%d", s.Spec.ClusterIP, port))
	})
}

func dial(address string) (platform.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// forward passes connections to an address on to where dial leads, and returns
// the address that it listens on.
func forward(t *testing.T, address string, dial func() (platform.Conn, error)) string {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go pass(from, dial)
		}
	}()
	return listener.Addr().String()
}

func pass(from net.Conn, dial func() (platform.Conn, error)) {
	defer from.Close()
	to, err := dial()
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		io.Copy(to, from)
		to.CloseWrite()
	}()
	io.Copy(from, to)
}
