package platform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// EventBusURL is the NATS server for an EventBus of the kind jetstreamExotic.
	EventBusURL = "tls://" + address + ":4222"
	// Address is where a pod reaches a server that a test runs on the machine.
	Address = address

	repoServer = address + ":8081"
	redis      = address + ":6379"

	// The first two names are the ones that Argo's controllers ask for.
	eventsImage             = "quay.io/argoproj/argo-events:v1.9.10"
	executorImage           = "quay.io/argoproj/argoexec:v3.7.14"
	workflowControllerImage = "amend.local/workflow-controller:v3.7.14"
	argoCDImage             = "amend.local/argocd:v2.14.21"
)

func (layout) RepoServer() string              { return repoServer }
func (layout) Redis() string                   { return redis }
func (layout) ExecutorImage() string           { return executorImage }
func (layout) WorkflowControllerImage() string { return workflowControllerImage }
func (layout) ArgoCDImage() string             { return argoCDImage }
func (layout) Secret() string                  { return rand.Text() }

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
	for _, install := range []func(context.Context, *Cluster) error{
		makeNamespaces, p.installEvents, p.installWorkflows, p.installCD,
	} {
		if err := install(ctx, cluster); err != nil {
			return err
		}
	}
	ours, err := p.at.expand("argo.yaml")
	if err != nil {
		return err
	}
	if err := cluster.Apply(ctx, ours); err != nil {
		return err
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

func makeNamespaces(ctx context.Context, c *Cluster) error {
	for _, name := range []string{"argo", "argo-events", "argocd"} {
		if err := c.Apply(ctx, []byte("{apiVersion: v1, kind: Namespace, metadata: {name: "+name+"}}")); err != nil {
			return err
		}
	}
	return nil
}

// installEvents applies upstream's own installation, changed only so that the
// images which are there already are used.
func (p *Platform) installEvents(ctx context.Context, c *Cluster) error {
	dir, err := p.moduleDir(ctx, "github.com/argoproj/argo-events")
	if err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "manifests", "install.yaml"))
	if err != nil {
		return err
	}
	objects, err := decode(manifest)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() == "Deployment" {
			if err := neverPull(object); err != nil {
				return err
			}
		}
		if err := c.apply(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// neverPull makes the containers of a Deployment, and the pods that they make
// in turn, use the images of the node.
func neverPull(deployment *unstructured.Unstructured) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, found, err := unstructured.NestedSlice(deployment.Object, path...)
	if err != nil || !found {
		return errors.Join(errors.New("a Deployment has no containers"), err)
	}
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok {
			return errors.New("a container is no mapping")
		}
		container["imagePullPolicy"] = "IfNotPresent"
		env, _, err := unstructured.NestedSlice(container, "env")
		if err != nil {
			return err
		}
		container["env"] = append(env, map[string]any{"name": "IMAGE_PULL_POLICY", "value": "IfNotPresent"})
	}
	return unstructured.SetNestedSlice(deployment.Object, containers, path...)
}

func (p *Platform) installWorkflows(ctx context.Context, c *Cluster) error {
	return p.applyFolder(ctx, c, workflows, "manifests/base/crds/full", "")
}

func (p *Platform) installCD(ctx context.Context, c *Cluster) error {
	const module = "github.com/argoproj/argo-cd/v2"
	if err := p.applyFolder(ctx, c, module, "manifests/crds", ""); err != nil {
		return err
	}
	return p.applyFolder(ctx, c, module, "manifests/base/config", "argocd")
}

// applyFolder applies every object of a folder of a module, in a namespace
// where one is given. It leaves out what is a kustomization.
func (p *Platform) applyFolder(ctx context.Context, c *Cluster, module, folder, namespace string) error {
	dir, err := p.moduleDir(ctx, module)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(dir, folder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		return errors.Join(fmt.Errorf("no manifests in %s", filepath.Join(dir, folder)), err)
	}
	for _, path := range paths {
		if filepath.Base(path) == "kustomization.yaml" {
			continue
		}
		manifest, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects, err := decode(manifest)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, object := range objects {
			object.SetNamespace(namespace)
			if err := c.apply(ctx, object); err != nil {
				return err
			}
		}
	}
	return nil
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
