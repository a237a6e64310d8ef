package prometheus

import (
	"context"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/amendhq/amend"
)

const (
	// rangePoints is how many values a series of a range has at most.
	rangePoints = 120
	// leastStep is the shortest time between two of them.
	leastStep = 15 * time.Second
	// maxRange bounds the series of an answer.
	maxRange = 200
)

// Expression returns what the alerting rule of an alert measures: its expression,
// without the number that it is compared with at the end. The rule is one of the
// server's own, found by the name of the alert and told from others of the name by
// its static labels; an alert itself is never asked for an expression. It fails
// with amend.NotFound when there is no such rule, and with amend.Refused when there
// are several that measure different things.
func (c *Client) Expression(ctx context.Context, a amend.Alert) (string, error) {
	all, err := c.api.Rules(ctx, nil)
	if err != nil {
		return "", classified(err)
	}
	found := map[string]bool{}
	for _, group := range all.Groups {
		for _, rule := range group.Rules {
			r, ok := rule.(v1.AlertingRule)
			if ok && r.Name == a.Name() && agrees(r.Labels, a.Labels) {
				found[measured(r.Query)] = true
			}
		}
	}
	switch len(found) {
	case 0:
		return "", amend.Errorf(amend.NotFound, op, "it has no alerting rule of the alert's name and labels")
	case 1:
		return slices.Collect(maps.Keys(found))[0], nil
	}
	return "", amend.Errorf(amend.Refused, op, "%d different rules have the alert's name and labels", len(found))
}

// agrees reports whether an alert has the static labels of a rule. One with a
// template in it says nothing.
func agrees(rule model.LabelSet, alert map[string]string) bool {
	for name, value := range rule {
		if got := alert[string(name)]; got != string(value) && !strings.Contains(string(value), "{{") {
			return false
		}
	}
	return true
}

var (
	// threshold is a comparison with a number, which ends an expression.
	threshold = regexp.MustCompile(`^(?s:(.+?))\s*(?:[<>]=?|==|!=)\s*(?:bool\s*)?[-+]?[0-9][-+.0-9eExX_a-fA-F]*\s*$`)
	// quoted texts may hold anything, and selectors operators of their own.
	quoted    = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'|`[^`]*`")
	selectors = regexp.MustCompile(`\{[^{}]*\}`)
	// compound is what else may bind less than the comparison.
	compound = regexp.MustCompile(`(?i)\b(?:and|or|unless)\b|[<>]|==|!=`)
)

// measured leaves out the final comparison of an expression if that is plainly
// all that it does, so that a plot shows the values below the threshold, too.
func measured(expr string) string {
	m := threshold.FindStringSubmatch(expr)
	if m == nil {
		return expr
	}
	rest := selectors.ReplaceAllString(quoted.ReplaceAllString(m[1], ""), "")
	if compound.MatchString(rest) || strings.Count(rest, "(") != strings.Count(rest, ")") {
		return expr
	}
	return m[1]
}

// Range returns what an expression was worth over a time, in at most 120 values
// for each series. Its failures are those of Holds.
func (c *Client) Range(ctx context.Context, expr string, from, to time.Time) ([]amend.Series, error) {
	step := max(leastStep, to.Sub(from)/rangePoints)
	value, _, _, err := c.api.QueryRange(ctx, expr, v1.Range{Start: from, End: to, Step: step}, v1.WithTimeout(timeout), v1.WithLimit(maxRange))
	if err != nil {
		return nil, classified(err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, amend.Errorf(amend.Invalid, op, "the expression yields a %s and no series", value.Type())
	}
	all := make([]amend.Series, 0, len(matrix))
	for _, stream := range matrix {
		s := amend.Series{Expr: expr, Labels: labels(stream.Metric)}
		for _, p := range stream.Values {
			if v := float64(p.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
				s.Points = append(s.Points, amend.Point{At: p.Timestamp.Time().UTC(), Value: v})
			}
		}
		all = append(all, s)
	}
	return all, nil
}

func labels(m model.Metric) map[string]string {
	all := make(map[string]string, len(m))
	for name, value := range m {
		all[string(name)] = string(value)
	}
	return all
}

// claimName is a name that needs no quotes in an expression; Kubernetes allows no
// other.
var claimName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$`) })

// Filled returns which share of the volume of each claim of a namespace is used,
// as the kubelets measure it. A claim that nobody measured is left out.
func (c *Client) Filled(ctx context.Context, namespace string, claims []string) (map[string]float64, error) {
	names := make([]string, 0, len(claims))
	for _, name := range append([]string{namespace}, claims...) {
		if !claimName().MatchString(name) {
			return nil, amend.Errorf(amend.Invalid, op, "%.80q is no name of Kubernetes", name)
		}
		names = append(names, strings.ReplaceAll(name, ".", `[.]`))
	}
	selector := `{namespace="` + namespace + `",persistentvolumeclaim=~"` + strings.Join(names[1:], "|") + `"}`
	const by = "max by (persistentvolumeclaim) "
	query := by + "(kubelet_volume_stats_used_bytes" + selector + ") / " + by + "(kubelet_volume_stats_capacity_bytes" + selector + ")"
	value, _, _, err := c.api.Query(ctx, query, time.Time{}, v1.WithTimeout(timeout), v1.WithLimit(maxRange))
	if err != nil {
		return nil, classified(err)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, amend.Errorf(amend.Invalid, op, "it answers with a %s and no series", value.Type())
	}
	used := map[string]float64{}
	for _, s := range vector {
		if v := float64(s.Value); v >= 0 && v <= 1 {
			used[string(s.Metric["persistentvolumeclaim"])] = v
		}
	}
	return used, nil
}
