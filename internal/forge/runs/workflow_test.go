package runs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTriggers(t *testing.T) {
	for on, want := range map[string]bool{
		"on: repository_dispatch":                         true,
		"on: [push, repository_dispatch]":                 true,
		"on: {repository_dispatch: }":                     true,
		"on: {repository_dispatch: {types: record}}":      true,
		"on: {repository_dispatch: {types: [x, record]}}": true,
		"on: {repository_dispatch: {types: [x]}}":         false,
		"on: push": false,
		"on: {push: {branches: [main]}, workflow_dispatch: {}}": false,
		"on: {schedule: [{cron: '0 * * * *'}]}":                 false,
		"name: no trigger":                                      false,
	} {
		w, err := parseWorkflow("w.yml", []byte(on))
		if err != nil || w.On.matches("record") != want {
			t.Errorf("%s: %v, %v", on, w, err)
		}
	}
}

func TestGroup(t *testing.T) {
	event := Event{Repo: "acme/env", Branch: "main", Type: "record", Payload: json.RawMessage(`{"r":{"id":"X","n":1}}`)}
	for group, want := range map[string]string{
		"plain": "plain",
		"Rec-${{ github.ref }}-${{github.event.action}}": "rec-refs/heads/main-record",
		"${{ github.event.client_payload.r.id }}":        "x",
		"${{ github.event.client_payload.none }}":        "",
		"${{ github.event.client_payload.r.n }}":         "!no string",
		"${{ inputs.x || 'y' }}":                         "!not supported",
	} {
		w := workflow{Name: "w", Concurrency: &concurrency{Group: group}}
		got, err := w.group(event)
		if wrong, ok := strings.CutPrefix(want, "!"); ok {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %q, %v", group, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", group, got, err, want)
		}
	}
}

func TestScopes(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"jobs: {a: {}}": {"metadata": "read", "contents": "read"},
		"permissions: {contents: write}\njobs: {a: {}}":                     {"metadata": "read", "contents": "write"},
		"permissions: {}\njobs: {a: {}}":                                    {"metadata": "read"},
		"permissions: {contents: none}\njobs: {a: {}}":                      {"metadata": "read"},
		"permissions: {}\njobs: {a: {permissions: {pull-requests: write}}}": {"metadata": "read", "pull_requests": "write"},
	} {
		w, err := parseWorkflow("w.yml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, w.scopes()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestBeyondThisHost(t *testing.T) {
	for _, text := range []string{
		"on: repository_dispatch\njobs: {a: {concurrency: x}}",
		"on: repository_dispatch\nconcurrency: {group: x, queue: max, cancel-in-progress: true}",
		"on: repository_dispatch\nconcurrency: {group: x, cancel-in-progress: '${{ github.ref }}'}",
		"on: repository_dispatch\npermissions: all",
	} {
		w, err := parseWorkflow("w.yml", []byte(text))
		if err == nil {
			err = w.check()
		}
		if err == nil {
			t.Errorf("accepted %s", text)
		}
	}
}

func FuzzParseWorkflow(f *testing.F) {
	f.Add([]byte("on: {repository_dispatch: {types: [x]}}\nconcurrency: {group: a}\npermissions: read-all\njobs: {a: {}}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		w, err := parseWorkflow("w.yml", content)
		if err != nil {
			return
		}
		w.scopes()
		if w.On.matches("x") && !w.On.dispatch {
			t.Error("a workflow without the event matches it")
		}
		if _, err := forRunner(content); err != nil {
			t.Errorf("a readable file cannot be written: %v", err)
		}
	})
}
