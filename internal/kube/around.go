package kube

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"k8s.io/client-go/rest"

	"github.com/amendhq/amend"
)

// The bounds of what is read around a workload.
const (
	maxEventPages = 10
	maxClaims     = 10
	logLines      = 80
	logBytes      = 64 << 10
)

// core addresses a kind of the core group in one namespace.
func (c *Client) core(namespace, resource string) *rest.Request {
	return c.argo.Get().AbsPath("/api/v1").Namespace(namespace).Resource(resource)
}

// Events reads what Kubernetes recorded lately about objects of one namespace,
// the newest first. Objects are told by kind and name.
func (c *Client) Events(ctx context.Context, namespace string, about []amend.ObjectRef) ([]amend.ClusterEvent, error) {
	var all []amend.ClusterEvent
	next := ""
	for range maxEventPages {
		var page struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []clusterEvent `json:"items"`
		}
		req := c.core(namespace, "events").Param("limit", pageSize)
		if next != "" {
			req = req.Param("continue", next)
		}
		if err := do(ctx, "list events", req, nil, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			if slices.ContainsFunc(about, func(ref amend.ObjectRef) bool { return ref.Kind == e.Object.Kind && ref.Name == e.Object.Name }) {
				all = append(all, e.amend())
			}
		}
		if next = page.Metadata.Continue; next == "" {
			slices.SortStableFunc(all, func(a, b amend.ClusterEvent) int { return b.Last.Compare(a.Last) })
			return all, nil
		}
	}
	return nil, amend.Errorf(amend.Refused, "list events", "the namespace has more than %s × %d of them", pageSize, maxEventPages)
}

// clusterEvent is the part of an Event that is read. Its times are in either of
// two forms, by how its writer counts.
type clusterEvent struct {
	Object struct {
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"involvedObject"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Count   int       `json:"count"`
	First   time.Time `json:"firstTimestamp"`
	Last    time.Time `json:"lastTimestamp"`
	Time    time.Time `json:"eventTime"`
	Series  *struct {
		Count int       `json:"count"`
		Last  time.Time `json:"lastObservedTime"`
	} `json:"series"`
}

func (e clusterEvent) amend() amend.ClusterEvent {
	out := amend.ClusterEvent{
		Object: amend.ObjectRef{Kind: e.Object.Kind, Namespace: e.Object.Namespace, Name: e.Object.Name},
		Type:   e.Type, Reason: e.Reason, Message: e.Message, Count: e.Count, First: e.First, Last: e.Last,
	}
	if e.Series != nil {
		out.Count, out.Last = e.Series.Count, e.Series.Last
	}
	if out.First.IsZero() {
		out.First = e.Time
	}
	if out.Last.IsZero() {
		out.Last = out.First
	}
	return out
}

// Log reads the last lines that a container printed, or the container before its
// last restart. They are at most 64 kB long, and whole: half of a line may be
// half of a secret, which nobody would know as one.
func (c *Client) Log(ctx context.Context, namespace, pod, container string, previous bool) (string, error) {
	const op = "read log"
	req := c.core(namespace, "pods").Name(pod).SubResource("log").Param("container", container).
		Param("tailLines", strconv.Itoa(logLines)).Param("limitBytes", strconv.Itoa(logBytes)).Param("previous", strconv.FormatBool(previous)).
		SetHeader("Accept", "application/json, */*")
	if err := req.Error(); err != nil {
		return "", amend.Errorf(amend.Invalid, op, "%w", err)
	}
	answer := req.Do(ctx)
	if err := answer.Error(); err != nil {
		return "", classify(op, err)
	}
	text, err := answer.Raw()
	if err != nil {
		return "", classify(op, err)
	}
	if len(text) >= logBytes {
		text = text[:bytes.LastIndexByte(text[:logBytes], '\n')+1]
	}
	return string(text), nil
}

// autoscaler is the part of a HorizontalPodAutoscaler, version 2, that is read.
type autoscaler struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Target struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
		} `json:"scaleTargetRef"`
		Min *int `json:"minReplicas"`
		Max int  `json:"maxReplicas"`
	} `json:"spec"`
	Status struct {
		Current    int `json:"currentReplicas"`
		Desired    int `json:"desiredReplicas"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
			Reason string `json:"reason"`
		} `json:"conditions"`
	} `json:"status"`
}

func (a autoscaler) amend() *amend.Scaler {
	out := &amend.Scaler{Name: a.Metadata.Name, Min: 1, Max: a.Spec.Max, Current: a.Status.Current, Desired: a.Status.Desired}
	if a.Spec.Min != nil {
		out.Min = *a.Spec.Min
	}
	for _, c := range a.Status.Conditions {
		if c.Type == "ScalingLimited" && c.Status == "True" {
			out.Limited = c.Reason
		}
	}
	return out
}

// Scaler reads the HorizontalPodAutoscaler that sets the replicas of a workload,
// or the one that ref itself is, with the workload that it scales. It is nil when
// there is none.
func (c *Client) Scaler(ctx context.Context, ref amend.ObjectRef) (*amend.Scaler, amend.ObjectRef, error) {
	var list struct {
		Items []autoscaler `json:"items"`
	}
	req := c.argo.Get().AbsPath("/apis/autoscaling/v2").Namespace(ref.Namespace).Resource("horizontalpodautoscalers").Param("limit", pageSize)
	if err := do(ctx, "list autoscalers", req, nil, &list); err != nil {
		return nil, ref, err
	}
	for _, a := range list.Items {
		target := amend.ObjectRef{Kind: a.Spec.Target.Kind, Namespace: ref.Namespace, Name: a.Spec.Target.Name}
		if ref.Kind == "HorizontalPodAutoscaler" && a.Metadata.Name == ref.Name {
			return a.amend(), target, nil
		}
		if target.Kind == ref.Kind && target.Name == ref.Name {
			return a.amend(), ref, nil
		}
	}
	return nil, ref, nil
}

// Claims reads what PersistentVolumeClaims of a namespace hold, the first 10 of
// them.
func (c *Client) Claims(ctx context.Context, namespace string, names []string) ([]amend.Claim, error) {
	claims := make([]amend.Claim, 0, len(names))
	for _, name := range names[:min(len(names), maxClaims)] {
		var claim struct {
			Status struct {
				Capacity map[string]string `json:"capacity"`
			} `json:"status"`
		}
		if err := do(ctx, "read claim", c.core(namespace, "persistentvolumeclaims").Name(name), nil, &claim); err != nil {
			return nil, err
		}
		claims = append(claims, amend.Claim{Name: name, Capacity: claim.Status.Capacity["storage"]})
	}
	return claims, nil
}

// Deploys reads the history of syncs that Argo CD keeps of the one Application
// that declares an object, newest first. Its failures are those of Owners.Owner.
func (o *Owners) Deploys(ctx context.Context, ref amend.ObjectRef) ([]amend.Deploy, error) {
	apps, err := o.applications(ctx)
	if err != nil {
		return nil, err
	}
	_, app, err := search{client: o.client, apps: apps}.climb(ctx, ref)
	if err != nil {
		return nil, err
	}
	deploys := make([]amend.Deploy, 0, len(app.Status.History))
	for _, h := range app.Status.History {
		d := amend.Deploy{At: h.At, Revisions: h.Revisions, By: h.By.User}
		if len(d.Revisions) == 0 {
			d.Revisions = []string{h.Revision}
		}
		deploys = append(deploys, d)
	}
	slices.SortStableFunc(deploys, func(a, b amend.Deploy) int { return b.At.Compare(a.At) })
	return deploys, nil
}
