package pipeline_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

// fleet is an env repo of so many Applications, each with one workload app-N in
// the namespace shop, of which a tenth may be changed in an hour.
func fleet(applications int) fstest.MapFS {
	files := fstest.MapFS{policy.Path: {Data: []byte(`apiVersion: amend.dev/v1alpha1
kind: Policy
budgets: []
blastRadius:
  - {of: applications, share: 10%, within: 1h}
playbooks:
  - name: restart
    match: ['alertname="Restart"']
    workload: {kind: Deployment, namespace: {label: namespace}, name: {label: deployment}}
    action: restart
    mode: commit
`)}}
	for n := range applications {
		files[fmt.Sprintf("argo/%d.yaml", n)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app-%[1]d}\nspec:\n  source: {repoURL: https://example.com/env.git, path: apps/%[1]d}\n  destination: {namespace: shop}\n", n)}
		files[fmt.Sprintf("apps/%d/app.yaml", n)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app-%d}\nspec: {replicas: 2, template: {}}\n", n)}
	}
	return files
}

// TestStormStaysWithinTheBlastRadius: every workload of a fleet is in trouble at
// once, and a tenth of the Applications is changed, hour by hour.
func TestStormStaysWithinTheBlastRadius(t *testing.T) {
	const applications = 30
	p, files := pipeline.New(), fleet(applications)
	var records []amend.Record
	for hour := range 3 {
		at := now.Add(time.Duration(hour) * time.Hour)
		acted := 0
		for n := range applications {
			e := event(t, fmt.Sprintf("firing alertname=Restart namespace=shop deployment=app-%d", (n+7*hour)%applications))
			e.Alert.StartsAt = at
			d, err := p.Decide(pipeline.World{Tree: files, Past: past{records: records}, Now: at}, e)
			switch {
			case err != nil:
				t.Fatal(err)
			case d.Acts():
				acted++
				records = append(records, d.Record())
			case d.Reason != amend.ReasonBlastRadius || d.Plan != nil:
				t.Fatalf("%s: %s", d.Reason, d.Detail)
			}
		}
		if acted != applications/10 {
			t.Errorf("%d of %d applications were changed in hour %d, want a tenth", acted, applications, hour)
		}
	}
}
