package main

import (
	"strings"

	"github.com/amendhq/amend"
)

// kubectlNames are the other names that kubectl has for the kinds of an env repo that
// people ask about. Only a cluster knows those of its own kinds.
var kubectlNames = map[string][]string{
	"Application":             {"application", "applications", "app", "apps"},
	"ApplicationSet":          {"applicationset", "applicationsets", "appset", "appsets"},
	"ConfigMap":               {"configmap", "configmaps", "cm"},
	"CronJob":                 {"cronjob", "cronjobs", "cj"},
	"DaemonSet":               {"daemonset", "daemonsets", "ds"},
	"Deployment":              {"deployment", "deployments", "deploy"},
	"HorizontalPodAutoscaler": {"horizontalpodautoscaler", "horizontalpodautoscalers", "hpa"},
	"Ingress":                 {"ingress", "ingresses", "ing"},
	"Job":                     {"job", "jobs"},
	"PersistentVolumeClaim":   {"persistentvolumeclaim", "persistentvolumeclaims", "pvc"},
	"Pod":                     {"pod", "pods", "po"},
	"PodDisruptionBudget":     {"poddisruptionbudget", "poddisruptionbudgets", "pdb"},
	"ReplicaSet":              {"replicaset", "replicasets", "rs"},
	"Rollout":                 {"rollout", "rollouts", "ro"},
	"ScaledObject":            {"scaledobject", "scaledobjects", "so"},
	"Service":                 {"service", "services", "svc"},
	"StatefulSet":             {"statefulset", "statefulsets", "sts"},
}

// parseResource reads what people write for --resource: what amend.ParseObjectRef
// reads, with the kind as in manifests or as kubectl takes and prints it, such as
// deploy or deployment.apps.
func parseResource(text string) (amend.ObjectRef, error) {
	if kind, name, ok := strings.Cut(text, "/"); ok && kind != "" && name != "" && !strings.Contains(name, "/") {
		kind, _ = manifestKind(kind)
		return amend.ObjectRef{}, amend.Errorf(amend.Invalid, "--resource",
			"%q names no namespace; write %s/NAMESPACE/%s, or %[2]s//%[3]s where the manifest names none", text, kind, name)
	}
	ref, err := amend.ParseObjectRef(text)
	if err != nil {
		return ref, err
	}
	kind, group := manifestKind(ref.Kind)
	if ref.Kind = kind; ref.Group == "" {
		ref.Group = group
	}
	return ref, nil
}

// manifestKind returns a kind as manifests have it, and the group behind its dot. A
// kind that is not known stays as it is written.
func manifestKind(text string) (kind, group string) {
	kind, group, _ = strings.Cut(text, ".")
	for known, names := range kubectlNames {
		for _, name := range names {
			if strings.EqualFold(kind, name) {
				return known, group
			}
		}
	}
	return kind, group
}
