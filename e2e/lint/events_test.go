package lint_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	events "github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/eventsources/sources/github"
	"github.com/argoproj/argo-events/pkg/eventsources/sources/resource"
	"github.com/argoproj/argo-events/pkg/eventsources/sources/webhook"
	"github.com/argoproj/argo-events/pkg/reconciler/eventbus"
	"github.com/argoproj/argo-events/pkg/reconciler/sensor"
	"github.com/argoproj/argo-events/pkg/sensors/dependencies"
	"github.com/argoproj/argo-events/pkg/sensors/triggers"
	sharedutil "github.com/argoproj/argo-events/pkg/shared/util"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The controller of Argo Events accepts the bus, the EventSources and the
// Sensors.
func TestArgoEventsAccepts(t *testing.T) {
	for _, overlay := range overlays {
		bus := all[*events.EventBus](t, overlay)[0]
		if err := eventbus.ValidateEventBus(bus); err != nil {
			t.Errorf("%s: EventBus: %v", overlay, err)
		}
		for _, s := range all[*events.EventSource](t, overlay) {
			sources := sourcesOf(s)
			if len(sources) == 0 {
				t.Errorf("%s: EventSource %s is of a kind that sourcesOf does not know", overlay, s.Name)
			}
			for name, source := range sources {
				if err := source.ValidateEventSource(t.Context()); err != nil {
					t.Errorf("%s: EventSource %s, %s: %v", overlay, s.Name, name, err)
				}
			}
		}
		for _, s := range all[*events.Sensor](t, overlay) {
			if err := sensor.ValidateSensor(s, bus); err != nil {
				t.Errorf("%s: Sensor %s: %v", overlay, s.Name, err)
			}
		}
	}
}

// A source is one entry of an EventSource, with the check of its kind.
type source interface {
	ValidateEventSource(context.Context) error
}

// sourcesOf are the entries of an EventSource of the kinds that are used here.
// The controller's own list of all kinds cannot be linked with Argo Workflows.
func sourcesOf(s *events.EventSource) map[string]source {
	sources := map[string]source{}
	for name, w := range s.Spec.Webhook {
		sources[name] = &webhook.EventListener{EventName: name, Webhook: w}
	}
	for name, g := range s.Spec.Github {
		sources[name] = &github.EventListener{EventName: name, GithubEventSource: g}
	}
	for name, r := range s.Spec.Resource {
		sources[name] = &resource.EventListener{EventName: name, ResourceEventSource: r}
	}
	return sources
}

const (
	identity = "0123456789abcdef0123456789abcdef"
	sha      = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
	uid      = "8e3d1f7c-3f2e-4b6a-9a55-0c6f4b1f2d3e"
	alert    = `{"type":"dev.amend.alert.firing.v1","id":"` + identity + `.firing","subject":"` + identity + `","data_base64":"aGVsbG8="}`
	resolved = `{"type":"dev.amend.alert.resolved.v1","id":"` + identity + `.resolved","subject":"` + identity + `","data_base64":"aGVsbG8="}`
	request  = `{"metadata":{"uid":"` + uid + `","namespace":"shop","name":"restart-web"}}`
	merged   = `{"X-GitHub-Event":"pull_request","action":"closed","pull_request":{"merged":true,"head":{"ref":"amend/x-1"},` +
		`"base":{"ref":"main"},"merge_commit_sha":"` + sha + `"}}`
)

// What an event becomes, by Argo Events' own filters and parameters.
func TestEventsBecomeWorkflows(t *testing.T) {
	for _, tt := range []struct {
		sensor, dependency, body string
		name                     string
		parameters               []string
		payload                  string
	}{
		{"amend-alerts", "firing", alert, "amend-" + identity + "-firing", []string{"aGVsbG8="}, `{"id":"` + identity + `.firing"}`},
		{"amend-alerts", "resolved", resolved, "amend-" + identity + "-resolved", []string{"aGVsbG8="}, `{"id":"` + identity + `.resolved"}`},
		{"amend-requests", "request", request, "amend-request-" + uid, []string{"shop", "restart-web"}, `{"id":"` + uid + `"}`},
		{"amend-github", "merged", merged, "amend-verify-" + sha, []string{sha}, `{"id":"` + sha + `"}`},
	} {
		trigger := triggerOf(t, tt.sensor, tt.dependency)
		if !passes(t, tt.sensor, tt.dependency, tt.body) {
			t.Errorf("%s: the filter stops an event of %s", tt.sensor, tt.dependency)
		}
		event := map[string]*events.Event{tt.dependency: eventOf(tt.body)}
		name, parameters := started(t, trigger, event)
		if name != tt.name {
			t.Errorf("%s: the Workflow is called %s, want %s", tt.sensor, name, tt.name)
		}
		if diff := cmp.Diff(tt.parameters, parameters); diff != "" {
			t.Errorf("%s: parameters (-want +got):\n%s", tt.sensor, diff)
		}
		// A backoff that does not convert ends the trigger before its first try.
		for _, retry := range []*events.Backoff{trigger.RetryStrategy, trigger.DlqTrigger.RetryStrategy} {
			if _, err := sharedutil.Convert2WaitBackoff(retry); err != nil {
				t.Errorf("%s: retryStrategy: %v", tt.sensor, err)
			}
		}
		payload, err := triggers.ConstructPayload(event, trigger.DlqTrigger.Template.HTTP.Payload)
		if err != nil || string(payload) != tt.payload {
			t.Errorf("%s: the gateway is told %s, %v; want %s", tt.sensor, payload, err, tt.payload)
		}
	}
}

// What must not start anything does not pass the filters.
func TestFiltersStop(t *testing.T) {
	for _, tt := range []struct{ sensor, dependency, body, old, new string }{
		{"amend-alerts", "firing", alert, "aGVsbG8=", "{{workflow.name}}"},
		{"amend-alerts", "firing", alert, `"aGVsbG8="`, `{"a":"{{=1}}"}`},
		{"amend-alerts", "firing", alert, `,"data_base64":"aGVsbG8="`, ``},
		{"amend-alerts", "firing", alert, `"subject":"` + identity, `"subject":"{{=sprig.env('HOME')}}`},
		{"amend-alerts", "firing", alert, identity + ".firing", "x.firing"},
		{"amend-alerts", "firing", alert, "alert.firing", "alert.resolved"},
		{"amend-alerts", "resolved", resolved, `"subject":"` + identity, `"subject":"` + identity + `\n`},
		{"amend-requests", "request", request, "restart-web", "--writer=http://evil"},
		{"amend-requests", "request", request, "shop", "shop{{x}}"},
		{"amend-requests", "request", request, `{"metadata"`, `{"status":{"phase":"Succeeded"},"metadata"`},
		{"amend-requests", "request", request, `{"metadata"`, `{"status":{"phase":"Proposed"},"metadata"`},
		{"amend-github", "merged", merged, `"merged":true`, `"merged":false`},
		{"amend-github", "merged", merged, `closed`, `opened`},
		{"amend-github", "merged", merged, `"base":{"ref":"main"}`, `"base":{"ref":"maintenance"}`},
		{"amend-github", "merged", merged, `amend/x-1`, `feature/x`},
		{"amend-github", "merged", merged, sha, sha + "; rm"},
		{"amend-github", "merged", merged, `"pull_request",`, `"push",`},
	} {
		body := strings.Replace(tt.body, tt.old, tt.new, 1)
		if body == tt.body {
			t.Fatalf("%s does not hold %s", tt.body, tt.old)
		}
		if passes(t, tt.sensor, tt.dependency, body) {
			t.Errorf("%s/%s lets pass %s", tt.sensor, tt.dependency, body)
		}
	}
	pending := strings.Replace(request, `{"metadata"`, `{"status":{"phase":"Pending"},"metadata"`, 1)
	if !passes(t, "amend-requests", "request", pending) {
		t.Error("a request that waits is stopped")
	}
	// Of changes only those pass by which amend-reconcile brings a request back.
	for phase, want := range map[string]bool{`{}`: false, `{"phase":"Pending"}`: true, `{"phase":"Running"}`: false, `{"phase":"Succeeded"}`: false} {
		e := eventOf(strings.Replace(request, `{"metadata"`, `{"status":`+phase+`,"metadata"`, 1))
		e.Data = []byte(strings.Replace(string(e.Data), `{"header":{}`, `{"type":"UPDATE"`, 1))
		if got := lets(t, "amend-requests", "request", e); got != want {
			t.Errorf("a request that changed to %s passes: %v, want %v", phase, got, want)
		}
	}
}

// eventOf is an event as an EventSource puts it on the bus.
func eventOf(body string) *events.Event {
	return &events.Event{
		Context: &events.EventContext{DataContentType: events.MediaTypeJSON, Time: metav1.NewTime(time.Unix(0, 0))},
		Data:    []byte(`{"header":{},"body":` + body + `}`),
	}
}

func passes(t *testing.T, name, dependency, body string) bool {
	t.Helper()
	return lets(t, name, dependency, eventOf(body))
}

// lets reports whether the filters of the Sensor let the event pass.
func lets(t *testing.T, name, dependency string, e *events.Event) bool {
	t.Helper()
	for _, d := range sensorOf(t, name).Spec.Dependencies {
		if d.Name == dependency {
			ok, err := dependencies.Filter(e, d.Filters, d.FiltersLogicalOperator)
			return ok && err == nil
		}
	}
	t.Fatalf("Sensor %s has no dependency %s", name, dependency)
	return false
}

func sensorOf(t *testing.T, name string) *events.Sensor {
	t.Helper()
	for _, s := range all[*events.Sensor](t, "sensors") {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no Sensor %s", name)
	return nil
}

// triggerOf finds the trigger of a dependency.
func triggerOf(t *testing.T, name, dependency string) events.Trigger {
	t.Helper()
	s := sensorOf(t, name)
	for _, tr := range s.Spec.Triggers {
		if tr.Template.Conditions == dependency || len(s.Spec.Dependencies) == 1 {
			return tr
		}
	}
	t.Fatalf("Sensor %s has no trigger for %s", name, dependency)
	return events.Trigger{}
}

// started is the name and the parameters of the Workflow that a trigger starts.
func started(t *testing.T, trigger events.Trigger, event map[string]*events.Event) (name string, parameters []string) {
	t.Helper()
	resource := startedResource(t, trigger, event)
	var w struct {
		Spec struct {
			Arguments struct {
				Parameters []struct{ Value string }
			}
		}
	}
	text, err := resource.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	for _, p := range w.Spec.Arguments.Parameters {
		parameters = append(parameters, p.Value)
	}
	return resource.GetName(), parameters
}

func startedResource(t *testing.T, trigger events.Trigger, event map[string]*events.Event) *unstructured.Unstructured {
	t.Helper()
	resource, err := triggers.FetchKubernetesResource(trigger.Template.K8s.Source)
	if err != nil {
		t.Fatal(err)
	}
	if err := triggers.ApplyResourceParameters(event, trigger.Template.K8s.Parameters, resource); err != nil {
		t.Fatal(err)
	}
	return resource
}
