package pipeline_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// what tells of an alternative in one line.
func what(a amend.Alternative) string {
	s := a.Action
	for _, e := range a.Edits {
		s += fmt.Sprintf(" %s:%d %s→%s", e.Target.Path, e.Target.Line, e.Old, e.New)
	}
	if len(a.Edits) == 0 {
		s += " " + string(a.Reason)
	}
	if a.Instead != nil {
		s += fmt.Sprintf(" as %d-%d %q", a.Instead.Line, a.Instead.EndLine, a.Instead.Text)
	}
	return s
}

const memoryAction = "action: raise-memory-limit\n    with: {factor: 1.5, ceiling: 1Gi}"

func TestAlternatives(t *testing.T) {
	for name, c := range map[string]struct {
		policy string // instead of the action of the playbook
		want   []string
	}{
		"the bound at once": {memoryAction, []string{
			`raise-memory-limit apps/web.yaml:19 256Mi→1Gi as 19-19 "              memory: 1Gi # enough so far\n"`,
		}},
		"a step that the bound cuts": {"action: raise-memory-limit\n    with: {factor: 3, ceiling: 512Mi}", []string{
			`raise-memory-limit apps/web.yaml:19 256Mi→768Mi as 19-19 "              memory: 768Mi # enough so far\n"`,
		}},
		"the rest of the ladder": {memoryAction + "\n    then: [{action: scale-replicas, with: {max: 6}}, {action: roll-back-image}]", []string{
			`raise-memory-limit apps/web.yaml:19 256Mi→1Gi as 19-19 "              memory: 1Gi # enough so far\n"`,
			`scale-replicas apps/web.yaml:7 2→3`,
			`roll-back-image no-history`,
		}},
		"another value of the same line": {"action: roll-back-image\n    then: [{action: set-image-tag, with: {tag: \"1\"}}]", []string{
			`set-image-tag apps/web.yaml:16 registry.example.com/web:3→registry.example.com/web:1 as 16-16 "          image: registry.example.com/web:1\n"`,
		}},
		"nothing else": {"action: restart", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, "act-memory")
			s.replace(".amend/policy.yaml", memoryAction, c.policy)
			s.past.versions["apps/web.yaml"] = []pipeline.Version{{Content: s.files["apps/web.yaml"].Data}}
			if name == "another value of the same line" {
				before := load(t, "act-memory")
				before.replace("apps/web.yaml", "web:3", "web:2")
				s.past.versions["apps/web.yaml"] = append(s.past.versions["apps/web.yaml"], pipeline.Version{Content: before.files["apps/web.yaml"].Data})
			}
			all, err := pipeline.New().Alternatives(s.world(), proposed(t, s))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range all {
				if got = append(got, what(a)); a.Why == "" {
					t.Errorf("%s has no reason", what(a))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// There is nothing to say of a change that the policy does not make.
func TestNoAlternatives(t *testing.T) {
	for name, change := range map[string]func(*pipeline.Proposal, scene){
		"another incident": func(p *pipeline.Proposal, _ scene) { p.Incident = "memory-0000000000" },
		"another action":   func(p *pipeline.Proposal, _ scene) { p.Action = "restart" },
		"another alert":    func(p *pipeline.Proposal, _ scene) { p.Event.Alert.Labels = map[string]string{"alertname": "Other"} },
		"no policy": func(_ *pipeline.Proposal, s scene) {
			s.files[".amend/policy.yaml"] = &fstest.MapFile{Data: []byte("{")}
		},
	} {
		s := load(t, "act-memory")
		p := proposed(t, s)
		change(&p, s)
		got, err := pipeline.New().Alternatives(s.world(), p)
		if (err != nil) != (name == "no policy") || len(got) != 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
