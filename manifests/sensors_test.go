package manifests_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A sensor has the fields of an Argo Events Sensor that the rules are about.
type sensor struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Dependencies []struct {
			Name    string `json:"name"`
			Filters struct {
				Data []struct {
					Path  string   `json:"path"`
					Type  string   `json:"type"`
					Value []string `json:"value"`
				} `json:"data"`
			} `json:"filters"`
			// A transform could move anything anywhere.
			Transform json.RawMessage `json:"transform"`
		} `json:"dependencies"`
		Triggers []trigger `json:"triggers"`
	} `json:"spec"`
}

type trigger struct {
	Template struct {
		Name string `json:"name"`
		K8s  *struct {
			Operation  string      `json:"operation"`
			Parameters []parameter `json:"parameters"`
			Source     struct {
				Resource workflow `json:"resource"`
			} `json:"source"`
		} `json:"k8s"`
		HTTP *struct {
			URL           string            `json:"url"`
			Payload       []parameter       `json:"payload"`
			Parameters    []parameter       `json:"parameters"`
			Headers       map[string]string `json:"headers"`
			SecureHeaders []struct {
				Name string `json:"name"`
			} `json:"secureHeaders"`
		} `json:"http"`
	} `json:"template"`
	Parameters    []parameter `json:"parameters"`
	AtLeastOnce   bool        `json:"atLeastOnce"`
	RetryStrategy *struct {
		Steps    int    `json:"steps"`
		Duration string `json:"duration"`
		// A number: the schema takes a text too, and then no Workflow ever starts.
		Factor float64 `json:"factor"`
	} `json:"retryStrategy"`
	DlqTrigger *trigger `json:"dlqTrigger"`
	Policy     struct {
		Status struct {
			Allow []int `json:"allow"`
		} `json:"status"`
	} `json:"policy"`
}

type parameter struct {
	Src struct {
		DependencyName string `json:"dependencyName"`
		DataKey        string `json:"dataKey"`
		Value          string `json:"value"`

		ContextKey      string `json:"contextKey"`
		DataTemplate    string `json:"dataTemplate"`
		ContextTemplate string `json:"contextTemplate"`
		UseRawData      bool   `json:"useRawData"`
	} `json:"src"`
	Dest      string `json:"dest"`
	Operation string `json:"operation"`
}

type workflow struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
	} `json:"metadata"`
	Spec struct {
		WorkflowTemplateRef struct {
			Name string `json:"name"`
		} `json:"workflowTemplateRef"`
		Arguments struct {
			Parameters []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"parameters"`
		} `json:"arguments"`
		Templates json.RawMessage `json:"templates"`
	} `json:"spec"`
}

// With any one of the three missing, events are lost: Argo Events retries
// nothing without atLeastOnce, acknowledges a failed event without
// retryStrategy, and drops it after the last try without dlqTrigger.
func TestEveryTriggerLosesNothing(t *testing.T) {
	for _, s := range objects[sensor](t, "sensors", "Sensor") {
		if len(s.Spec.Triggers) == 0 {
			t.Errorf("%s has no trigger", s.Metadata.Name)
		}
		for _, tr := range s.Spec.Triggers {
			name := s.Metadata.Name + "/" + tr.Template.Name
			if !tr.AtLeastOnce || tr.RetryStrategy == nil || tr.RetryStrategy.Steps < 2 || tr.DlqTrigger == nil {
				t.Errorf("%s lacks atLeastOnce, retryStrategy with two steps or dlqTrigger", name)
				continue
			}
			if tr.RetryStrategy.Steps > 5 {
				t.Errorf("%s tries %d times; the Sensor does nothing else meanwhile", name, tr.RetryStrategy.Steps)
			}
			dlq := *tr.DlqTrigger
			if !dlq.AtLeastOnce || dlq.RetryStrategy == nil || dlq.Template.HTTP == nil {
				t.Fatalf("%s: the dlqTrigger lacks atLeastOnce, retryStrategy or http", name)
			}
			if len(dlq.Policy.Status.Allow) == 0 {
				t.Errorf("%s: the dlqTrigger takes every answer for success without policy.status.allow", name)
			}
			if dlq.Template.HTTP.URL != "http://amend-gateway.amend.svc:8080/v1/undelivered" {
				t.Errorf("%s: the dlqTrigger posts to %s", name, dlq.Template.HTTP.URL)
			}
			if h := dlq.Template.HTTP.SecureHeaders; len(h) != 1 || h[0].Name != "Authorization" {
				t.Errorf("%s: the dlqTrigger shows no token", name)
			}
		}
	}
}

// taken is all that may be taken from an event, and where it may go.
var taken = map[string]map[string][]string{
	"amend-alerts": {
		"body.subject":     {"metadata.name"},
		"body.data_base64": {"spec.arguments.parameters.0.value"},
		"body.id":          {"id"},
	},
	"amend-requests": {
		"body.metadata.uid":       {"metadata.name", "id"},
		"body.metadata.namespace": {"spec.arguments.parameters.0.value"},
		"body.metadata.name":      {"spec.arguments.parameters.1.value"},
	},
	"amend-github": {
		"body.pull_request.merge_commit_sha": {"metadata.name", "spec.arguments.parameters.0.value", "id"},
	},
}

func TestSensorsTakeNothingElse(t *testing.T) {
	for _, s := range objects[sensor](t, "sensors", "Sensor") {
		allowed, known := taken[s.Metadata.Name]
		if !known {
			t.Errorf("Sensor %s has no entry in taken", s.Metadata.Name)
		}
		for _, d := range s.Spec.Dependencies {
			if d.Transform != nil {
				t.Errorf("%s/%s has a transform", s.Metadata.Name, d.Name)
			}
		}
		for _, p := range parameters(s) {
			src := p.Src
			switch {
			case src.ContextKey != "" || src.DataTemplate != "" || src.ContextTemplate != "" || src.UseRawData:
				t.Errorf("%s → %s uses more than dataKey: %+v", s.Metadata.Name, p.Dest, src)
			case src.DataKey == "" && src.Value == "":
				t.Errorf("%s → %s takes the whole event", s.Metadata.Name, p.Dest)
			case src.DataKey != "" && src.Value != "":
				t.Errorf("%s → %s has a default for %s, so a missing field would not fail", s.Metadata.Name, p.Dest, src.DataKey)
			case src.DataKey != "" && !slices.Contains(allowed[src.DataKey], p.Dest):
				t.Errorf("%s puts %s into %s", s.Metadata.Name, src.DataKey, p.Dest)
			}
		}
	}
}

// parameters returns what a Sensor takes out of its events.
func parameters(s sensor) (all []parameter) {
	for _, tr := range s.Spec.Triggers {
		all = append(all, tr.Parameters...)
		if tr.Template.K8s != nil {
			all = append(all, tr.Template.K8s.Parameters...)
		}
		if tr.DlqTrigger != nil && tr.DlqTrigger.Template.HTTP != nil {
			http := tr.DlqTrigger.Template.HTTP
			all = append(all, slices.Concat(tr.DlqTrigger.Parameters, http.Parameters, http.Payload)...)
		}
	}
	return all
}

// hostile are values that must not pass the filter of anything that is taken.
var hostile = []string{
	"", "{{workflow.name}}", "{{=sprig.env('HOME')}}", "a{{b", "}}", "a b", "a\nb", "'", `"`, "$(id)", "../x", "-x", ";",
	"0123456789abcdef0123456789abcdef\n", "\n0123456789abcdef0123456789abcdef", "Ａ",
}

// Every field that is taken has a filter, anchored on both sides, which admits
// no braces, blanks or quotes.
func TestFiltersAdmitSafeAlphabetsOnly(t *testing.T) {
	for _, s := range objects[sensor](t, "sensors", "Sensor") {
		for _, d := range s.Spec.Dependencies {
			for _, p := range parameters(s) {
				if p.Src.DependencyName != d.Name || p.Src.DataKey == "" {
					continue
				}
				guarded := false
				for _, f := range d.Filters.Data {
					if f.Path != p.Src.DataKey || f.Type != "string" {
						continue
					}
					guarded = true
					for _, pattern := range f.Value {
						checkPattern(t, s.Metadata.Name+" "+f.Path, pattern)
					}
				}
				if !guarded {
					t.Errorf("%s takes %s of %s unfiltered", s.Metadata.Name, p.Src.DataKey, d.Name)
				}
			}
		}
	}
}

func checkPattern(t *testing.T, where, pattern string) {
	t.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	if !strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$") || strings.Contains(pattern, "|") {
		t.Errorf("%s: the filter %s is not anchored as a whole", where, pattern)
	}
	for _, value := range hostile {
		if re.MatchString(value) {
			t.Errorf("%s: the filter %s admits %q", where, pattern, value)
		}
	}
}

// What a trigger starts is one of our templates, under a name that follows from
// the event.
func TestTriggersStartOurTemplates(t *testing.T) {
	names := map[string]string{}
	for _, template := range objects[workflow](t, "workflows", "WorkflowTemplate") {
		var all []string
		for _, p := range template.Spec.Arguments.Parameters {
			all = append(all, p.Name)
		}
		names[template.Metadata.Name] = strings.Join(all, " ")
	}
	starts := map[string]string{}
	for _, s := range objects[sensor](t, "sensors", "Sensor") {
		for _, tr := range s.Spec.Triggers {
			if tr.Template.K8s == nil || tr.Template.K8s.Operation != "create" {
				t.Fatalf("%s/%s creates nothing", s.Metadata.Name, tr.Template.Name)
			}
			w := tr.Template.K8s.Source.Resource
			var given []string
			for _, p := range w.Spec.Arguments.Parameters {
				given = append(given, p.Name)
			}
			want, ours := names[w.Spec.WorkflowTemplateRef.Name]
			if w.Kind != "Workflow" || !ours || w.Spec.Templates != nil || w.Metadata.GenerateName != "" {
				t.Errorf("%s/%s starts something else than one of our templates under a fixed name", s.Metadata.Name, tr.Template.Name)
			}
			if got := strings.Join(given, " "); got != want {
				t.Errorf("%s/%s gives the parameters %q, the template wants %q", s.Metadata.Name, tr.Template.Name, got, want)
			}
			name := w.Metadata.Name
			for _, p := range tr.Template.K8s.Parameters {
				if p.Dest == "metadata.name" && p.Operation == "append" {
					name += "<" + p.Src.DataKey + ">"
					if p.Src.DataKey == "" {
						name = strings.TrimSuffix(name, "<>") + p.Src.Value
					}
				}
			}
			starts[name] = w.Spec.WorkflowTemplateRef.Name
		}
	}
	for name, template := range map[string]string{
		"amend-<body.subject>-firing":                       "amend-remediate",
		"amend-<body.subject>-resolved":                     "amend-withdraw",
		"amend-request-<body.metadata.uid>":                 "amend-request",
		"amend-verify-<body.pull_request.merge_commit_sha>": "amend-verify",
	} {
		if starts[name] != template {
			t.Errorf("no trigger starts %s as %s; there are %v", template, name, starts)
		}
	}
}

// Posts to EventSources are authenticated.
func TestEventSourcesAuthenticate(t *testing.T) {
	type secretKey struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	}
	type eventSource struct {
		Spec struct {
			Webhook map[string]struct {
				AuthSecret secretKey `json:"authSecret"`
			} `json:"webhook"`
			Github map[string]struct {
				WebhookSecret secretKey `json:"webhookSecret"`
			} `json:"github"`
		} `json:"spec"`
	}
	endpoints := 0
	for _, source := range objects[eventSource](t, "sensors", "EventSource") {
		for name, hook := range source.Spec.Webhook {
			endpoints++
			if (hook.AuthSecret != secretKey{"amend-eventsource", "token"}) {
				t.Errorf("webhook %s takes posts of anybody", name)
			}
		}
		for name, hook := range source.Spec.Github {
			endpoints++
			if (hook.WebhookSecret != secretKey{"amend-github-webhook", "secret"}) {
				t.Errorf("github %s checks no signature", name)
			}
		}
	}
	if endpoints != 3 {
		t.Errorf("there are %d endpoints, want 3", endpoints)
	}
}
