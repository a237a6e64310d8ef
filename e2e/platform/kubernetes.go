package platform

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	apiServer  = "https://" + address + ":6443"
	apiService = "10.90.0.1" // the first address of serviceRange
	// On loopback and away from the usual port: pods have no business here.
	etcdClients = "http://127.0.0.1:12379"
	etcdPeers   = "http://127.0.0.1:12380"
)

// startControlPlane starts etcd, the API server and its two controllers, and
// returns once the API server says that it is ready.
func (p *Platform) startControlPlane(ctx context.Context) error {
	if err := p.at.writePKI(); err != nil {
		return err
	}
	if err := p.at.start(p.etcd()); err != nil {
		return err
	}
	if err := p.at.await(ctx, "etcd", httpOK(etcdClients+"/health")); err != nil {
		return err
	}
	if err := p.at.start(p.apiServer()); err != nil {
		return err
	}
	if err := p.at.await(ctx, "kube-apiserver", p.apiReady); err != nil {
		return err
	}
	for _, d := range []daemon{p.controllerManager(), p.scheduler(), p.dns()} {
		if err := p.at.start(d); err != nil {
			return err
		}
	}
	return p.at.await(ctx, "dns", listens(address+":53"))
}

func (p *Platform) node(name string, flags ...string) daemon {
	return daemon{name: name, argv: append([]string{p.at.bin("node"), name}, flags...)}
}

func (p *Platform) etcd() daemon {
	return p.node("etcd",
		"--data-dir="+p.at.run("etcd"),
		"--listen-client-urls="+etcdClients, "--advertise-client-urls="+etcdClients,
		"--listen-peer-urls="+etcdPeers, "--initial-advertise-peer-urls="+etcdPeers,
		"--initial-cluster=default="+etcdPeers,
		"--unsafe-no-fsync", // nothing here outlives the run
	)
}

func (p *Platform) apiServer() daemon {
	return p.node("kube-apiserver",
		"--etcd-servers="+etcdClients,
		"--bind-address="+address, "--advertise-address="+address, "--secure-port=6443",
		"--service-cluster-ip-range="+serviceRange,
		"--tls-cert-file="+p.at.pki("server.crt"), "--tls-private-key-file="+p.at.pki("server.key"),
		"--client-ca-file="+p.at.pki("ca.crt"),
		"--service-account-key-file="+p.at.pki("accounts.key"),
		"--service-account-signing-key-file="+p.at.pki("accounts.key"),
		"--service-account-issuer="+apiServer,
		"--authorization-mode=Node,RBAC",
		"--kubelet-client-certificate="+p.at.pki("client.crt"), "--kubelet-client-key="+p.at.pki("client.key"),
		"--kubelet-preferred-address-types=InternalIP", // the node's name is in no DNS
	)
}

func (p *Platform) controllerManager() daemon {
	return p.node("kube-controller-manager",
		"--kubeconfig="+p.at.kubeconfig("controller-manager"),
		"--bind-address="+address, "--leader-elect=false",
		"--service-account-private-key-file="+p.at.pki("accounts.key"),
		"--root-ca-file="+p.at.pki("ca.crt"),
		"--use-service-account-credentials",
	)
}

func (p *Platform) scheduler() daemon {
	return p.node("kube-scheduler",
		"--kubeconfig="+p.at.kubeconfig("scheduler"), "--bind-address="+address, "--leader-elect=false")
}

// dns answers pods: the kubelet tells them its address.
func (p *Platform) dns() daemon {
	return daemon{name: "dns", argv: []string{p.at.bin("dns"),
		"-listen=" + address + ":53", "-kubeconfig=" + p.at.kubeconfig("admin")}}
}

func (p *Platform) kubelet() daemon {
	return p.node("kubelet",
		"--config="+p.at.run("kubelet.yaml"), "--kubeconfig="+p.at.kubeconfig("kubelet"),
		"--root-dir="+p.at.run("kubelet"), "--cert-dir="+p.at.run("kubelet", "pki"),
		"--hostname-override="+nodeName, "--node-ip="+address)
}

func (p *Platform) proxy() daemon {
	return p.node("kube-proxy",
		"--kubeconfig="+p.at.kubeconfig("proxy"), "--hostname-override="+nodeName,
		"--proxy-mode=iptables", "--masquerade-all", // pods on one bridge answer each other directly
		"--healthz-bind-address="+address+":10256", "--metrics-bind-address="+address+":10249",
		"--nodeport-addresses="+address+"/32", "--iptables-localhost-nodeports=false",
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
		"--oom-score-adj=0",
	)
}

// startNode starts containerd, imports the images, starts the kubelet and
// kube-proxy, and returns once the node is Ready.
func (p *Platform) startNode(ctx context.Context) error {
	for name, path := range map[string]string{
		"containerd.toml": p.at.run("containerd.toml"),
		"cni.conflist":    p.at.run("cni", "10-platform.conflist"),
		"kubelet.yaml":    p.at.run("kubelet.yaml"),
	} {
		if err := p.at.render(name, path); err != nil {
			return err
		}
	}
	if err := p.at.start(daemon{name: "containerd", argv: []string{"containerd", "--config", p.at.run("containerd.toml")}}); err != nil {
		return err
	}
	if err := p.at.await(ctx, "containerd", func(ctx context.Context) error { return p.ctr(ctx, "version") }); err != nil {
		return err
	}
	if err := p.importImages(ctx); err != nil {
		return err
	}
	if err := makeCgroup(); err != nil {
		return err
	}
	for _, d := range []daemon{p.kubelet(), p.proxy()} {
		if err := p.at.start(d); err != nil {
			return err
		}
	}
	if err := p.at.await(ctx, "kubelet", p.nodeReady); err != nil {
		return err
	}
	return p.at.await(ctx, "kube-proxy", httpOK("http://"+address+":10256/healthz"))
}

func (p *Platform) apiReady(ctx context.Context) error {
	c, err := p.kube()
	if err != nil {
		return err
	}
	_, err = c.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err
}

func (p *Platform) nodeReady(ctx context.Context) error {
	c, err := p.kube()
	if err != nil {
		return err
	}
	node, err := c.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			if condition.Status == corev1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("node is not ready: %s", condition.Message)
		}
	}
	return fmt.Errorf("node has no Ready condition")
}

// httpOK asks once whether a server answers 200.
func httpOK(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

// listens asks once whether a TCP port accepts connections.
func listens(hostPort string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", hostPort)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// cgroupRoots lists the hierarchies of the machine: one a controller in
// version 1, the only one in version 2.
func cgroupRoots() ([]string, error) {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return []string{root}, nil
	}
	entries, err := os.ReadDir(root)
	var roots []string
	for _, e := range entries {
		if e.IsDir() { // a joined controller is a link to its directory
			roots = append(roots, filepath.Join(root, e.Name()))
		}
	}
	return roots, err
}

// makeCgroup makes the group below which the kubelet keeps all pods. It is our
// own, so that down knows every process of a pod from any other.
func makeCgroup() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := os.MkdirAll(filepath.Join(root, cgroup), 0o755); err != nil {
			return fmt.Errorf("making the control group of the pods: %w", err)
		}
	}
	return nil
}
