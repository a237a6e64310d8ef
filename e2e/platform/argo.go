package platform

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What a Site says of the platform's own cluster.
const (
	OwnAddress = address
	OwnBus     = "tls://" + address + ":4222"
	// There is no registry of this name: images are handed to the node.
	OwnImages = "amend.local"
)

const (
	repoServer = address + ":8081"
	redis      = address + ":6379"

	// Not upstream's image: it holds one program, and no git.
	argoCDImage = OwnImages + "/argocd:v2.14.21"
)

func (layout) RepoServer() string  { return repoServer }
func (layout) Redis() string       { return redis }
func (layout) ArgoCDImage() string { return argoCDImage }

// startArgo starts what the Argo controllers lean on, installs them and waits
// until they run.
func (p *Platform) startArgo(ctx context.Context) error {
	if err := p.startServers(ctx); err != nil {
		return err
	}
	cluster, err := p.kube()
	if err != nil {
		return err
	}
	for _, read := range []func(context.Context) (objects, error){
		p.eventsObjects, p.workflowsObjects, p.ownCDObjects,
	} {
		objects, err := read(ctx)
		if err != nil {
			return err
		}
		if err := cluster.applyAll(ctx, objects); err != nil {
			return err
		}
	}
	for _, d := range [][2]string{
		{"argo-events", "controller-manager"}, {"argo", "workflow-controller"}, {"argocd", "argocd-application-controller"},
	} {
		available := func(ctx context.Context) error { return cluster.available(ctx, d[0], d[1]) }
		if err := poll(ctx, 2*time.Minute, available); err != nil {
			return fmt.Errorf("waiting for %s/%s: %w", d[0], d[1], err)
		}
	}
	return nil
}

// startServers starts the event bus, and the two parts of Argo CD that run
// beside the cluster: the repo-server, because it needs git, and redis.
func (p *Platform) startServers(ctx context.Context) error {
	if err := p.at.render("nats.conf", p.at.run("nats.conf")); err != nil {
		return err
	}
	data := p.at.run("argocd")
	for _, dir := range []string{"tls", "ssh", "home"} {
		if err := os.MkdirAll(filepath.Join(data, dir), 0o700); err != nil {
			return err
		}
	}
	for _, server := range []struct {
		daemon
		at string
	}{
		{p.bus(), address + ":4222"},
		{daemon{name: "redis", argv: []string{"redis-server", "--bind", address, "--port", "6379",
			"--protected-mode", "no", "--save", "", "--appendonly", "no"}}, redis},
		{p.repoServer(data), repoServer},
	} {
		if err := p.at.start(server.daemon); err != nil {
			return err
		}
		if err := p.at.await(ctx, server.name, listens(server.at)); err != nil {
			return err
		}
	}
	return nil
}

func (p *Platform) repoServer(data string) daemon {
	return daemon{
		name: "argocd-repo-server",
		argv: []string{p.at.bin("argocd"), "repo-server", "--address=" + address, "--port=8081", "--disable-tls",
			"--metrics-address=" + address, "--metrics-port=8084", "--redis=" + redis},
		env: []string{
			"ARGOCD_TLS_DATA_PATH=" + filepath.Join(data, "tls"), "ARGOCD_SSH_DATA_PATH=" + filepath.Join(data, "ssh"),
			// It runs kustomize for the Applications that are kustomizations.
			"PATH=" + p.at.Bin + string(os.PathListSeparator) + os.Getenv("PATH"),
			"ARGOCD_GPG_ENABLED=false", "HOME=" + filepath.Join(data, "home"), "TMPDIR=" + data,
			"KUBECONFIG=" + p.Kubeconfig(),
		},
	}
}

// ownCDObjects is Argo CD as far as it runs in pods here: the definitions and
// configuration of upstream, and an application controller that finds the
// repo-server and redis on the machine.
func (p *Platform) ownCDObjects(ctx context.Context) (objects, error) {
	all := objects{namespaceObject("argocd")}
	definitions, err := p.moduleObjects(ctx, cdModule, "manifests/crds")
	if err != nil {
		return nil, err
	}
	config, err := p.moduleObjects(ctx, cdModule, "manifests/base/config")
	if err != nil {
		return nil, err
	}
	for _, object := range config {
		object.SetNamespace("argocd")
	}
	manifest, err := p.at.expand("argocd.yaml")
	if err != nil {
		return nil, err
	}
	controller, err := decode(manifest)
	if err != nil {
		return nil, err
	}
	defaults, err := p.cdDefaults()
	return slices.Concat(all, definitions, config, defaults, controller), err
}

// available returns nil once a Deployment has all its replicas.
func (c *Cluster) available(ctx context.Context, namespace, name string) error {
	deployment, err := c.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range deployment.Status.Conditions {
		if condition.Type == "Available" && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("it has %d of %d replicas", deployment.Status.AvailableReplicas, *deployment.Spec.Replicas)
}

// StopBus ends the event bus. What it has
// acknowledged is on disk.
func (p *Platform) StopBus(ctx context.Context) error {
	return p.at.stop(ctx, "nats", 10*time.Second)
}

// StartBus starts the event bus again and returns once it listens.
func (p *Platform) StartBus(ctx context.Context) error {
	if err := p.at.start(p.bus()); err != nil {
		return err
	}
	return p.at.await(ctx, "nats", listens(address+":4222"))
}

func (p *Platform) bus() daemon { return p.node("nats", p.at.run("nats.conf")) }
