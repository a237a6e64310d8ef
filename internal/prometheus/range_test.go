package prometheus_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/prometheus"
)

// rules is an answer of /api/v1/rules with alerting rules of the name HighLatency.
func rules(list ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/rules" {
			http.NotFound(w, r)
			return
		}
		all := `{"type":"recording","name":"HighLatency","query":"vector(1)","health":"ok"}`
		for _, rule := range list {
			all += "," + rule
		}
		fmt.Fprintf(w, `{"status":"success","data":{"groups":[{"name":"g","file":"f","interval":60,"rules":[%s]}]}}`, all)
	}
}

func rule(query, severity string) string {
	return fmt.Sprintf(`{"type":"alerting","name":"HighLatency","query":%q,"duration":60,"labels":{"severity":%q,"app":"{{ $labels.app }}"},"annotations":{},"alerts":[],"health":"ok","state":"firing"}`, query, severity)
}

func TestExpression(t *testing.T) {
	alert := amend.Alert{Labels: map[string]string{"alertname": "HighLatency", "severity": "warning", "app": "web"}, GeneratorURL: "http://evil.example/graph?g0.expr=up"}
	for name, c := range map[string]struct {
		rules []string
		want  string
		kind  amend.Kind
	}{
		"the threshold is left out":    {[]string{rule(`lat{code!="5"} / rate(x[5m]) >= 2.5e-1`, "warning")}, `lat{code!="5"} / rate(x[5m])`, ""},
		"a bool comparison, too":       {[]string{rule("lat > bool 2", "warning")}, "lat", ""},
		"two comparisons stay":         {[]string{rule("lat > 2 and up == 1", "warning")}, "lat > 2 and up == 1", ""},
		"one in parentheses stays":     {[]string{rule("count(lat > 2)", "warning")}, "count(lat > 2)", ""},
		"quotes hide operators":        {[]string{rule(`lat{a="} > 1 and {"} > 2`, "warning")}, `lat{a="} > 1 and {"}`, ""},
		"labels tell rules apart":      {[]string{rule("lat > 5", "critical"), rule("lat:p50 > 2", "warning")}, "lat:p50", ""},
		"rules that measure the same":  {[]string{rule("lat > 5", "warning"), rule("lat > 2", "warning")}, "lat", ""},
		"rules that measure otherwise": {[]string{rule("lat", "warning"), rule("other", "warning")}, "", amend.Refused},
		"no such rule":                 {[]string{rule("lat > 5", "critical")}, "", amend.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := client(t, prometheus.Config{URL: serve(t, rules(c.rules...))}).Expression(t.Context(), alert)
			if got != c.want || amend.KindOf(err) != c.kind {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestRange(t *testing.T) {
	var asked string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path + " " + r.FormValue("query") + " " + r.FormValue("step")
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"lat","pod":"a"},"values":[[1772359200,"1.5"],[1772359230,"NaN"],[1772359260,"+Inf"],[1772359290,"2"]]}]}}`)
	})
	got, err := client(t, prometheus.Config{URL: url}).Range(t.Context(), "lat", at.Add(-time.Hour), at)
	if err != nil {
		t.Fatal(err)
	}
	want := []amend.Series{{Expr: "lat", Labels: map[string]string{"__name__": "lat", "pod": "a"}, Points: []amend.Point{
		{At: at, Value: 1.5}, {At: at.Add(90 * time.Second), Value: 2},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if asked != "/api/v1/query_range lat 30" {
		t.Errorf("asked %q", asked)
	}
}

func TestFilled(t *testing.T) {
	var query string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.FormValue("query")
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"persistentvolumeclaim":"data.0"},"value":[1772359200,"0.25"]},{"metric":{"persistentvolumeclaim":"b"},"value":[1772359200,"NaN"]}]}}`)
	})
	got, err := client(t, prometheus.Config{URL: url}).Filled(t.Context(), "shop", []string{"data.0", "b"})
	if diff := cmp.Diff(map[string]float64{"data.0": 0.25}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	const selector = `{namespace="shop",persistentvolumeclaim=~"data[.]0|b"}`
	if want := "max by (persistentvolumeclaim) (kubelet_volume_stats_used_bytes" + selector + ") / max by (persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes" + selector + ")"; query != want {
		t.Errorf("asked %s", query)
	}
	query = ""
	if _, err := client(t, prometheus.Config{URL: url}).Filled(t.Context(), `shop"} or vector(1) #`, nil); amend.KindOf(err) != amend.Invalid || query != "" {
		t.Errorf("a name that is none was asked for: %v", err)
	}
}

func TestRangeFails(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	c := client(t, prometheus.Config{URL: url})
	_, expr := c.Expression(t.Context(), amend.Alert{})
	_, series := c.Range(t.Context(), "x", at, at)
	_, used := c.Filled(t.Context(), "shop", nil)
	for _, err := range []error{expr, series, used} {
		if amend.KindOf(err) != amend.Refused {
			t.Errorf("got %v", err)
		}
	}
}
