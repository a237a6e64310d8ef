package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A workflow is what a host reads in a workflow file before it hands the file
// to a runner: what starts it, what it must not run beside, and what its token
// may do.
type workflow struct {
	Name        string       `yaml:"name"`
	On          triggers     `yaml:"on"`
	Concurrency *concurrency `yaml:"concurrency"`
	Permissions *permissions `yaml:"permissions"`
	Jobs        map[string]struct {
		Permissions *permissions `yaml:"permissions"`
		Concurrency *yaml.Node   `yaml:"concurrency"`
	} `yaml:"jobs"`
}

// parseWorkflow reads a file of .github/workflows. What this host cannot do as
// GitHub does it is an error, never ignored.
func parseWorkflow(file string, content []byte) (*workflow, error) {
	var w workflow
	if err := yaml.Unmarshal(content, &w); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if w.Name == "" {
		w.Name = file
	}
	return &w, nil
}

// forRunner returns the file without its concurrency, which this host has seen
// to: the runner knows only an older form of it and refuses the file.
func forRunner(content []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
		top := doc.Content[0]
		for i := 0; i+1 < len(top.Content); i += 2 {
			if top.Content[i].Value == "concurrency" {
				top.Content = slices.Delete(top.Content, i, i+2)
				break
			}
		}
	}
	return yaml.Marshal(&doc)
}

// check refuses what is beyond this host.
func (w *workflow) check() error {
	for name, job := range w.Jobs {
		if job.Concurrency != nil {
			return fmt.Errorf("job %s: concurrency of a job is not supported here, only that of a workflow", name)
		}
	}
	if c := w.Concurrency; c != nil && c.Queue == "max" && c.Cancel {
		return errors.New("concurrency: queue: max excludes cancel-in-progress: true")
	}
	return nil
}

// isWorkflowFile reports whether GitHub would read the file as a workflow.
func isWorkflowFile(name string) bool {
	ext := path.Ext(name)
	return path.Dir(name) == ".github/workflows" && (ext == ".yml" || ext == ".yaml")
}

// triggers holds the part of "on" that this host acts on.
type triggers struct {
	dispatch bool
	types    []string // empty: every type
}

// UnmarshalYAML reads the three forms: a name, a list of names, a map.
func (t *triggers) UnmarshalYAML(node *yaml.Node) error {
	const event = "repository_dispatch"
	switch node.Kind {
	case yaml.ScalarNode:
		t.dispatch = node.Value == event
	case yaml.SequenceNode:
		for _, n := range node.Content {
			t.dispatch = t.dispatch || n.Value == event
		}
	case yaml.MappingNode:
		var events map[string]yaml.Node
		if err := node.Decode(&events); err != nil {
			return err
		}
		filter, ok := events[event]
		t.dispatch = ok
		if ok && filter.Kind == yaml.MappingNode {
			var on struct {
				Types names `yaml:"types"`
			}
			if err := filter.Decode(&on); err != nil {
				return err
			}
			t.types = on.Types
		}
	}
	return nil
}

// matches reports whether a repository_dispatch of the type starts the workflow.
func (t triggers) matches(eventType string) bool {
	return t.dispatch && (len(t.types) == 0 || slices.Contains(t.types, eventType))
}

// names is a list that may be written as a single name.
type names []string

// UnmarshalYAML reads both forms.
func (n *names) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*n = names{node.Value}
		return nil
	}
	return node.Decode((*[]string)(n))
}

// concurrency says which runs must not overlap.
type concurrency struct {
	Group  string `yaml:"group"`
	Cancel bool   `yaml:"cancel-in-progress"` // an expression here is an error: it is no boolean
	Queue  string `yaml:"queue"`
}

// UnmarshalYAML reads a group name alone, or the map.
func (c *concurrency) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		c.Group = node.Value
		return nil
	}
	type plain concurrency
	return node.Decode((*plain)(c))
}

// permissions are the scopes of the run's token.
type permissions map[string]string

// UnmarshalYAML reads read-all, write-all or the map; a map that leaves a
// scope out grants nothing for it.
func (p *permissions) UnmarshalYAML(node *yaml.Node) error {
	*p = permissions{}
	if node.Kind != yaml.ScalarNode {
		return node.Decode((*map[string]string)(p))
	}
	access, ok := map[string]string{"read-all": "read", "write-all": "write"}[node.Value]
	if !ok {
		return fmt.Errorf("line %d: permissions: %q is neither read-all nor write-all", node.Line, node.Value)
	}
	for _, scope := range []string{"actions", "contents", "issues", "pull-requests"} {
		(*p)[scope] = access
	}
	return nil
}

// scopes joins what the jobs ask for, as one token serves them all here. With
// nothing declared a token reads contents only, GitHub's default for new
// repositories.
func (w *workflow) scopes() map[string]string {
	whole := permissions{"contents": "read"}
	if w.Permissions != nil {
		whole = *w.Permissions
	}
	granted := map[string]string{"metadata": "read"}
	grant := func(p permissions) {
		for scope, access := range p {
			scope = strings.ReplaceAll(scope, "-", "_")
			if access != "none" && granted[scope] != "write" {
				granted[scope] = access
			}
		}
	}
	for _, job := range w.Jobs {
		if job.Permissions != nil {
			grant(*job.Permissions)
		} else {
			grant(whole)
		}
	}
	return granted
}

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// group evaluates the concurrency group for an event. It knows the github
// context's plain properties; any other expression is an error, because a
// wrong group would let runs overlap.
func (w *workflow) group(e Event) (string, error) {
	var failed error
	group := expression.ReplaceAllStringFunc(w.Concurrency.Group, func(found string) string {
		name := expression.FindStringSubmatch(found)[1]
		value, err := e.property(name, w.Name)
		if err != nil {
			failed = err
		}
		return value
	})
	return strings.ToLower(group), failed // GitHub compares groups without case
}

func (e Event) property(name, workflowName string) (string, error) {
	known := map[string]string{
		"github.workflow":         workflowName,
		"github.repository":       e.Repo,
		"github.event_name":       "repository_dispatch",
		"github.event.action":     e.Type,
		"github.ref":              "refs/heads/" + e.Branch,
		"github.ref_name":         e.Branch,
		"github.sha":              e.SHA,
		"github.actor":            e.Actor,
		"github.repository_owner": strings.Split(e.Repo, "/")[0],
	}
	if value, ok := known[name]; ok {
		return value, nil
	}
	field, ok := strings.CutPrefix(name, "github.event.client_payload.")
	if !ok {
		return "", fmt.Errorf("concurrency group: the expression %q is not supported here", name)
	}
	var value any
	if err := json.Unmarshal(e.Payload, &value); err != nil {
		return "", fmt.Errorf("concurrency group: %w", err)
	}
	for key := range strings.SplitSeq(field, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	switch value := value.(type) {
	case string:
		return value, nil
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("concurrency group: %s is no string", name)
}
