package prometheus_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/prometheus"
)

var at = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func client(t *testing.T, cfg prometheus.Config) *prometheus.Client {
	t.Helper()
	c, err := prometheus.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The answers are those of Prometheus 3 and of Thanos.
func TestHolds(t *testing.T) {
	const success = `{"status":"success","data":{"resultType":`
	for name, c := range map[string]struct {
		code int
		body string
		want bool
		kind amend.Kind // of the error
	}{
		"series":               {200, success + `"vector","result":[{"metric":{"pod":"web-1"},"value":[1,"0"]}]}}`, true, ""},
		"nothing":              {200, success + `"vector","result":[]}}`, false, ""},
		"series, cut":          {200, success + `"vector","result":[{"metric":{},"value":[1,"NaN"]}]},"warnings":["results truncated due to limit"]}`, true, ""},
		"nothing, but partial": {200, success + `"vector","result":[]},"warnings":["no store matched"]}`, false, amend.Transient},
		"nothing, with a note": {200, success + `"vector","result":[]},"infos":["metric might not be a counter"]}`, false, ""},
		"a number":             {200, success + `"scalar","result":[1,"1"]}}`, false, amend.Invalid},
		"a range":              {200, success + `"matrix","result":[]}}`, false, amend.Invalid},
		"no PromQL":            {400, `{"status":"error","errorType":"bad_data","error":"parse error at char 3"}`, false, amend.Invalid},
		"cannot be executed":   {422, `{"status":"error","errorType":"execution","error":"many-to-many"}`, false, amend.Invalid},
		"too slow":             {503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, false, amend.Transient},
		"down":                 {502, `s3cret`, false, amend.Transient},
		"unknown path":         {404, `s3cret`, false, amend.Invalid},
		"web page":             {200, `<html>`, false, amend.Invalid},
		"unauthorized":         {401, `s3cret`, false, amend.Refused},
		"forbidden":            {403, `s3cret`, false, amend.Refused},
		"elsewhere":            {302, ``, false, amend.Refused},
	} {
		p := client(t, prometheus.Config{URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/prom/api/v1/query" || r.FormValue("query") != `up{pod=~"a.*$"} == 0` || r.FormValue("time") != "1772359200" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(c.code)
			fmt.Fprint(w, c.body)
		}) + "/prom"})
		got, err := p.Holds(t.Context(), `up{pod=~"a.*$"} == 0`, at)
		if got != c.want || amend.KindOf(err) != c.kind {
			t.Errorf("%s: %v, %v; want %v and kind %q", name, got, err, c.want, c.kind)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v quotes a body that is nobody's", name, err)
		}
		if text := amend.Public(err); strings.Contains(text, "127.0.0.1") || strings.Contains(text, "char 3") || strings.Contains(text, "store") {
			t.Errorf("%s: everybody is told %q", name, text)
		}
	}
	_, err := client(t, prometheus.Config{URL: "http://127.0.0.1:1"}).Holds(t.Context(), "up", at)
	if amend.KindOf(err) != amend.Transient || !strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(amend.Public(err), "127.0.0.1") {
		t.Errorf("nobody there: %v; everybody is told %q", err, amend.Public(err))
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	p := client(t, prometheus.Config{TokenFile: file, URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t0ken" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	})})
	if _, err := p.Holds(t.Context(), "up", at); amend.KindOf(err) != amend.Invalid {
		t.Errorf("without the file: %v", err)
	}
	for token, want := range map[string]amend.Kind{"t0ken\n": "", "other": amend.Refused} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Holds(t.Context(), "up", at); amend.KindOf(err) != want || err != nil && strings.Contains(err.Error(), "other") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// An answer without end is read to a bound only.
func TestAnswerIsBounded(t *testing.T) {
	p := client(t, prometheus.Config{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[`)
		for range 1 << 10 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
		t.Error("64 MiB were read")
	})})
	if _, err := p.Holds(t.Context(), "up", at); err == nil {
		t.Error("half an answer is an answer")
	}
}

func TestNewRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []prometheus.Config{
		{}, {URL: "prometheus:9090"}, {URL: "http://ada:hunter2@prometheus:9090"}, {URL: "http://prometheus:9090/?a=b"},
		{URL: "https://prometheus:9090", CAFile: empty}, {URL: "https://prometheus:9090", CAFile: empty + "x"},
	} {
		if _, err := prometheus.New(cfg); amend.KindOf(err) != amend.Invalid || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
