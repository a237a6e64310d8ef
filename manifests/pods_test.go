package manifests_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const overlay = "kustomize/overlays/github"

type container struct {
	Name    string   `json:"name"`
	Image   string   `json:"image"`
	Command []string `json:"command"`
	Args    []string `json:"args"`
	Env     []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"env"`
	Ports           []containerPort `json:"ports"`
	Dependencies    []string        `json:"dependencies"`
	VolumeMounts    []volumeMount   `json:"volumeMounts"`
	Resources       resources       `json:"resources"`
	SecurityContext securityContext `json:"securityContext"`
}

type containerPort struct {
	Name   string `json:"name"`
	Number int    `json:"containerPort"`
}

type volumeMount struct {
	MountPath string `json:"mountPath"`
}

type resources struct {
	Requests map[string]string `json:"requests"`
	Limits   map[string]string `json:"limits"`
}

type securityContext struct {
	RunAsNonRoot             bool  `json:"runAsNonRoot"`
	RunAsUser                int   `json:"runAsUser"`
	AllowPrivilegeEscalation *bool `json:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool  `json:"readOnlyRootFilesystem"`
	Capabilities             struct {
		Drop []string `json:"drop"`
		Add  []string `json:"add"`
	} `json:"capabilities"`
	SeccompProfile struct {
		Type string `json:"type"`
	} `json:"seccompProfile"`
}

type pod struct {
	ServiceAccountName           string          `json:"serviceAccountName"`
	AutomountServiceAccountToken *bool           `json:"automountServiceAccountToken"`
	SecurityContext              securityContext `json:"securityContext"`
	Containers                   []container     `json:"containers"`
}

type deployment struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Template struct {
			Spec pod `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
}

type template struct {
	Name                  string `json:"name"`
	ActiveDeadlineSeconds int    `json:"activeDeadlineSeconds"`
	RetryStrategy         *struct {
		Expression string `json:"expression"`
	} `json:"retryStrategy"`
	pod
	PodSpecPatch string `json:"podSpecPatch"`
	ContainerSet struct {
		Containers []container `json:"containers"`
	} `json:"containerSet"`
	// Steps start other templates; such a template has no pod of its own.
	Steps [][]struct {
		Template string `json:"template"`
		When     string `json:"when"`
	} `json:"steps"`
}

type workflowTemplate struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		pod
		Hooks map[string]struct {
			Template   string `json:"template"`
			Expression string `json:"expression"`
		} `json:"hooks"`
		PodSpecPatch          string     `json:"podSpecPatch"`
		ActiveDeadlineSeconds int        `json:"activeDeadlineSeconds"`
		Templates             []template `json:"templates"`
		TTLStrategy           struct {
			SecondsAfterSuccess int `json:"secondsAfterSuccess"`
			SecondsAfterFailure int `json:"secondsAfterFailure"`
		} `json:"ttlStrategy"`
		PodGC struct {
			Strategy string `json:"strategy"`
		} `json:"podGC"`
	} `json:"spec"`
}

// The gateway's collector of garbage starts to work harder while there is room left.
func TestGatewayKnowsItsLimit(t *testing.T) {
	for _, d := range objects[deployment](t, overlay, "Deployment") {
		if d.Metadata.Name != "amend-gateway" {
			continue
		}
		c := d.Spec.Template.Spec.Containers[0]
		var said, limit int
		for _, e := range c.Env {
			if e.Name == "GOMEMLIMIT" {
				_, _ = fmt.Sscanf(e.Value, "%dMiB", &said)
			}
		}
		if _, err := fmt.Sscanf(c.Resources.Limits["memory"], "%dMi", &limit); err != nil || said == 0 || said > limit*4/5 {
			t.Errorf("GOMEMLIMIT is %d MiB, and the container may have %s", said, c.Resources.Limits["memory"])
		}
		return
	}
	t.Error("there is no gateway")
}

// Every container of ours, and of the pods that Argo Events makes for us, runs
// with nothing that it does not need.
func TestContainersAreLocked(t *testing.T) {
	for _, d := range objects[deployment](t, overlay, "Deployment") {
		checkPod(t, d.Metadata.Name, d.Spec.Template.Spec, d.Spec.Template.Spec.Containers)
	}
	for _, w := range objects[workflowTemplate](t, overlay, "WorkflowTemplate") {
		for _, each := range w.Spec.Templates {
			if each.Steps != nil {
				continue
			}
			p := w.Spec.pod
			if w.Metadata.Name == "amend-steps" {
				p = each.pod // only what is in the template travels with templateRef
			}
			checkPod(t, w.Metadata.Name+"/"+each.Name, p, each.ContainerSet.Containers)
		}
	}
	type eventPod struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec struct {
			Template struct {
				SecurityContext securityContext `json:"securityContext"`
				Container       container       `json:"container"`
			} `json:"template"`
		} `json:"spec"`
	}
	off := false
	for _, kind := range []string{"Sensor", "EventSource"} {
		for _, e := range objects[eventPod](t, overlay, kind) {
			p := pod{AutomountServiceAccountToken: &off, SecurityContext: e.Spec.Template.SecurityContext}
			checkPod(t, kind+" "+e.Metadata.Name, p, []container{e.Spec.Template.Container})
		}
	}
}

func checkPod(t *testing.T, where string, p pod, containers []container) {
	t.Helper()
	if !p.SecurityContext.RunAsNonRoot || p.SecurityContext.RunAsUser != 65532 || p.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%s: the pod runs as root or without seccomp", where)
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		t.Errorf("%s: every container gets a token of the API server", where)
	}
	if len(containers) == 0 {
		t.Errorf("%s has no containers", where)
	}
	for _, c := range containers {
		s := c.SecurityContext
		if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem ||
			!slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || s.Capabilities.Add != nil {
			t.Errorf("%s: container %s is not locked: %+v", where, c.Name, s)
		}
		if c.Resources.Requests["cpu"] == "" || c.Resources.Requests["memory"] == "" || c.Resources.Limits["memory"] == "" {
			t.Errorf("%s: container %s has no requests or no limit of memory", where, c.Name)
		}
	}
}

// Every Workflow ends, is tried again when a step asks for it, and leaves
// nothing behind.
func TestWorkflowsEnd(t *testing.T) {
	for _, w := range objects[workflowTemplate](t, overlay, "WorkflowTemplate") {
		name := w.Metadata.Name
		ttl := w.Spec.TTLStrategy
		if w.Spec.ActiveDeadlineSeconds == 0 || ttl.SecondsAfterSuccess == 0 || ttl.SecondsAfterFailure == 0 || w.Spec.PodGC.Strategy == "" {
			t.Errorf("%s has no deadline, TTL or pod GC", name)
		}
		for _, each := range w.Spec.Templates {
			where := name + "/" + each.Name
			if each.Steps != nil {
				continue
			}
			if each.ActiveDeadlineSeconds == 0 {
				t.Errorf("%s has no deadline", where)
			}
			if name == "amend-reconcile" {
				continue // the next run is the retry
			}
			if each.RetryStrategy == nil || !strings.Contains(each.RetryStrategy.Expression, "75") {
				t.Errorf("%s is not tried again on exit code 75", where)
			}
			if !slices.IsSortedFunc(each.ContainerSet.Containers, func(a, b container) int { return cmp.Compare(a.Name, b.Name) }) {
				t.Errorf("%s: the containers are not in the order of the alphabet, so Argo would report the wrong one", where)
			}
			for i, c := range each.ContainerSet.Containers[1:] {
				// Argo starts a container late, so one may wait by itself instead.
				waits := slices.ContainsFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, "--wait=") })
				if !waits && !slices.Equal(c.Dependencies, []string{each.ContainerSet.Containers[i].Name}) {
					t.Errorf("%s: %s does not wait for the step before it", where, c.Name)
				}
			}
		}
	}
}

// What is to be done at the end of a Workflow that failed starts no pod at the end of
// one that did not: Argo Workflows looks at the expression of no exit hook.
func TestExitHooksAskWhetherItFailed(t *testing.T) {
	hooks := 0
	for _, w := range objects[workflowTemplate](t, overlay, "WorkflowTemplate") {
		for event, hook := range w.Spec.Hooks {
			hooks++
			i := slices.IndexFunc(w.Spec.Templates, func(each template) bool { return each.Name == hook.Template })
			if event != "exit" || hook.Expression != "" || i < 0 || len(w.Spec.Templates[i].Steps) == 0 {
				t.Errorf("%s: the hook %s is %+v, want one on exit whose template has steps with the condition", w.Metadata.Name, event, hook)
				continue
			}
			for _, step := range slices.Concat(w.Spec.Templates[i].Steps...) {
				if step.When != "{{workflow.status}} != Succeeded" {
					t.Errorf("%s: %s starts %s when %q", w.Metadata.Name, hook.Template, step.Template, step.When)
				}
			}
		}
	}
	if hooks == 0 {
		t.Error("there are no hooks")
	}
}

// The page asks nobody who they are, so it listens where only those get who may
// forward a port of the pod, and no Service leads there.
func TestThePageIsInThePod(t *testing.T) {
	type service struct {
		Spec struct {
			Ports []struct {
				TargetPort any `json:"targetPort"` // a name or a number
			} `json:"ports"`
		} `json:"spec"`
	}
	pages := 0
	for _, d := range objects[deployment](t, overlay, "Deployment") {
		for _, c := range d.Spec.Template.Spec.Containers {
			for _, arg := range c.Args {
				address, ok := strings.CutPrefix(arg, "--page-listen=")
				if !ok {
					continue
				}
				pages++
				named := slices.ContainsFunc(c.Ports, func(p containerPort) bool {
					return p.Name == "page" && address == fmt.Sprintf("127.0.0.1:%d", p.Number)
				})
				if d.Metadata.Name != "amend-writer" || !named {
					t.Errorf("%s shows the page at %s and names the ports %v", d.Metadata.Name, address, c.Ports)
				}
			}
		}
	}
	if pages != 1 {
		t.Errorf("%d containers show the page", pages)
	}
	for _, s := range objects[service](t, overlay, "Service") {
		for _, p := range s.Spec.Ports {
			if to := fmt.Sprint(p.TargetPort); to == "page" || to == "8081" {
				t.Error("a Service leads to the page")
			}
		}
	}
}

// safeArgument are the arguments that may hold a parameter of a Workflow: those
// whose values the Sensors hold to a safe alphabet, written so that no value can
// be taken for a flag.
var safeArgument = regexp.MustCompile(`^--(commit=\{\{inputs\.parameters\.commit}}|namespace=\{\{inputs\.parameters\.namespace}}|` +
	`name=\{\{inputs\.parameters\.name}}|request=\{\{inputs\.parameters\.namespace}}/\{\{inputs\.parameters\.name}})$`)

// An event reaches the environment of a step and nothing else.
func TestEventsStayOpaque(t *testing.T) {
	events := 0
	for _, w := range objects[workflowTemplate](t, overlay, "WorkflowTemplate") {
		for _, each := range w.Spec.Templates {
			for _, c := range each.ContainerSet.Containers {
				where := w.Metadata.Name + "/" + each.Name + "/" + c.Name
				for _, a := range slices.Concat(c.Command, c.Args) {
					if strings.Contains(a, "{{") && !safeArgument.MatchString(a) {
						t.Errorf("%s: argument %s", where, a)
					}
				}
				for _, e := range c.Env {
					if !strings.Contains(e.Value, "{{") {
						continue
					}
					events++
					if e.Name != "AMEND_EVENT" || e.Value != "{{inputs.parameters.event}}" {
						t.Errorf("%s: variable %s = %s", where, e.Name, e.Value)
					}
				}
			}
		}
	}
	if events == 0 {
		t.Error("no step gets an event")
	}
}

// Only the steps that talk to the API server have a token for it.
func TestTokensAreWhereTheyAreNeeded(t *testing.T) {
	needs := []string{"verify", "request", "fail"}
	for _, w := range objects[workflowTemplate](t, overlay, "WorkflowTemplate") {
		for _, each := range w.Spec.Templates {
			for _, c := range each.ContainerSet.Containers {
				has := slices.ContainsFunc(c.VolumeMounts, func(m volumeMount) bool {
					return strings.HasPrefix(m.MountPath, "/var/run/secrets/kubernetes.io")
				})
				wants := slices.Contains(needs, c.Args[0]) ||
					slices.ContainsFunc(c.Args, func(a string) bool { return strings.HasPrefix(a, "--request=") })
				if has != wants {
					t.Errorf("%s/%s/%s: has a token of the API server: %v, needs one: %v", w.Metadata.Name, each.Name, c.Name, has, wants)
				}
			}
		}
	}
}
