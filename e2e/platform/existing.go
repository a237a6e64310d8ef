package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// installedLabel marks every object that Up has added to a cluster of somebody
// else's. Down deletes what has it, so nothing has to be remembered elsewhere.
const installedLabel = "amend.dev/installed-for"

var ours = map[string]string{installedLabel: "e2e"}

// Existing is a cluster that somebody else runs. It is used as it is: nothing
// is done to any machine, and of the cluster only what it lacks is added.
type Existing struct {
	cluster  *Cluster
	manifest *Platform // knows upstream's manifests
	log      *slog.Logger
}

// Use makes an Existing of a kubeconfig. It contacts nothing yet.
func Use(root, kubeconfig string, log *slog.Logger) (*Existing, error) {
	cluster, err := Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	p, err := New(root, log)
	if err != nil {
		return nil, err
	}
	return &Existing{cluster: cluster, manifest: p, log: log}, nil
}

// A requirement is one of Argo's controllers, as amend needs it.
type requirement struct {
	name      string
	kind      schema.GroupResource // that it is there for
	namespace string               // of the installation
	only      bool                 // one in another namespace will not do
	image     string               // the last part of the name of its image
	workload  string               // what the name of its Deployment or StatefulSet holds
	objects   func(context.Context) (objects, error)
}

func (e *Existing) requirements() []requirement {
	kind := func(resource string) schema.GroupResource {
		return schema.GroupResource{Group: "argoproj.io", Resource: resource}
	}
	return []requirement{
		{"Argo Events", kind("sensors"), "argo-events", false, "argo-events", "controller-manager", e.manifest.eventsObjects},
		{"Argo Workflows", kind("workflows"), "argo", false, "workflow-controller", "workflow-controller", e.manifest.workflowsObjects},
		{"Argo CD", kind("applications"), "argocd", true, "argocd", "application-controller", e.manifest.cdObjects},
	}
}

// Up looks for Argo Events, Argo Workflows and Argo CD, installs those of which
// the cluster has nothing, and returns once the controllers of all three run.
// It refuses a cluster that is too old, or that has half of one of them.
func (e *Existing) Up(ctx context.Context) error {
	if err := e.check(); err != nil {
		return err
	}
	for _, r := range e.requirements() {
		found, err := e.find(ctx, r)
		if err != nil {
			return err
		}
		if found != nil {
			if r.only && found.namespace != r.namespace {
				return fmt.Errorf("%s runs in the namespace %s; amend looks for Applications in %s", r.name, found.namespace, r.namespace)
			}
			e.log.Info("found "+r.name+", which stays as it is", "controller", found.String())
			continue
		}
		if err := e.install(ctx, r); err != nil {
			return err
		}
	}
	return poll(ctx, 5*time.Minute, e.ready)
}

// check asks for what no installation can add.
func (e *Existing) check() error {
	version, err := e.cluster.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("asking the cluster for its version: %w", err)
	}
	served, err := e.cluster.Discovery().ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
	if err != nil {
		return err
	}
	for _, resource := range served.APIResources {
		if resource.Name == "validatingadmissionpolicies" {
			e.log.Info("using an existing cluster; no machine is touched", "version", version.GitVersion)
			return nil
		}
	}
	return fmt.Errorf("the cluster is of version %s and has no ValidatingAdmissionPolicies: 1.30 is the oldest that will do", version.GitVersion)
}

// install adds one of the three.
func (e *Existing) install(ctx context.Context, r requirement) error {
	there, err := e.cluster.serves(r.kind)
	if err != nil {
		return err
	}
	if there && !e.isOurs(ctx, r) {
		return fmt.Errorf("the cluster knows %s but no controller of %s runs there; repair or remove it first", r.kind, r.name)
	}
	objects, err := r.objects(ctx)
	if err != nil {
		return err
	}
	e.log.Info("installing "+r.name+"; down removes it", "namespace", r.namespace, "objects", len(objects))
	if objects, err = e.missing(ctx, objects); err != nil {
		return fmt.Errorf("installing %s: %w", r.name, err)
	}
	for _, object := range objects {
		object.SetLabels(labels.Merge(object.GetLabels(), ours))
	}
	return e.cluster.applyAll(ctx, objects)
}

// isOurs reports whether the definition of a kind is what an earlier Up, which did
// not come to its end, has left.
func (e *Existing) isOurs(ctx context.Context, r requirement) bool {
	definition := &unstructured.Unstructured{}
	definition.SetAPIVersion("apiextensions.k8s.io/v1")
	definition.SetKind("CustomResourceDefinition")
	api, err := e.cluster.Objects(definition)
	if err != nil {
		return false
	}
	there, err := api.Get(ctx, r.kind.String(), metav1.GetOptions{})
	return err == nil && there.GetLabels()[installedLabel] == ours[installedLabel]
}

// missing leaves out the namespaces that are there already: they are used, and
// stay. Any other object that is there and not ours is an error.
func (e *Existing) missing(ctx context.Context, wanted objects) (left objects, err error) {
	for _, object := range wanted {
		api, err := e.cluster.Objects(object)
		if meta.IsNoMatchError(err) { // of a kind that is among the missing
			left = append(left, object)
			continue
		}
		if err != nil {
			return nil, err
		}
		there, err := api.Get(ctx, object.GetName(), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			left = append(left, object)
		case err != nil:
			return nil, err
		case there.GetLabels()[installedLabel] == ours[installedLabel]:
			left = append(left, object)
		case object.GetKind() != "Namespace":
			return nil, fmt.Errorf("%s %s is there already and not ours", object.GetKind(), object.GetName())
		}
	}
	return left, nil
}

// ready returns nil once the controllers of all three run.
func (e *Existing) ready(ctx context.Context) error {
	var problems error
	for _, r := range e.requirements() {
		found, err := e.find(ctx, r)
		switch {
		case err != nil:
			problems = errors.Join(problems, err)
		case found == nil:
			problems = errors.Join(problems, fmt.Errorf("there is no %s", r.name))
		case !found.ready:
			problems = errors.Join(problems, fmt.Errorf("%s is not ready: %s", r.name, found))
		}
	}
	return problems
}

// Status writes a line for each of the three, and reports whether all are ready.
func (e *Existing) Status(ctx context.Context, w io.Writer) (up bool, err error) {
	up = true
	for _, r := range e.requirements() {
		found, err := e.find(ctx, r)
		if err != nil {
			return false, err
		}
		state := "missing"
		if found != nil {
			state = found.String()
		}
		up = up && found != nil && found.ready
		if _, err := fmt.Fprintf(w, "%-24s %s\n", r.name, state); err != nil {
			return false, err
		}
	}
	return up, nil
}

// Down deletes what Up has added, and with it whatever there is of the kinds
// that it defined. It returns once all of that is gone.
func (e *Existing) Down(ctx context.Context) error {
	added, err := e.added(ctx)
	if err != nil {
		return err
	}
	if len(added) == 0 {
		e.log.Info("nothing was installed here, so nothing is removed")
		return nil
	}
	e.log.Info("removing what was installed", "objects", len(added))
	// Definitions last: what they define may need its controller to go.
	for _, last := range []bool{false, true} {
		for _, object := range added {
			if (object.GetKind() == "CustomResourceDefinition") != last {
				continue
			}
			if err := e.delete(ctx, object); err != nil {
				return err
			}
		}
	}
	return poll(ctx, 5*time.Minute, func(ctx context.Context) error {
		left, err := e.added(ctx)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("still there: %d objects, such as %s %s", len(left), left[0].GetKind(), left[0].GetName())
		}
		return err
	})
}

func (e *Existing) delete(ctx context.Context, object unstructured.Unstructured) error {
	api, err := e.cluster.Objects(&object)
	if err != nil {
		return err
	}
	propagation := metav1.DeletePropagationBackground
	err = api.Delete(ctx, object.GetName(), metav1.DeleteOptions{PropagationPolicy: &propagation})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// added lists the objects with our label, of every kind that can be deleted.
func (e *Existing) added(ctx context.Context) (added []unstructured.Unstructured, err error) {
	lists, err := e.cluster.Discovery().ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) { // an API that is away holds nothing of ours
		return nil, err
	}
	lists = discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}, lists)
	selector := metav1.ListOptions{LabelSelector: labels.FormatLabels(ours)}
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, resource := range list.APIResources {
			if resource.Kind == "Pod" || resource.Kind == "ReplicaSet" || strings.HasPrefix(resource.Name, "endpoint") {
				continue // made by others from what is ours, and deleted by them
			}
			found, err := e.cluster.dynamic.Resource(group.WithResource(resource.Name)).List(ctx, selector)
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("looking for what was installed among %s: %w", resource.Name, err)
			}
			added = append(added, found.Items...)
		}
	}
	return added, nil
}
