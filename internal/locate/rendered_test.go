package locate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

const cronJob = `apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec:
  suspend: false
  schedule: "0 3 * * *"
  failedJobsHistoryLimit: 2
  jobTemplate:
    spec:
      template:
        spec:
          containers:
            - name: app
              image: registry.example.com/report:1
              args: [--all]
`

func rendered(t *testing.T, manifest string) *locate.Object {
	t.Helper()
	o, err := locate.New().Deployed(fstest.MapFS{"a.yaml": {Data: []byte(manifest)}},
		locate.Query{Object: amend.ObjectRef{Kind: "CronJob", Namespace: "shop", Name: "report"}})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestObjectSince(t *testing.T) {
	after := strings.NewReplacer("suspend: false", "suspend: true", "Limit: 2", "Limit: 3", "report:1", "report:2",
		`schedule: "0 3 * * *"`, "timeZone: Etc/UTC", "args: [--all]", "args: [--all, --now]").Replace(cronJob)
	var got []string
	for _, d := range rendered(t, after).Since(rendered(t, cronJob)) {
		got = append(got, fmt.Sprintf("%s %s → %s", d.Field, shown(d.Before), shown(d.After)))
	}
	want := []string{
		`spec.failedJobsHistoryLimit {2 true false} → {3 true false}`,
		`spec.jobTemplate.spec.template.spec.containers[name=app].args nothing → nothing`,
		`spec.jobTemplate.spec.template.spec.containers[name=app].image {registry.example.com/report:1 false false} → {registry.example.com/report:2 false false}`,
		`spec.schedule {0 3 * * * false false} → nothing`,
		`spec.suspend {false false true} → {true false true}`,
		`spec.timeZone nothing → {Etc/UTC false false}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if same := rendered(t, cronJob).Since(rendered(t, "# a comment\n"+cronJob)); same != nil {
		t.Errorf("a comment changed %v", same)
	}
}

func shown(s *amend.Scalar) string {
	if s == nil {
		return "nothing"
	}
	return fmt.Sprint(*s)
}

// One line sets two fields of one object, as appVersion does for the image and
// for a label. It is not shared when both are to get what it sets.
func TestEditAlong(t *testing.T) {
	repo := fstest.MapFS{
		"web/kustomization.yaml": {Data: []byte("resources: [web.yaml]\nreplacements:\n- source: {kind: Deployment, name: web, fieldPath: spec.template.metadata.labels.v}\n" +
			"  targets: [{select: {kind: Deployment, name: web}, fieldPaths: [spec.template.metadata.annotations.v]}]\n")},
		"web/web.yaml": {Data: []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  template:\n    metadata:\n" +
			"      labels:\n        v: \"2\"\n      annotations:\n        v: \"0\"\n")},
	}
	label, annotation := amend.Field("spec", "template", "metadata", "labels", "v"), amend.Field("spec", "template", "metadata", "annotations", "v")
	q := locate.Query{Object: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Field: label}
	for _, c := range []struct {
		along string
		want  amend.Reason
	}{{"", amend.ReasonShared}, {"3", amend.ReasonShared}, {"1", ""}} {
		q.Along = nil
		if c.along != "" {
			q.Along = []locate.Setting{{Field: annotation, Value: amend.Scalar{Text: c.along}}}
		}
		r, err := locate.New().Edit(repo, q, amend.Scalar{Text: "1"})
		if amend.ReasonOf(err) != c.want {
			t.Errorf("along with %q: %v", c.along, err)
		}
		if c.want == "" && (len(r.RenderDiff) != 2 || r.RenderDiff[1].Old != "2" || r.RenderDiff[1].New != "1") {
			t.Errorf("the render diff is %v", r.RenderDiff)
		}
	}
}
