package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/bench/report"
)

// The storm, and its aims.
const (
	stormAlerts  = 10_000
	stormApps    = 10
	stormAnswer  = 300 * time.Millisecond
	stormMemory  = 64 << 20
	stormDecided = 10 * time.Second
)

// benchStorm measures posts with very many alerts.
func benchStorm(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "A storm of alerts"
	s.Text = `One post of Alertmanager with up to 10,000 alerts about 10 applications, each alert
different, to "amend serve" with an env repo of 1,000 files. The answer means that all of
them are on disk. *Decided* means that every single one has its decision in the metrics.
Nothing is measured beside it; what the EventSource does with such a post is under "Taking
alerts in".`
	w, err := contended(ctx, b)
	if err != nil {
		return err
	}
	plot := report.Plot{Title: "One post, by how many alerts it has", X: "alerts", Y: "ms"}
	for i, n := range []int{10, 100, 1000, stormAlerts} {
		m, err := w.storm(ctx, n, 1+i*stormApps)
		if err != nil {
			return fmt.Errorf("%d alerts: %w", n, err)
		}
		m.rows(s, n)
		plot.Add("answered", float64(n), ms(m.answered))
		plot.Add("all decided", float64(n), ms(m.decided))
	}
	s.Plots = append(s.Plots, plot)
	return w.close()
}

// A storming is what one post has cost.
type storming struct {
	bytes             int
	answered, decided time.Duration
	// The memory before, until the answer and until all is decided.
	idle, taken, whole int64
}

// storm sends n alerts about the apps from the first on, and checks that each
// alert is decided and each app fixed once.
func (w *world) storm(ctx context.Context, n, first int) (m storming, err error) {
	decided, err := w.decisions(ctx)
	if err != nil {
		return m, err
	}
	body, err := stormBody(n, first)
	if err != nil {
		return m, err
	}
	m.bytes = len(body)
	if err := forgetPeak(w.serve.pid); err != nil {
		return m, err
	}
	if m.idle, err = peakOf(w.serve.pid); err != nil {
		return m, err
	}
	before := w.tip()
	start := time.Now()
	if err := w.postBody(ctx, body); err != nil {
		return m, err
	}
	m.answered = time.Since(start)
	if m.taken, err = peakOf(w.serve.pid); err != nil {
		return m, err
	}
	err = until(ctx, "all alerts are decided", func() (bool, error) {
		time.Sleep(5 * time.Millisecond) // the metrics are not free
		now, err := w.decisions(ctx)
		return now-decided >= n, err
	})
	if err != nil {
		return m, err
	}
	m.decided = time.Since(start)
	if m.whole, err = peakOf(w.serve.pid); err != nil {
		return m, err
	}
	return m, w.checkFixes(ctx, before, apps(first, stormApps))
}

func (m storming) rows(s *report.Section, n int) {
	if n < stormAlerts {
		s.Note(fmt.Sprintf("one post of %d alerts, %.1f MB", n, mb(int64(m.bytes))), fmt.Sprintf("%.0f ms to the answer, all decided in %.2f s", ms(m.answered), m.decided.Seconds()))
		return
	}
	s.Add("answer to one post of 10,000 alerts", fmt.Sprintf("%.0f ms (of %.1f MB)", ms(m.answered), mb(int64(m.bytes))), "< 300 ms", m.answered < stormAnswer)
	s.Add("memory above idle, until the answer", fmt.Sprintf("%.0f MB", mb(m.taken-m.idle)), "≤ 64 MB", m.taken-m.idle <= stormMemory)
	s.Note("memory above idle, until all are decided", fmt.Sprintf("%.0f MB of %.0f MB in all", mb(m.whole-m.idle), mb(m.whole)))
	s.Add("all 10,000 decided", fmt.Sprintf("%.1f s", m.decided.Seconds()), "≤ 10 s", m.decided <= stormDecided)
	s.Add("commits for the 10 applications of a storm", fmt.Sprint(stormApps), "≤ 10, one each", true)
}

// stormBody is the post: each alert has a label of its own that tells it from
// the others, and all of one application ask for the same change.
func stormBody(n, first int) ([]byte, error) {
	alerts := make([]amend.Alert, n)
	for i := range alerts {
		alerts[i] = outOfMemory(first + i%stormApps)
		alerts[i].Labels["customer"] = strconv.Itoa(i)
		alerts[i].Annotations = map[string]string{
			"summary": "A request was killed for want of memory", "runbook_url": "https://runbooks.example.com/memory",
		}
	}
	return webhook(alerts)
}

// postBody sends one post, which must be accepted.
func (w *world) postBody(ctx context.Context, body []byte) error {
	status, text, err := postTo(ctx, "http://"+w.serve.addr+"/v1/alertmanager", body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the gateway answers %d: %s", status, text)
	}
	return err
}

// postTo sends one post and returns its answer.
func postTo(ctx context.Context, url string, body []byte) (status int, text []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

var decisionsMetric = regexp.MustCompile(`(?m)^amend_decisions_total\{[^}]*\} (\S+)$`)

// decisions returns how many decisions amend has counted.
func (w *world) decisions(ctx context.Context) (int, error) {
	text, err := getFrom(ctx, "http://"+w.serve.addr+"/metrics")
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, m := range decisionsMetric.FindAllSubmatch(text, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return int(total), nil
}

// getFrom returns what is at an address.
func getFrom(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, res.Status)
	}
	return text, err
}
