package pipeline_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// proposed is the scene's change as a pull request has it, planned before others
// changed what the env repo holds.
func proposed(t *testing.T, s scene) pipeline.Proposal {
	t.Helper()
	d, err := pipeline.New().Decide(s.world(), s.event)
	if err != nil || d.Plan == nil {
		t.Fatalf("%s %s, %v", d.Reason, d.Detail, err)
	}
	files := maps.Clone(s.files)
	for path, content := range d.Plan.Files {
		files[path.String()] = &fstest.MapFile{Data: content}
	}
	return pipeline.Proposal{Record: d.Record(), Event: s.event, Tree: files}
}

// replace changes a file of the scene.
func (s scene) replace(name, old, now string) {
	s.files[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(s.files[name].Data), old, now, 1))}
}

func TestReplan(t *testing.T) {
	for name, c := range map[string]struct {
		scene  string
		before func(scene)
		want   amend.Reason
		edit   string // of the plan: line, old and new value
	}{
		"as it was":          {"act-memory", func(scene) {}, amend.ReasonAct, "19 256Mi 384Mi"},
		"another value":      {"act-memory", func(s scene) { s.replace("apps/web.yaml", "256Mi", "512Mi") }, amend.ReasonAct, "19 512Mi 768Mi"},
		"another line":       {"act-memory", func(s scene) { s.replace("apps/web.yaml", "kind:", "# hi\nkind:") }, amend.ReasonAct, "20 256Mi 384Mi"},
		"the proposed value": {"act-memory", func(s scene) { s.replace("apps/web.yaml", "256Mi", "384Mi") }, amend.ReasonNoChange, ""},
		"an absolute value":  {"act-image-tag", func(s scene) { s.replace("prod/kustomization.yaml", `"3"`, `"2"`) }, amend.ReasonNoChange, ""},
		"at the ceiling":     {"act-memory", func(s scene) { s.replace("apps/web.yaml", "256Mi", "1Gi") }, amend.ReasonBound, ""},
		"gone":               {"act-memory", func(s scene) { delete(s.files, "apps/web.yaml") }, amend.ReasonNotInRepo, ""},
		"stopped":            {"act-memory", func(s scene) { s.files[".amend/stop"] = &fstest.MapFile{} }, amend.ReasonKillSwitch, ""},
		"another playbook":   {"act-memory", func(s scene) { s.replace(".amend/policy.yaml", "name: memory", "name: mem") }, amend.ReasonNoPlaybook, ""},
		"another action": {"act-memory", func(s scene) {
			s.replace(".amend/policy.yaml", "action: raise-memory-limit\n    with: {factor: 1.5, ceiling: 1Gi}", "action: restart")
		}, amend.ReasonNoPlaybook, ""},
		"no policy": {"act-memory", func(s scene) { delete(s.files, ".amend/policy.yaml") }, amend.ReasonInvalidPolicy, ""},
		"no guard is asked": {"act-memory", func(s scene) {
			s.replace(".amend/policy.yaml", "playbooks:", "freezes: [{name: always, schedule: \"* * * * *\", duration: 1h}]\nbudgets: [{per: repo, changes: 1, within: 1h}]\nplaybooks:")
		}, amend.ReasonAct, "19 256Mi 384Mi"},
		"an object next to it": {"act-memory", func(s scene) { s.replace("apps/web.yaml", "replicas: 2", "replicas: 3") }, amend.ReasonAct, "19 256Mi 384Mi"},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, c.scene)
			old := proposed(t, s)
			c.before(s)
			d, err := pipeline.New().Replan(s.world(), old)
			if err != nil || d.Reason != c.want || d.Incident != old.Incident || d.Episode != 1 {
				t.Fatalf("%s %s in episode %d, %v; want %s", d.Reason, d.Detail, d.Episode, err, c.want)
			}
			if (d.Plan != nil) != (c.edit != "") {
				t.Fatalf("the plan is %+v", d.Plan)
			}
			if d.Plan == nil {
				return
			}
			e := d.Plan.Edits[0]
			if got := fmt.Sprintf("%d %s %s", e.Target.Line, e.Old, e.New); got != c.edit {
				t.Errorf("the edit is %s, want %s", got, c.edit)
			}
		})
	}
}

func TestPullRules(t *testing.T) {
	s := load(t, "act-memory")
	s.replace(".amend/policy.yaml", "defaults:", "defaults:\n  pullRequests: {labels: [x], reviewers: [jo], staleAfter: 3d}")
	s.replace(".amend/policy.yaml", "mode: pull-request", "mode: pull-request\n    pullRequests: {autoMerge: true}")
	p := pipeline.New()
	rules, err := p.PullRules(s.files, "scale")
	if err != nil || !rules.AutoMerge || rules.StaleAfter != 72*time.Hour || !slices.Equal(rules.Labels, []string{"x"}) || !slices.Equal(rules.Reviewers, []string{"jo"}) {
		t.Errorf("%+v, %v", rules, err)
	}
	if rules, err := p.PullRules(s.files, "memory"); err != nil || rules.AutoMerge {
		t.Errorf("%+v, %v", rules, err)
	}
	if _, err := p.PullRules(s.files, "none"); amend.KindOf(err) != amend.NotFound {
		t.Errorf("a playbook that there is not: %v", err)
	}
}

// What a proposal was held by when it was made is not asked again; what may stop
// it at this moment is.
func TestLanding(t *testing.T) {
	for name, c := range map[string]struct {
		before func(scene)
		want   amend.Reason
	}{
		"free":    {func(scene) {}, amend.ReasonAct},
		"stopped": {func(s scene) { s.files[".amend/stop"] = &fstest.MapFile{} }, amend.ReasonKillSwitch},
		"frozen": {func(s scene) {
			s.replace(".amend/policy.yaml", "playbooks:", "freezes: [{name: always, schedule: \"* * * * *\", duration: 1h}]\nplaybooks:")
		}, amend.ReasonFrozen},
		"budget": {func(s scene) {
			s.replace(".amend/policy.yaml", "playbooks:", "budgets: [{per: repo, changes: 1, within: 1h}]\nplaybooks:")
		}, amend.ReasonAct},
		"sync window": {func(s scene) { maps.Copy(s.files, load(t, "act-sync-window").files) }, amend.ReasonFrozen},
	} {
		s := load(t, "act-memory")
		r := proposed(t, s).Record
		c.before(s)
		if name == "sync window" {
			s.replace(".amend/policy.yaml", "syncWindows: ignore\n", "")
			s.replace(".amend/policy.yaml", "name: restart", "name: memory")
		}
		if reason, why, err := pipeline.New().Landing(s.world(), r); err != nil || reason != c.want {
			t.Errorf("%s: %s %s, %v; want %s", name, reason, why, err, c.want)
		}
	}
}
