package actions

import "github.com/amendhq/amend"

var (
	chartName    = amend.Param{Name: "chart", Type: amend.ParamName, Help: "the chart, by its name in the repository"}
	chartVersion = amend.Param{Name: "version", Type: amend.ParamVersion, Help: "the version that it is to have"}
)

func init() {
	register(Action{
		Name:    "set-chart-version",
		Summary: "Let an Argo CD Application deploy the chart version in the policy.",
		Kinds:   []string{"Application"},
		Fields:  []amend.FieldPattern{"spec.source.targetRevision", "spec.sources[*].targetRevision"},
		Group:   argoGroup,
		Params:  []amend.Param{chartName, chartVersion},
		Plan:    planSetChartVersion,
	})
}

// planSetChartVersion replaces one version by another. A range of versions is
// refused: pinning it would end updates that somebody counts on.
func planSetChartVersion(req amend.Request, view View) ([]Set, error) {
	chart, err := textParam(req, chartName)
	if err != nil {
		return nil, err
	}
	version, err := textParam(req, chartVersion)
	if err != nil {
		return nil, err
	}
	source, err := onlySource(req, view, "deploys the chart "+chart, func(s amend.FieldPath) bool {
		name, ok := view.Value(s.Then("chart"))
		return ok && name.Text == chart
	})
	if err != nil {
		return nil, err
	}
	field := source.Then("targetRevision")
	now, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "write the version there first")
	}
	if !chartVersion.Accepts(now.Text) {
		return nil, unreadable(req, field, now.Text, "one version")
	}
	return []Set{{Field: field, Value: amend.Scalar{Text: version}}}, nil
}
