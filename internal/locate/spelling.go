package locate

import (
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/spelling"
)

// schemas are the kinds that the schema in kustomize describes, by group. It is older
// than the last version of autoscaling, whose fields are those of the one before.
var schemas = map[string]yaml.TypeMeta{
	"apps/DaemonSet":                      {APIVersion: "apps/v1", Kind: "DaemonSet"},
	"apps/Deployment":                     {APIVersion: "apps/v1", Kind: "Deployment"},
	"apps/ReplicaSet":                     {APIVersion: "apps/v1", Kind: "ReplicaSet"},
	"apps/StatefulSet":                    {APIVersion: "apps/v1", Kind: "StatefulSet"},
	"autoscaling/HorizontalPodAutoscaler": {APIVersion: "autoscaling/v2beta2", Kind: "HorizontalPodAutoscaler"},
	"batch/CronJob":                       {APIVersion: "batch/v1", Kind: "CronJob"},
	"batch/Job":                           {APIVersion: "batch/v1", Kind: "Job"},
	"networking.k8s.io/Ingress":           {APIVersion: "networking.k8s.io/v1", Kind: "Ingress"},
	"policy/PodDisruptionBudget":          {APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
	"/ConfigMap":                          {APIVersion: "v1", Kind: "ConfigMap"},
	"/PersistentVolumeClaim":              {APIVersion: "v1", Kind: "PersistentVolumeClaim"},
	"/Pod":                                {APIVersion: "v1", Kind: "Pod"},
	"/Service":                            {APIVersion: "v1", Kind: "Service"},
}

// Known reports whether the schema of Kubernetes that is in kustomize has a field.
// Where it has none of that name, near is the field that was probably meant, if there
// is one. What is younger than the schema, and what a cluster defines itself, is not
// known, so the answer warns a person and decides nothing.
func Known(ref amend.ObjectRef, field amend.FieldPath) (known bool, near amend.FieldPath) {
	kustomizeMu.Lock()
	defer kustomizeMu.Unlock()
	if openapi.GetSchemaVersion() != kubernetesapi.DefaultOpenAPI {
		openapi.ResetOpenAPI() // the last kustomization asked for another
	}
	root := schemaOf(ref)
	if root == nil {
		return false, nil
	}
	meant := slices.Clone(field)
	if !spell(root, meant) {
		return false, nil
	}
	if slices.Equal(meant, field) {
		return true, nil
	}
	return false, meant
}

func schemaOf(ref amend.ObjectRef) *openapi.ResourceSchema {
	for name, meta := range schemas {
		if name == ref.Group+"/"+ref.Kind || ref.Group == "" && meta.Kind == ref.Kind {
			return openapi.SchemaForResourceType(meta)
		}
	}
	return nil
}

// spell corrects the keys of a field that the schema does not have, and fails where
// none is near, and where the schema has no list, or nothing below.
func spell(s *openapi.ResourceSchema, field amend.FieldPath) bool {
	for i, step := range field {
		key := &field[i].Key
		if step.Select != "" {
			if s = s.Elements(); s == nil {
				return false
			}
			key = &field[i].Select
		}
		below := s.Field(*key)
		if below == nil {
			if *key = spelling.Nearest(*key, slices.Sorted(maps.Keys(s.Schema.Properties))); *key == "" {
				return false
			}
			below = s.Field(*key)
		}
		if step.Select == "" {
			s = below
		}
	}
	return true
}
