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

// benchStorm measures one post with very many alerts.
func benchStorm(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "A storm of alerts"
	s.Text = `One post of Alertmanager with 10,000 alerts about 10 applications, each alert
different, to "amend serve" with an env repo of 1,000 files. The answer means that all of
them are on disk. *Decided* means that every single one has its decision in the metrics.
Nothing is measured beside it.`
	w, err := contended(ctx, b)
	if err != nil {
		return err
	}
	decided, err := w.decisions(ctx)
	if err != nil {
		return err
	}
	body, err := stormBody()
	if err != nil {
		return err
	}
	if err := forgetPeak(w.serve.pid); err != nil {
		return err
	}
	idle, err := peakOf(w.serve.pid)
	if err != nil {
		return err
	}
	before := w.tip()
	start := time.Now()
	if err := w.postBody(ctx, body); err != nil {
		return err
	}
	answered := time.Since(start)
	taken, err := peakOf(w.serve.pid)
	if err != nil {
		return err
	}
	err = until(ctx, "all alerts are decided", func() (bool, error) {
		time.Sleep(20 * time.Millisecond) // the metrics are not free
		now, err := w.decisions(ctx)
		return now-decided >= stormAlerts, err
	})
	if err != nil {
		return err
	}
	all := time.Since(start)
	whole, err := peakOf(w.serve.pid)
	if err != nil {
		return err
	}
	if err := w.checkFixes(ctx, before, apps(1, stormApps)); err != nil {
		return err
	}
	s.Add("10,000 alerts in one post of "+fmt.Sprintf("%.1f MB", mb(int64(len(body)))), fmt.Sprintf("%.0f ms to the answer", ms(answered)), "< 300 ms", answered < stormAnswer)
	s.Add("memory above idle, until the answer", fmt.Sprintf("%.0f MB", mb(taken-idle)), "≤ 64 MB", taken-idle <= stormMemory)
	s.Note("memory above idle, until all are decided", fmt.Sprintf("%.0f MB of %.0f MB in all", mb(whole-idle), mb(whole)))
	s.Add("all decided", fmt.Sprintf("%.1f s", all.Seconds()), "≤ 10 s", all <= stormDecided)
	s.Add("commits for it", fmt.Sprint(stormApps), "≤ 10, one each", true)
	return w.close()
}

// stormBody is the post: each alert has a label of its own that tells it from
// the others, and all of one application ask for the same change.
func stormBody() ([]byte, error) {
	alerts := make([]amend.Alert, stormAlerts)
	for i := range alerts {
		alerts[i] = outOfMemory(1 + i%stormApps)
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.serve.addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
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
