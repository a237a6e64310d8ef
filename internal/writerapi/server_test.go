package writerapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/writerapi"
)

// bodies has a right body for each route.
var bodies = map[string]string{
	"decide":  `{"event":"event e1"}`,
	"propose": `{"event":"event e1"}`,
	"revert":  `{"commit":"` + sha + `"}`,
	"record":  `{"commit":"` + sha + `"}`,
	"change":  `{"commit":"` + sha + `"}`,

	"verdict":    `{"state":"worked","commit":"` + sha + `","at":"2026-01-05T09:00:00Z"}`,
	"superseded": `{"commit":"` + sha + `"}`,
	"contains":   `{"revision":"` + other + `","commit":"` + sha + `"}`,
	"sweep":      `{}`,
}

// TestAnswersArriveWhole: each call reaches the writer as it was meant, and what
// the writer answers reaches the caller.
func TestAnswersArriveWhole(t *testing.T) {
	s := newSite(t)
	path, err := amend.ParseRepoPath("apps/web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.pen.decision = amend.Decision{
		EventID: "e1", Alert: "Down", Reason: amend.ReasonAct, Mode: amend.Commit, Workload: workload("shop"), DecidedAt: at,
		Plan:   &amend.Plan{Episode: 2, Edits: []amend.Edit{{Field: "spec.replicas", Target: amend.Target{Path: path, Line: 3}, New: "4"}}, Diff: "-3\n+4\n"},
		Change: &amend.Change{Kind: amend.KindCommit, Commit: sha},
	}
	s.pen.record = amend.Record{Incident: "p-1", Episode: 2, Target: "Deployment/shop/web", Commit: sha, At: at}
	s.pen.state, s.pen.contains = writerapi.Asked, true
	ctx := t.Context()
	for name, call := range map[string]func() (amend.Decision, error){
		"decide":  func() (amend.Decision, error) { return s.client.Decide(ctx, "event e1") },
		"propose": func() (amend.Decision, error) { return s.client.Propose(ctx, "event e1") },
		"revert":  func() (amend.Decision, error) { return s.client.Revert(ctx, amend.Reversal{Commit: sha}) },
		"propose to revert": func() (amend.Decision, error) {
			return s.client.Revert(ctx, amend.Reversal{Incident: "web-1", Propose: true})
		},
	} {
		got, err := call()
		if diff := cmp.Diff(s.pen.decision, got, cmp.AllowUnexported(amend.RepoPath{})); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	entry, err := s.client.Record(ctx, sha)
	if diff := cmp.Diff(writerapi.Entry{State: writerapi.Asked, Record: s.pen.record}, entry); err != nil || diff != "" {
		t.Errorf("record: %v\n%s", err, diff)
	}
	change, err := s.client.Change(ctx, sha)
	if diff := cmp.Diff(writerapi.Change{Record: s.pen.record, Repo: "https://git.example.com/acme/env", Trace: "trace of " + s.pen.record.Commit, Check: amend.Check{After: time.Minute, Probe: "up", OnFailure: amend.Keep}}, change); err != nil || diff != "" {
		t.Errorf("change: %v\n%s", err, diff)
	}
	back, err := s.client.Change(ctx, revert)
	change.Reverts = true
	if diff := cmp.Diff(change, back); err != nil || diff != "" {
		t.Errorf("what a revert took back: %v\n%s", err, diff)
	}
	if by, err := s.client.Superseded(ctx, sha); err != nil || by != (amend.Successor{Commit: other, Reverts: true}) {
		t.Errorf("superseded: %+v, %v", by, err)
	}
	if r, err := s.client.Judge(ctx, amend.Verdict{State: amend.Failed, Commit: sha, Detail: "it still fires", At: at}); err != nil || r != s.pen.record {
		t.Errorf("judge: %+v, %v", r, err)
	}
	if ok, err := s.client.Contains(ctx, other, sha); err != nil || !ok {
		t.Errorf("contains: %v, %v", ok, err)
	}
	if err := s.client.Sweep(ctx); err != nil {
		t.Errorf("sweep: %v", err)
	}
	want := []string{
		"change " + sha, "change " + sha, "change " + sha, "check " + sha, "contains " + other + " " + sha, "handle e1", "judge " + sha + " failed it still fires",
		"preview e1", "record " + sha, "revert " + sha + " 09:00:00", "revert web-1 09:00:00 by pull request", "superseded " + sha, "sweep",
		"check " + s.pen.record.Commit, "taken back " + revert,
	}
	slices.Sort(want)
	slices.Sort(s.pen.calls)
	if diff := cmp.Diff(want, s.pen.calls); diff != "" {
		t.Errorf("the writer was asked (-want +got):\n%s", diff)
	}
	if len(s.observed) != 3 {
		t.Errorf("%d decisions were observed, want those of propose and revert", len(s.observed))
	}
}

// TestErrorsArriveAsTheyWere: kind and reason survive the way over HTTP.
func TestErrorsArriveAsTheyWere(t *testing.T) {
	for status, err := range map[int]error{
		http.StatusBadRequest:          amend.Errorf(amend.Invalid, "x", "wrong"),
		http.StatusForbidden:           amend.Refusef(amend.ReasonChangedSince, "it is gone"),
		http.StatusNotFound:            amend.Errorf(amend.NotFound, "x", "no such commit"),
		http.StatusConflict:            fmt.Errorf("around: %w", amend.Errorf(amend.Conflict, "x", "too late")),
		http.StatusServiceUnavailable:  amend.Errorf(amend.Transient, "x", "the host is away"),
		http.StatusInternalServerError: errors.New("a mistake"),
	} {
		s := newSite(t)
		s.pen.err = err
		for route, body := range bodies {
			code, header, answer := s.do("POST", "/v1/"+route, "Bearer of:steps", body)
			if code != status || !strings.Contains(answer, `"kind":"`+string(amend.KindOf(err))+`"`) {
				t.Errorf("%v: %s answers %d %s, want %d", err, route, code, answer, status)
			}
			if wait := header.Get("Retry-After"); (wait == "2") != (status == http.StatusServiceUnavailable) {
				t.Errorf("%v: %s says Retry-After %q", err, route, wait)
			}
		}
		_, got := s.client.Propose(t.Context(), "event e1")
		if amend.KindOf(got) != amend.KindOf(err) || amend.ReasonOf(got) != amend.ReasonOf(err) {
			t.Errorf("%v arrived as %v", err, got)
		}
		if r := string(amend.ReasonOf(err)); r != "" && strings.Count(got.Error(), r) != 1 {
			t.Errorf("%q does not say its reason once", got)
		}
		if len(s.observed) != 0 {
			t.Errorf("%v was observed as a decision", err)
		}
	}
}

func TestNobodyGetsPastTheDoor(t *testing.T) {
	s := newSite(t)
	for _, token := range []string{"", "Bearer", "Bearer ", "Basic of:steps", "Bearer for-another-audience"} {
		for route, body := range bodies {
			code, header, answer := s.do("POST", "/v1/"+route, token, body)
			if code != http.StatusUnauthorized || header.Get("WWW-Authenticate") == "" || !strings.Contains(answer, `"reason":"forbidden"`) {
				t.Errorf("%q: %s answers %d %s", token, route, code, answer)
			}
		}
	}
	if len(s.pen.calls) > 0 {
		t.Errorf("the writer was asked: %v", s.pen.calls)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if code, _, _ := s.do("GET", path, "", ""); code != http.StatusOK {
			t.Errorf("%s answers %d to a probe", path, code)
		}
	}
	if err := overwrite(s.token, "for-another-audience"); err != nil {
		t.Fatal(err)
	}
	_, err := s.client.Decide(t.Context(), "event e1")
	if amend.KindOf(err) != amend.Refused || amend.ReasonOf(err) != amend.ReasonForbidden {
		t.Errorf("the client says %v, want that it is forbidden", err)
	}
	if strings.Contains(s.log.String(), "another-audience") {
		t.Error("a token is in the log")
	}
	// When nobody can tell whose token it is, trying again later makes sense.
	s.as("steps")
	s.realm.err = amend.Errorf(amend.Transient, "review token", "the API server is away")
	if _, err := s.client.Decide(t.Context(), "event e1"); amend.KindOf(err) != amend.Transient {
		t.Errorf("with the API server away: %v", err)
	}
}

// TestForbiddenNamespace: whoever may not ask for a change gets neither the
// change nor its text.
func TestForbiddenNamespace(t *testing.T) {
	act := amend.Decision{Reason: amend.ReasonAct, Workload: workload("bank"), Plan: &amend.Plan{Diff: "secret"}, Change: &amend.Change{Commit: sha}}
	nowhere, suggested, withdrawn := act, act, act
	nowhere.Workload = workload("")
	suggested.Reason, withdrawn.Reason, withdrawn.Plan = amend.ReasonSuggested, amend.ReasonWithdrawn, nil
	for _, d := range []amend.Decision{act, nowhere, suggested, withdrawn} {
		s := newSite(t)
		s.pen.decision = d
		for route, call := range map[string]func() (amend.Decision, error){
			"decide":  func() (amend.Decision, error) { return s.client.Decide(t.Context(), "event e1") },
			"propose": func() (amend.Decision, error) { return s.client.Propose(t.Context(), "event e1") },
		} {
			got, err := call()
			if err != nil || got.Reason != amend.ReasonForbidden || got.Plan != nil || got.Change != nil {
				t.Errorf("%s of what is %s: %+v, %v", route, d.Reason, got, err)
			}
		}
		if d.Acts() && slices.Contains(s.pen.calls, "handle e1") {
			t.Error("it was carried out")
		}
	}
	s := newSite(t)
	s.pen.record, s.pen.state = amend.Record{Target: "Deployment/bank/web", Incident: "secret"}, writerapi.Recorded
	for _, route := range []string{"record", "change"} {
		if code, _, answer := s.do("POST", "/v1/"+route, "Bearer of:steps", bodies[route]); code != http.StatusForbidden || strings.Contains(answer, "secret") {
			t.Errorf("%s answers %d %s", route, code, answer)
		}
	}
	s.pen.decision = amend.Decision{Reason: amend.ReasonNoPlaybook, Alert: "Down"}
	if d, err := s.client.Decide(t.Context(), "event e1"); err != nil || d.Reason != amend.ReasonNoPlaybook {
		t.Errorf("what shows nothing needs no right: %+v, %v", d, err)
	}
}

// TestOnlyConsentIsRemembered, and for half a minute.
func TestOnlyConsentIsRemembered(t *testing.T) {
	s := newSite(t)
	s.pen.decision = amend.Decision{Reason: amend.ReasonAct, Workload: workload("shop")}
	reason := func() amend.Reason {
		t.Helper()
		d, err := s.client.Propose(t.Context(), "event e1")
		if err != nil {
			t.Fatal(err)
		}
		return d.Reason
	}
	for range 3 {
		if got := reason(); got != amend.ReasonAct || s.realm.asked != 1 {
			t.Fatalf("%s after %d questions, want one question", got, s.realm.asked)
		}
	}
	s.realm.may["steps"] = nil
	s.now = s.now.Add(29 * time.Second)
	if got := reason(); got != amend.ReasonAct {
		t.Errorf("after 29 s: %s", got)
	}
	s.now = s.now.Add(time.Second)
	for range 2 {
		if got := reason(); got != amend.ReasonForbidden {
			t.Errorf("after 30 s: %s", got)
		}
	}
	if s.realm.asked != 3 {
		t.Errorf("%d questions, want a new one for each refusal", s.realm.asked)
	}
	s.realm.may["steps"] = []string{"shop"}
	if got := reason(); got != amend.ReasonAct {
		t.Errorf("a right that was just given: %s", got)
	}
	s.as("others")
	if got := reason(); got != amend.ReasonForbidden {
		t.Errorf("somebody else's right: %s", got)
	}
}

func TestHostileBodies(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct{ route, body string }{
		"nothing":          {"propose", ""},
		"no JSON":          {"propose", "event"},
		"an array":         {"propose", "[]"},
		"null":             {"propose", "null"},
		"no event":         {"propose", "{}"},
		"not an event":     {"propose", `{"event":"e2"}`},
		"unknown field":    {"propose", `{"event":"event e1","mode":"commit"}`},
		"goes on":          {"propose", bodies["propose"] + bodies["propose"]},
		"too long":         {"propose", `{"event":"` + strings.Repeat("A", 300<<10) + `"}`},
		"deep":             {"propose", strings.Repeat("[", 100_000)},
		"short commit":     {"revert", `{"commit":"0123456"}`},
		"a branch":         {"revert", `{"commit":"main"}`},
		"a range":          {"change", `{"commit":"` + sha + `..main"}`},
		"upper case":       {"record", `{"commit":"` + strings.ToUpper(sha) + `"}`},
		"two lines":        {"record", `{"commit":"` + sha + `\n"}`},
		"no revision":      {"contains", `{"commit":"` + sha + `"}`},
		"option":           {"contains", `{"revision":"--upload-pack=x","commit":"` + sha + `"}`},
		"sweep with words": {"sweep", `{"all":true}`},
	} {
		code, _, answer := s.do("POST", "/v1/"+c.route, "Bearer of:steps", c.body)
		if code != http.StatusBadRequest || !strings.Contains(answer, `"kind":"invalid"`) {
			t.Errorf("%s: %d %s", name, code, answer)
		}
	}
	if len(s.pen.calls) > 0 {
		t.Errorf("the writer was asked: %v", s.pen.calls)
	}
	for request, want := range map[string]int{"GET /v1/propose": 405, "POST /v1/other": 404, "POST /v1/propose/": 404} {
		method, path, _ := strings.Cut(request, " ")
		if code, _, _ := s.do(method, path, "Bearer of:steps", "{}"); code != want {
			t.Errorf("%s: %d, want %d", request, code, want)
		}
	}
}

func TestRequestsAreCounted(t *testing.T) {
	s := newSite(t)
	s.do("POST", "/v1/sweep", "Bearer of:steps", "{}")
	s.do("POST", "/v1/sweep", "", "{}")
	_, _, text := s.do("GET", "/metrics", "", "")
	for _, want := range []string{
		`amend_writer_requests_total{code="200",route="sweep"} 1`,
		`amend_writer_requests_total{code="401",route="sweep"} 1`,
		`amend_writer_request_seconds_count{route="sweep"} 2`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
