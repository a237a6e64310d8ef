package cause

import (
	"encoding/json"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// manifest is the part of a workload that names ConfigMaps. The pods of a
// Deployment and its like stand in spec.template, those of a CronJob in
// spec.jobTemplate.spec.template, and a Pod is one itself.
type manifest struct {
	Spec struct {
		podSpec
		Template    podTemplate `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template podTemplate `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

type podTemplate struct {
	Spec podSpec `json:"spec"`
}

type podSpec struct {
	InitContainers []container `json:"initContainers"`
	Containers     []container `json:"containers"`
	Volumes        []struct {
		ConfigMap named `json:"configMap"`
		Projected struct {
			Sources []struct {
				ConfigMap named `json:"configMap"`
			} `json:"sources"`
		} `json:"projected"`
	} `json:"volumes"`
}

type container struct {
	EnvFrom []struct {
		ConfigMapRef named `json:"configMapRef"`
	} `json:"envFrom"`
	Env []struct {
		ValueFrom struct {
			ConfigMapKeyRef named `json:"configMapKeyRef"`
		} `json:"valueFrom"`
	} `json:"env"`
}

type named struct {
	Name string `json:"name"`
}

// configs returns the ConfigMaps that the pods of a workload read and that the
// same source renders, by their stable names.
func configs(trace *locate.Trace, workload *locate.Object, namespace string) (map[string]*locate.Object, error) {
	data, err := workload.Document()
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, nil // its fields are not what Kubernetes takes, so it names none
	}
	found := map[string]*locate.Object{}
	for _, spec := range []podSpec{m.Spec.podSpec, m.Spec.Template.Spec, m.Spec.JobTemplate.Spec.Template.Spec} {
		for _, name := range spec.configMaps() {
			if o, ok := trace.Beside(amend.ObjectRef{Kind: "ConfigMap", Namespace: namespace, Name: name}); ok {
				found[o.StableName()] = o
			}
		}
	}
	return found, nil
}

// configMaps names what a pod reads; some names may be empty.
func (p podSpec) configMaps() []string {
	var names []string
	for _, c := range append(p.InitContainers[:len(p.InitContainers):len(p.InitContainers)], p.Containers...) {
		for _, e := range c.EnvFrom {
			names = append(names, e.ConfigMapRef.Name)
		}
		for _, e := range c.Env {
			names = append(names, e.ValueFrom.ConfigMapKeyRef.Name)
		}
	}
	for _, v := range p.Volumes {
		names = append(names, v.ConfigMap.Name)
		for _, s := range v.Projected.Sources {
			names = append(names, s.ConfigMap.Name)
		}
	}
	return names
}
