package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/amendhq/amend"
)

// The bounds of what is read about one workload.
const (
	maxPods      = "100"
	maxRevisions = "100"
)

// A podTemplate is the part of a pod's specification that is compared and shown.
// What it is made of stays as it came, so that no field has to be known.
type podTemplate struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
		Labels      map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec map[string]json.RawMessage `json:"spec"`
}

// A workload is an object that makes pods.
type workload struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Selector *metav1.LabelSelector `json:"selector"`
	} `json:"spec"`
}

// selector reads which pods belong to a workload.
func (c *Client) selector(ctx context.Context, ref amend.ObjectRef) (string, error) {
	if ref.Namespace == "" {
		return "", amend.Errorf(amend.Invalid, "read "+ref.Kind, "it has no namespace")
	}
	req, err := c.address(ctx, ref)
	if err != nil {
		return "", err
	}
	var w workload
	if err := do(ctx, "read "+ref.Kind, req, nil, &w); err != nil {
		return "", err
	}
	selector, err := metav1.LabelSelectorAsSelector(w.Spec.Selector)
	if err != nil || selector.Empty() {
		return "", amend.Errorf(amend.NotFound, "read "+ref.Kind, "it does not select pods")
	}
	return selector.String(), nil
}

// Pods reads the pods of a workload: an object with a selector of pods, or one
// Pod. Claims are the PersistentVolumeClaims that they mount.
func (c *Client) Pods(ctx context.Context, ref amend.ObjectRef) (pods []amend.Pod, claims []string, err error) {
	var list struct {
		Items []pod `json:"items"`
	}
	req := c.core(ref.Namespace, "pods")
	if ref.Kind == "Pod" {
		list.Items = make([]pod, 1)
		err = do(ctx, "read pod", req.Name(ref.Name), nil, &list.Items[0])
	} else {
		var selector string
		if selector, err = c.selector(ctx, ref); err == nil {
			err = do(ctx, "list pods", req.Param("labelSelector", selector).Param("limit", maxPods), nil, &list)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	mounted := map[string]bool{}
	for _, p := range list.Items {
		pods = append(pods, p.amend())
		for _, v := range p.Spec.Volumes {
			if v.Claim != nil {
				mounted[v.Claim.Name] = true
			}
		}
	}
	return pods, slices.Sorted(maps.Keys(mounted)), nil
}

// pod is the part of a Pod that is read.
type pod struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Init       []podContainer `json:"initContainers"`
		Containers []podContainer `json:"containers"`
		Volumes    []struct {
			Claim *struct {
				Name string `json:"claimName"`
			} `json:"persistentVolumeClaim"`
		} `json:"volumes"`
	} `json:"spec"`
	Status struct {
		Phase      string            `json:"phase"`
		Reason     string            `json:"reason"`
		Init       []containerStatus `json:"initContainerStatuses"`
		Containers []containerStatus `json:"containerStatuses"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

type podContainer struct {
	Name      string `json:"name"`
	Image     string `json:"image"`
	Resources struct {
		Limits map[string]string `json:"limits"`
	} `json:"resources"`
}

type containerStatus struct {
	Name     string         `json:"name"`
	Ready    bool           `json:"ready"`
	Restarts int            `json:"restartCount"`
	State    containerState `json:"state"`
	Last     containerState `json:"lastState"`
}

type containerState struct {
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Terminated *struct {
		Reason     string    `json:"reason"`
		Message    string    `json:"message"`
		ExitCode   int       `json:"exitCode"`
		FinishedAt time.Time `json:"finishedAt"`
	} `json:"terminated"`
}

func (p pod) amend() amend.Pod {
	out := amend.Pod{Name: p.Metadata.Name, Phase: p.Status.Phase, Reason: p.Status.Reason}
	for _, c := range p.Status.Conditions {
		out.Ready = out.Ready || c.Type == "Ready" && c.Status == "True"
	}
	statuses := slices.Concat(p.Status.Init, p.Status.Containers)
	for _, spec := range slices.Concat(p.Spec.Init, p.Spec.Containers) {
		c := amend.PodContainer{Name: spec.Name, Image: spec.Image, MemoryLimit: spec.Resources.Limits["memory"]}
		i := slices.IndexFunc(statuses, func(s containerStatus) bool { return s.Name == spec.Name })
		if i >= 0 {
			statuses[i].into(&c)
		}
		out.Containers = append(out.Containers, c)
	}
	return out
}

func (s containerStatus) into(c *amend.PodContainer) {
	c.Ready, c.Restarts = s.Ready, s.Restarts
	if w := s.State.Waiting; w != nil {
		c.Waiting, c.Message = w.Reason, w.Message
	}
	ended := s.State.Terminated
	if ended == nil {
		ended = s.Last.Terminated
	}
	if ended != nil {
		c.Ended = &amend.Termination{Reason: ended.Reason, ExitCode: ended.ExitCode, Message: ended.Message, At: ended.FinishedAt}
	}
}

// Rollouts reads the revisions of a workload's pods that are kept, newest first,
// with what each changed in the pod template: the ReplicaSets of a Deployment or
// Rollout, or the ControllerRevisions of a StatefulSet or DaemonSet. Other kinds
// have none.
func (c *Client) Rollouts(ctx context.Context, ref amend.ObjectRef) ([]amend.Rollout, error) {
	resource := ""
	switch ref.Kind {
	case "Deployment", "Rollout":
		resource = "replicasets"
	case "StatefulSet", "DaemonSet":
		resource = "controllerrevisions"
	default:
		return nil, nil
	}
	selector, err := c.selector(ctx, ref)
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []revision `json:"items"`
	}
	req := c.argo.Get().AbsPath("/apis/apps/v1").Namespace(ref.Namespace).Resource(resource).Param("labelSelector", selector).Param("limit", maxRevisions)
	if err := do(ctx, "list "+resource, req, nil, &list); err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(list.Items, func(r revision) bool {
		owner, ok := r.Metadata.controller()
		return !ok || owner.Kind != ref.Kind || owner.Name != ref.Name
	})
	slices.SortFunc(all, func(a, b revision) int { return cmp.Compare(b.number(), a.number()) })
	rollouts := make([]amend.Rollout, 0, len(all))
	for i, r := range all {
		out := amend.Rollout{Name: r.Metadata.Name, Revision: r.number(), At: r.Metadata.Created, Images: r.template().images()}
		if i+1 < len(all) {
			out.Changed = r.template().since(all[i+1].template())
		}
		rollouts = append(rollouts, out)
	}
	return rollouts, nil
}

// A revision is a ReplicaSet, which has its template in the specification, or a
// ControllerRevision, which has it in its data.
type revision struct {
	Metadata struct {
		metadata
		Created time.Time `json:"creationTimestamp"`
	} `json:"metadata"`
	Revision int64 `json:"revision"`
	Spec     struct {
		Template podTemplate `json:"template"`
	} `json:"spec"`
	Data struct {
		Spec struct {
			Template podTemplate `json:"template"`
		} `json:"spec"`
	} `json:"data"`
}

func (r revision) template() podTemplate {
	if r.Data.Spec.Template.Spec != nil {
		return r.Data.Spec.Template
	}
	return r.Spec.Template
}

// number counts the rollouts. The annotation is that of Deployments.
func (r revision) number() int64 {
	if r.Revision > 0 {
		return r.Revision
	}
	for _, key := range []string{"deployment.kubernetes.io/revision", "rollout.argoproj.io/revision"} {
		if n, err := strconv.ParseInt(r.Metadata.Annotations[key], 10, 64); err == nil {
			return n
		}
	}
	return 0
}
