package cause

import (
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// A Kind says what a changed field is for.
type Kind string

// The kinds, each with its weight in weights.
const (
	Image      Kind = "image"
	Container  Kind = "container" // one comes, goes or runs something else
	Env        Kind = "env"
	Config     Kind = "config" // what a ConfigMap holds that the pods read
	Source     Kind = "source" // what the Application deploys: its revision, chart or parameters
	Presence   Kind = "presence"
	Resources  Kind = "resources"
	Probes     Kind = "probes"
	Volumes    Kind = "volumes"
	Ports      Kind = "ports"
	Rights     Kind = "rights" // service account and security context
	Replicas   Kind = "replicas"
	Scheduling Kind = "scheduling"
	Other      Kind = "other"
	PodLabels  Kind = "pod-labels" // of the pods, which are replaced for it
	Labels     Kind = "labels"     // of the object, for which nothing restarts
)

// weights is how much a change of a kind counts. They are weak on purpose: what
// tells causes apart is time, and a label must not beat an image.
var weights = map[Kind]float64{
	Image: 1, Container: 1, Env: 1, Config: 1, Source: 1, Presence: 1,
	Resources: 0.9, Probes: 0.9, Volumes: 0.9, Ports: 0.9, Rights: 0.9,
	Replicas: 0.8, Scheduling: 0.8, Other: 0.7, PodLabels: 0.2, Labels: 0.1,
}

// podKinds tells the fields of a pod's spec apart by any key on the way to them,
// the first that matches.
var podKinds = []struct {
	keys []string
	kind Kind
}{
	{[]string{"image"}, Image},
	{[]string{"env", "envFrom"}, Env},
	{[]string{"resources"}, Resources},
	{[]string{"livenessProbe", "readinessProbe", "startupProbe", "terminationGracePeriodSeconds"}, Probes},
	{[]string{"volumes", "volumeMounts", "volumeDevices"}, Volumes},
	{[]string{"ports"}, Ports},
	{[]string{"securityContext", "serviceAccountName", "serviceAccount", "automountServiceAccountToken"}, Rights},
	{[]string{"nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "priorityClassName", "nodeName", "schedulerName"}, Scheduling},
	{[]string{"containers", "initContainers"}, Container},
}

// kindOf classifies a field of an object that makes pods, of a ConfigMap or of
// an Application.
func kindOf(object amend.ObjectRef, field amend.FieldPath) Kind {
	keys := plainKeys(field)
	switch {
	case object.Kind == "ConfigMap":
		return Config
	case object.Kind == "Application":
		return Source
	case len(keys) == 0:
		return Presence
	case keys[0] == "metadata":
		return Labels
	}
	if i := slices.Index(keys, "template"); i >= 0 {
		if keys = keys[i+1:]; len(keys) > 0 && keys[0] == "metadata" {
			return PodLabels
		}
		for _, k := range podKinds {
			if slices.ContainsFunc(k.keys, func(key string) bool { return slices.Contains(keys, key) }) {
				return k.kind
			}
		}
		return Other
	}
	if slices.Contains(keys, "replicas") || slices.Contains(keys, "parallelism") {
		return Replicas
	}
	return Other
}

// plainKeys leaves out the steps that choose an item of a list, whose names are
// free.
func plainKeys(field amend.FieldPath) []string {
	var keys []string
	for _, s := range field {
		if s.Select == "" {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// fits are the kinds that an alert is likely to be about, by words in its name.
// It is a weak prior: what does not fit counts 0.9.
var fits = []struct {
	words []string
	kinds []Kind
}{
	{[]string{"memory", "oom"}, []Kind{Image, Container, Env, Config, Source, Resources}},
	{[]string{"cpu", "throttl"}, []Kind{Image, Container, Env, Config, Source, Resources, Replicas}},
	{[]string{"latency", "slow", "duration"}, []Kind{Image, Container, Env, Config, Source, Resources, Replicas}},
	{[]string{"error", "5xx", "fail"}, []Kind{Image, Container, Env, Config, Source, Ports, Volumes, Rights, Probes}},
	{[]string{"ready", "crash", "restart", "down", "absent", "unavailable", "mismatch", "pending", "degraded"},
		[]Kind{Image, Container, Env, Config, Source, Presence, Resources, Probes, Volumes, Rights, Scheduling, Replicas, Ports}},
}

const misfit = 0.9

// fit is misfit for a kind that the alert's name speaks against. A name with the
// words of several classes fits the kinds of all of them.
func fit(alert string, kind Kind) float64 {
	name, known := strings.ToLower(alert), false
	for _, f := range fits {
		if slices.ContainsFunc(f.words, func(word string) bool { return strings.Contains(name, word) }) {
			known = true
			if slices.Contains(f.kinds, kind) {
				return 1
			}
		}
	}
	if known {
		return misfit
	}
	return 1
}
