package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/thread"
)

func TestExplain(t *testing.T) {
	r, change := newAuditedRepo(t)
	text := r.amend(cli.ExitOK, "explain", "--repo", r.dir, change[:10])
	for _, want := range []string{
		"incident  busy-ea8fb660ae, episode 1\n", "edited    apps/web.yaml:5\n", "alert Busy\n",
		"scale-replicas Deployment shop/web: Busy [" + change + "]\n", "in remediation-log.yaml\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	// docs/audit.md shows it; commits and times differ from run to run.
	_, shown, _ := strings.Cut(page(t, "audit.md"), "$ amend explain d8ed81d65a\n")
	shown, _, _ = strings.Cut(shown, "```\n")
	same := func(s string) string {
		return anySHA.ReplaceAllString(regexp.MustCompile(`(?m)^[0-9T:-]{19}Z`).ReplaceAllString(s, "TIME"), "SHA")
	}
	if diff := cmp.Diff(same(shown), same(text)); diff != "" {
		t.Errorf("-shown +printed:\n%s", diff)
	}
	var threads []thread.Thread
	if err := json.Unmarshal([]byte(r.amend(cli.ExitOK, "explain", "--repo", r.dir, "-o", "json", "busy-ea8fb660ae")), &threads); err != nil || len(threads) != 1 || threads[0].Commit != change {
		t.Errorf("%v, %+v", err, threads)
	}
	r.amend(cli.ExitRefused, "explain", "--repo", r.dir, "nothing")
	r.amend(cli.ExitInvalid, "explain", "--repo", r.dir)
}

// A server knows of events that led to nothing, and its text is text of alerts.
func TestExplainAsksTheServer(t *testing.T) {
	r, _ := newAuditedRepo(t)
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer sesame" || req.URL.Path != "/v1/decisions" {
			t.Errorf("asked %s with %q", req.URL, req.Header.Get("Authorization"))
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode([]amend.Decision{{EventID: "cafe.firing", Reason: amend.ReasonNoPlaybook, Detail: "hi\x1b[2J\nalert     faked"}})
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"explain", "--repo", r.dir, "--server", server.URL, "--server-token-file", token, "cafe"}
	if text := r.amend(cli.ExitOK, args...); !strings.Contains(text, "no-playbook: hi[2J alert faked\n") {
		t.Errorf("%q", text)
	}
	status = http.StatusUnauthorized
	r.amend(cli.ExitInvalid, args...)
	status = http.StatusBadGateway
	r.amend(cli.ExitTransient, args...)
	r.amend(cli.ExitInvalid, "explain", "--repo", r.dir, "--server", "http://jo:pw@localhost", "cafe")
}
