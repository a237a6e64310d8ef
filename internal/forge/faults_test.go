package forge_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/forge"
)

// get reads main once, on a connection of its own.
func (b *bench) get(ctx context.Context) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/api/v3/repos/acme/env/git/ref/heads/main", nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

func (b *bench) fault(f forge.Fault) {
	b.t.Helper()
	b.server.ClearFaults()
	if err := b.server.AddFault(f); err != nil {
		b.t.Fatal(err)
	}
}

func TestFaultStatus(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(map[string]string{"a": "1\n"})
	for _, f := range []forge.Fault{
		{Status: 500}, {Status: 502}, {Status: 503}, {Status: 409}, {Status: 422, Message: "Update is not a fast forward"},
		{Status: 429, RetryAfter: "7"}, {Status: 403, RetryAfter: "7"}, {Status: 403, RateLimited: true},
	} {
		f.Action, f.Method, f.Path, f.Skip, f.Times = forge.FaultStatus, "GET", "/git/ref/", 1, 1
		b.fault(f)
		var got []int
		var failed *http.Response
		for range 3 {
			res, _, err := b.get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, res.StatusCode)
			if res.StatusCode >= 400 {
				failed = res
			}
		}
		if failed == nil || got[0] != 200 || got[1] != f.Status || got[2] != 200 {
			t.Errorf("%+v: statuses %v", f, got)
			continue
		}
		if failed.Header.Get("Retry-After") != f.RetryAfter || (failed.Header.Get("X-Ratelimit-Remaining") == "0") != f.RateLimited {
			t.Errorf("%+v: headers %v", f, failed.Header)
		}
	}
}

func TestFaultBeforeAndAfterTheWrite(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	for _, test := range []struct {
		action string
		done   bool
	}{{forge.FaultDropBefore, false}, {forge.FaultDropAfter, true}, {forge.FaultTruncate, true}} {
		b.fault(forge.Fault{Action: test.action, Method: "POST", Path: "/git/refs$", Times: 1})
		branch := "b-" + test.action
		if _, _, err := b.client.Git.CreateRef(t.Context(), "acme", "env", ref(branch, first)); err == nil {
			t.Errorf("%s: the call was answered", test.action)
		}
		_, _, err := b.client.Git.GetRef(t.Context(), "acme", "env", "heads/"+branch)
		if (err == nil) != test.done {
			t.Errorf("%s: reading the branch afterwards: %v", test.action, err)
		}
	}
}

func TestFaultStaleRead(t *testing.T) {
	b := newBench(t, forge.Config{})
	first := b.withFiles(map[string]string{"a": "1\n"})
	b.fault(forge.Fault{Action: forge.FaultStale, Path: "/heads/main$", Times: 2})
	if got := b.head("main"); got != first {
		t.Errorf("a branch that never moved reads %s", got)
	}
	second := b.commit(first, "a", "2\n")
	if _, _, err := b.client.Git.UpdateRef(t.Context(), "acme", "env", ref("main", second), false); err != nil {
		t.Fatal(err)
	}
	if a, b := b.head("main"), b.head("main"); a != first || b != second {
		t.Errorf("read %s and then %s", a, b)
	}
}

func TestFaultHangAndDelay(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(map[string]string{"a": "1\n"})
	b.fault(forge.Fault{Action: forge.FaultHang})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := b.get(ctx); err == nil {
		t.Error("the call was answered")
	}
	b.fault(forge.Fault{Action: forge.FaultDelay, DelayMS: 1})
	if res, _, err := b.get(t.Context()); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("after the delay: %v, %v", res, err)
	}
}

func TestFaultProbabilityRepeats(t *testing.T) {
	b := newBench(t, forge.Config{})
	b.withFiles(map[string]string{"a": "1\n"})
	sequence := func() string {
		b.fault(forge.Fault{Action: forge.FaultStatus, Status: 503, Probability: 0.5, Seed: 3})
		var s strings.Builder
		for range 12 {
			res, _, err := b.get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.WriteString(res.Status[:1])
		}
		return s.String()
	}
	one, two := sequence(), sequence()
	if one != two || !strings.Contains(one, "2") || !strings.Contains(one, "5") {
		t.Errorf("the same seed gave %s and %s", one, two)
	}
}

func TestControl(t *testing.T) {
	b := newBench(t, forge.Config{Control: true})
	b.withFiles(map[string]string{"a": "1\n"})
	b.call(http.MethodDelete, "/_forge/stats", "")
	b.head("main")
	b.branch("fix", b.head("main"))
	_, body := b.call(http.MethodGet, "/_forge/stats", "")
	var stats forge.Stats
	if err := json.Unmarshal([]byte(body), &stats); err != nil {
		t.Fatal(err)
	}
	if stats.Calls["GET /repos/{owner}/{repo}/git/ref/{ref...}"] != 2 || stats.Writes != 1 {
		t.Errorf("stats are %+v", stats)
	}
	for body, want := range map[string]int{
		`{"action":"status","status":503}`: 204, `{"action":"explode"}`: 422, `{"action":"hang","path":"("}`: 422,
		`{"action":"status","status":200}`: 422, `{"acton":"hang"}`: 400,
	} {
		if res, answer := b.call(http.MethodPost, "/_forge/faults", body); res.StatusCode != want {
			t.Errorf("POST faults %s: %d %s, want %d", body, res.StatusCode, answer, want)
		}
	}
	if res, _, err := b.get(t.Context()); err != nil || res.StatusCode != 503 {
		t.Errorf("with a fault: %v, %v", res, err)
	}
	b.call(http.MethodDelete, "/_forge/faults", "")
	if res, _, err := b.get(t.Context()); err != nil || res.StatusCode != 200 {
		t.Errorf("without a fault: %v, %v", res, err)
	}
	plain := newBench(t, forge.Config{})
	if res, _ := plain.call(http.MethodPost, "/_forge/faults", `{"action":"hang"}`); res.StatusCode != http.StatusNotFound {
		t.Errorf("a forge without controls answers %s", res.Status)
	}
}
