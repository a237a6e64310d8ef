package pipeline_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
)

// liveApplication is one that follows the folder prod, with an image of its own.
func liveApplication(image string) string {
	return `{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"web","namespace":"argocd"},
		"spec":{"source":{"repoURL":"https://git.example.com/env.git","path":"prod","kustomize":{"images":["` + image + `"]}},"destination":{"namespace":"shop"}}}`
}

// TestOwnerIsAskedForWhatIsLive: the live Application has the say, where the
// repo alone would yield a change without an effect.
func TestOwnerIsAskedForWhatIsLive(t *testing.T) {
	s := load(t, "image-kustomize")
	s.files["argo/web.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(liveApplication("x"), `,"kustomize":{"images":["x"]}`, "", 1))}
	image := amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	for _, c := range []struct {
		name  string
		owner func(amend.ObjectRef) ([]byte, error)
		want  amend.Reason
		kind  amend.Kind
	}{
		{name: "nobody is asked", want: amend.ReasonAct},
		{name: "live as in the repo", want: amend.ReasonAct, owner: func(ref amend.ObjectRef) ([]byte, error) {
			if ref.Kind != image.Kind || ref.Namespace != image.Namespace || ref.Name != image.Name {
				t.Errorf("asked for the owner of %s", ref)
			}
			return s.files["argo/web.yaml"].Data, nil
		}},
		{name: "overridden", want: amend.ReasonNotInRepo, owner: func(amend.ObjectRef) ([]byte, error) {
			return []byte(liveApplication("registry.example.com/web:9")), nil
		}},
		{name: "refused", want: amend.ReasonAmbiguous, owner: func(amend.ObjectRef) ([]byte, error) {
			return nil, amend.Refusef(amend.ReasonAmbiguous, "the Applications argocd/a and argocd/b declare it")
		}},
		{name: "away", kind: amend.Transient, owner: func(amend.ObjectRef) ([]byte, error) {
			return nil, amend.Errorf(amend.Transient, "list applications", "connection refused")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := s.world()
			w.Owner = c.owner
			d, err := pipeline.New().Decide(w, s.event)
			if d.Reason != c.want || amend.KindOf(err) != c.kind {
				t.Errorf("%q %s, %v", d.Reason, d.Detail, err)
			}
		})
	}
}

// TestActingIsTold: once of each decision to act, also of one whose plan is refused, and
// of no other.
func TestActingIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		owner func(amend.ObjectRef) ([]byte, error)
		stop  bool
		want  amend.Reason
		told  int
	}{
		"a change": {want: amend.ReasonAct, told: 1},
		"no plan": {want: amend.ReasonAmbiguous, told: 1, owner: func(amend.ObjectRef) ([]byte, error) {
			return nil, amend.Refusef(amend.ReasonAmbiguous, "two declare it")
		}},
		"the kill switch": {want: amend.ReasonKillSwitch, stop: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, "image-kustomize")
			if c.stop {
				s.files[pipeline.StopFile] = &fstest.MapFile{}
			}
			w, told := s.world(), 0
			w.Owner = c.owner
			w.Acting = func(d amend.Decision) {
				if told++; !d.Acts() || d.Incident == "" || d.Mode == "" || d.Plan != nil {
					t.Errorf("told of %+v", d)
				}
			}
			if d, err := pipeline.New().Decide(w, s.event); err != nil || d.Reason != c.want || told != c.told {
				t.Errorf("%q, %v; told %d times, want %q and %d", d.Reason, err, told, c.want, c.told)
			}
		})
	}
}

// TestPlanSaysWhatTheRendersChange, so that others can look for just that.
func TestPlanSaysWhatTheRendersChange(t *testing.T) {
	s := load(t, "act-scale")
	d, err := pipeline.New().Decide(s.world(), s.event)
	if err != nil || d.Plan == nil {
		t.Fatalf("%+v, %v", d, err)
	}
	want := []amend.FieldChange{{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web", Group: "apps"}, Field: "spec.replicas", Old: "2", New: "4"}}
	if diff := cmp.Diff(want, d.Plan.RenderDiff); diff != "" {
		t.Error(diff)
	}
}
