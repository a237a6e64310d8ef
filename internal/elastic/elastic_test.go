package elastic_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/elastic"
)

// began is when the bucket of the tests began; it is an hour long.
var began = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func scored(score any) string { return fmt.Sprintf(bucket, began.UnixMilli(), score) }

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A server stands for Elasticsearch.
type server struct {
	mu      sync.Mutex
	code    int
	answers map[string]string // by path
	asked   []string          // request lines
	auth    []string
	block   chan struct{} // no answer before it is closed, unless nil
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked, s.auth = append(s.asked, r.URL.RequestURI()), append(s.auth, r.Header.Get("Authorization"))
	code, answer, block := s.code, s.answers[r.URL.Path], s.block
	s.mu.Unlock()
	if block != nil {
		<-block
	}
	w.Header().Set("Content-Type", "application/vnd.elasticsearch+json;compatible-with=8")
	switch {
	case code != 0:
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"error":{"type":"security_exception","reason":"hunter2"},"status":403}`)
	case answer == "":
		w.WriteHeader(http.StatusNotFound)
	default:
		_, _ = io.WriteString(w, answer)
	}
}

// RoundTrip answers without a network.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

const webappPath = "/_ml/anomaly_detectors/webapp-requests/results/buckets"

func client(t *testing.T, s *server, auth elastic.Auth) *elastic.Client {
	t.Helper()
	c, err := elastic.NewClient("https://es.example:9200", auth, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewest(t *testing.T) {
	s := &server{answers: map[string]string{webappPath: scored(94.1706)}}
	r, err := client(t, s, elastic.Auth{}).Newest(t.Context(), "webapp-requests")
	if err != nil || r.Score != 94.1706 || !r.End.Equal(began.Add(time.Hour)) {
		t.Errorf("%+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{webappPath + "?desc=true&size=1&sort=timestamp"}, s.asked); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersThatAreNoScore(t *testing.T) {
	for name, tt := range map[string]struct {
		code   int
		answer string
		want   amend.Kind
	}{
		"no such job":        {404, "", amend.NotFound},
		"no results yet":     {0, `{"count":0,"buckets":[]}`, amend.NotFound},
		"wrong credentials":  {401, "", amend.Refused},
		"not allowed":        {403, "", amend.Refused},
		"too many requests":  {429, "", amend.Transient},
		"overloaded":         {503, "", amend.Transient},
		"not understood":     {400, "", amend.Invalid},
		"a page of HTML":     {0, "<html>", amend.Invalid},
		"no score":           {0, strings.Replace(scored(1), `"anomaly_score":1,`, "", 1), amend.Invalid},
		"score is a text":    {0, scored(`"94"`), amend.Invalid},
		"score above 100":    {0, scored(100.1), amend.Invalid},
		"score below 0":      {0, scored(-1), amend.Invalid},
		"score is no number": {0, scored("NaN"), amend.Invalid},
		"no time":            {0, fmt.Sprintf(bucket, 0, 1), amend.Invalid},
		"endless":            {0, `{"buckets":[` + strings.Repeat(" ", 2<<20) + `]}`, amend.Invalid},
	} {
		s := &server{code: tt.code, answers: map[string]string{webappPath: tt.answer}}
		_, err := client(t, s, elastic.Auth{}).Newest(t.Context(), "webapp-requests")
		if amend.KindOf(err) != tt.want || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestCredentials(t *testing.T) {
	key := file(t, "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==\n")
	for auth, want := range map[elastic.Auth]string{
		{}:                "",
		{APIKeyFile: key}: "ApiKey VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==",
		{User: "amend", PasswordFile: file(t, "pass word")}: "Basic YW1lbmQ6cGFzcyB3b3Jk",
	} {
		s := &server{answers: map[string]string{webappPath: scored(1)}}
		c := client(t, s, auth)
		if _, err := c.Newest(t.Context(), "webapp-requests"); err != nil || s.auth[0] != want {
			t.Errorf("%q, %v; want %q", s.auth, err, want)
		}
	}
	s := &server{answers: map[string]string{webappPath: scored(1)}}
	c := client(t, s, elastic.Auth{APIKeyFile: key})
	if err := os.WriteFile(key, []byte("rotated"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Newest(t.Context(), "webapp-requests"); err != nil || s.auth[0] != "ApiKey rotated" {
		t.Errorf("a replaced key does not count at once: %q, %v", s.auth, err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Newest(t.Context(), "webapp-requests"); err == nil || len(s.auth) != 1 {
		t.Errorf("without the key it was asked all the same: %v", err)
	}
	for name, bad := range map[string]elastic.Auth{
		"user alone": {User: "x"}, "password alone": {PasswordFile: file(t, "x")}, "both": {APIKeyFile: file(t, "x"), User: "x", PasswordFile: file(t, "x")},
		"no file": {APIKeyFile: "/does/not/exist"}, "empty": {APIKeyFile: file(t, "\n")},
	} {
		if _, err := elastic.NewClient("https://es.example", bad, s); amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "es:9200", "ftp://es", "https://user:pass@es", "https://es?x=1", "https://"} {
		if _, err := elastic.NewClient(bad, elastic.Auth{}, s); amend.KindOf(err) != amend.Invalid {
			t.Errorf("address %q: %v", bad, err)
		}
	}
}

// bench is an exporter whose clock is that of the test's bubble.
func bench(t *testing.T, s *server) (*elastic.Exporter, *prometheus.Registry, *bytes.Buffer) {
	t.Helper()
	reg, log := prometheus.NewRegistry(), &bytes.Buffer{}
	offset := time.Until(began.Add(time.Hour))
	e, err := elastic.New(elastic.Config{
		Client: client(t, s, elastic.Auth{}), Jobs: []elastic.Job{{Label: "webapp", ID: "webapp-requests"}, {Label: "other", ID: "other"}},
		MaxAge: 30 * time.Minute, Now: func() time.Time { return time.Now().Add(offset) }, Log: slog.New(slog.NewJSONHandler(log, nil)), Registry: reg,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, reg, log
}

func want(t *testing.T, reg *prometheus.Registry, name, text string) {
	t.Helper()
	if err := testutil.GatherAndCompare(reg, strings.NewReader(text), name); err != nil {
		t.Error(err)
	}
}

const scoreHelp = "# HELP elastic_anomaly_score Score of the newest bucket of an anomaly detection job, 0 to 100.\n# TYPE elastic_anomaly_score gauge\n"

// TestScoresComeAndGo: a score is served as soon as it is known, follows the job,
// and ends when it is too old, whether the job or Elasticsearch is to blame.
func TestScoresComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string]string{webappPath: scored(12.5)}}
		e, reg, log := bench(t, s)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx, 30*time.Second) }()
		synctest.Wait()
		want(t, reg, "elastic_anomaly_score", scoreHelp+`elastic_anomaly_score{job="webapp"} 12.5`+"\n")
		want(t, reg, "elastic_errors_total", `
# HELP elastic_errors_total Reads of a job that failed, by what went wrong.
# TYPE elastic_errors_total counter
elastic_errors_total{job="other",kind="not-found"} 1
`)
		want(t, reg, "elastic_last_success_timestamp_seconds", `
# HELP elastic_last_success_timestamp_seconds When a job was last read.
# TYPE elastic_last_success_timestamp_seconds gauge
elastic_last_success_timestamp_seconds{job="webapp"} 1.7724456e+09
`)
		s.mu.Lock()
		s.answers[webappPath] = scored(91)
		s.mu.Unlock()
		time.Sleep(31 * time.Second)
		want(t, reg, "elastic_anomaly_score", scoreHelp+`elastic_anomaly_score{job="webapp"} 91`+"\n")
		s.mu.Lock()
		s.code = 503
		s.mu.Unlock()
		time.Sleep(28 * time.Minute) // the last score is still young enough
		want(t, reg, "elastic_anomaly_score", scoreHelp+`elastic_anomaly_score{job="webapp"} 91`+"\n")
		time.Sleep(2 * time.Minute)
		want(t, reg, "elastic_anomaly_score", "")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), `"job":"other"`) {
			t.Errorf("log: %.300s", log)
		}
	})
}

// TestJobThatStopped: its last bucket is read again and again, and is too old.
func TestJobThatStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string]string{webappPath: scored(91)}}
		e, reg, _ := bench(t, s)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = e.Run(ctx, time.Minute) }()
		time.Sleep(29*time.Minute + time.Second)
		want(t, reg, "elastic_anomaly_score", scoreHelp+`elastic_anomaly_score{job="webapp"} 91`+"\n")
		time.Sleep(time.Minute)
		want(t, reg, "elastic_anomaly_score", "")
	})
}

// TestScrapesDoNotWait for an Elasticsearch that does not answer.
func TestScrapesDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: map[string]string{webappPath: scored(91)}, block: make(chan struct{})}
		e, reg, _ := bench(t, s)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- e.Run(ctx, time.Minute) }()
		synctest.Wait() // it asks, and waits
		started := time.Now()
		want(t, reg, "elastic_anomaly_score", "")
		if waited := time.Since(started); waited > 0 {
			t.Errorf("the scrape waited %v", waited)
		}
		stop()
		close(s.block)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestJobs(t *testing.T) {
	c := client(t, &server{}, elastic.Auth{})
	for name, tt := range map[string]struct {
		jobs []elastic.Job
		ok   bool
	}{
		"one":         {[]elastic.Job{{"webapp", "webapp"}}, true},
		"one twice":   {[]elastic.Job{{"a", "x-1_2.y"}, {"b", "x-1_2.y"}}, true},
		"none":        {nil, false},
		"path":        {[]elastic.Job{{"a", "../../_cluster/settings"}}, false},
		"query":       {[]elastic.Job{{"a", "x?y"}}, false},
		"all":         {[]elastic.Job{{"a", "_all"}}, false},
		"upper case":  {[]elastic.Job{{"a", "WebApp"}}, false},
		"empty":       {[]elastic.Job{{"a", ""}}, false},
		"no label":    {[]elastic.Job{{"", "a"}}, false},
		"label twice": {[]elastic.Job{{"a", "b"}, {"a", "c"}}, false},
	} {
		_, err := elastic.New(elastic.Config{Client: c, Jobs: tt.jobs, Registry: prometheus.NewRegistry()})
		if (err == nil) != tt.ok || err != nil && amend.KindOf(err) != amend.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
