package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/mask"
	"github.com/amendhq/amend/internal/report"
)

var update = flag.Bool("update", false, "write what the cases give into their want sections")

// TestReports makes a report of each case of testdata, and of those with series
// a plot.
func TestReports(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e := evidence(t, archive.Files[0].Data)
			got := []txtar.File{archive.Files[0], {Name: "want.md", Data: []byte(report.New(e, mask.Masker{}).Markdown())}}
			if svg := report.Plot(e.Series); svg != "" {
				got = append(got, txtar.File{Name: "want.svg", Data: []byte(svg)})
			}
			if *update {
				archive.Files = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(txtar.Format(&txtar.Archive{Files: archive.Files})), string(txtar.Format(&txtar.Archive{Files: got}))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func evidence(t *testing.T, data []byte) (e amend.Evidence) {
	t.Helper()
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestOpinionIsBoundByThePolicy(t *testing.T) {
	e := amend.Evidence{Allowed: []amend.AllowedAction{{Name: "restart"}, {Name: "raise-memory-limit"}}}
	r := report.New(e, mask.Masker{}).Opinion("It leaks; password=hunter2", "raise-memory-limit")
	want := []report.Suggestion{{Action: "raise-memory-limit", Fits: true}, {Action: "restart"}}
	if diff := cmp.Diff(want, r.Suggestions); diff != "" {
		t.Error(diff)
	}
	if h := r.Hypotheses[0]; !h.Model || h.Text != "It leaks; password=[masked]" {
		t.Errorf("%+v", h)
	}
	r = report.New(e, mask.Masker{}).Opinion("x", "delete-everything")
	if len(r.Hypotheses[0].Actions) > 0 || len(r.Suggestions) != 2 || strings.Contains(r.Markdown(), "delete-everything") {
		t.Errorf("an action that no policy allows counts: %+v", r.Suggestions)
	}
}

func TestPullRequest(t *testing.T) {
	web := amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Container: "app"}
	d := amend.Decision{Workload: web, Action: "revert-commit", Playbook: "crash-loop", Mode: amend.PullRequest, Plan: &amend.Plan{
		Cause: strings.Repeat("a", 40), Edits: []amend.Edit{{Object: web.ObjectRef, Field: "spec.replicas", Old: "0", New: "2"}},
	}}
	want := `
### Related resources

| Resource | State |
|---|---|
| Deployment/shop/web | container app |

### Hypothesis

- Commit aaaaaaaaaaaa changed spec.replicas from 2 to 0. Confidence: medium.
  - it is the last one before the alert that changed what the workload runs

### Suggestions

- **revert-commit**. Playbook crash-loop, mode pull-request. It answers the hypothesis.

This is what the alert, the policy and Git tell. ` + "`amend report`" + ` asks the cluster and the metrics, too.
`
	if diff := cmp.Diff(want, report.PullRequest(d)); diff != "" {
		t.Error(diff)
	}
	d.Plan.Cause = ""
	if got := report.PullRequest(d); !strings.Contains(got, "- No rule recognises a cause in this evidence.\n") || strings.Contains(got, "none of them answers") {
		t.Error(got)
	}
}

func points(values ...float64) []amend.Point {
	var all []amend.Point
	for i, v := range values {
		all = append(all, amend.Point{At: time.Unix(int64(60*i), 0), Value: v})
	}
	return all
}

// TestPlotIsXML: whatever the numbers and the texts are, the plot is a document
// without anything that runs or loads.
func TestPlotIsXML(t *testing.T) {
	many := make([]float64, 5000)
	for i := range many {
		many[i] = math.Sin(float64(i) / 50)
	}
	for name, series := range map[string][]amend.Series{
		"one point": {{Expr: "x", Points: points(1)}},
		"flat":      {{Expr: "x", Points: points(2, 2, 2)}},
		"huge":      {{Expr: "x", Points: points(-math.MaxFloat64, math.MaxFloat64)}},
		"many":      {{Expr: "x", Points: points(many...)}},
		"hostile":   {{Expr: `</text><script>alert(1)</script>`, Labels: map[string]string{"a": "\"/><image href='https://evil.example'/>\x00\u202e"}, Points: points(1, 2)}},
		"several":   {{Expr: "x", Points: points(1, 2)}, {Expr: "x"}, {Expr: "x", Points: points(3)}},
	} {
		svg := report.Plot(series)
		d, elements := xml.NewDecoder(strings.NewReader(svg)), map[string]bool{}
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, svg)
			}
			if start, ok := token.(xml.StartElement); ok {
				elements[start.Name.Local] = true
			}
		}
		for element := range elements {
			if !strings.Contains(" svg title rect text path polyline ", " "+element+" ") {
				t.Errorf("%s draws %s", name, element)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || len(svg) > 60000 {
			t.Errorf("%s: %d bytes\n%.2000s", name, len(svg), svg)
		}
	}
	if svg := report.Plot([]amend.Series{{Expr: "x"}}); svg != "" {
		t.Errorf("a plot of nothing: %s", svg)
	}
}
