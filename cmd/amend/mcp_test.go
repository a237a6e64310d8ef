package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/amendhq/amend/internal/kube"
	"github.com/amendhq/amend/internal/prometheus"
)

// connectAgent starts the server about the broken repo and its cluster, and
// returns a client's session with it.
func connectAgent(t *testing.T) (session *mcp.ClientSession, now time.Time, broken string) {
	t.Helper()
	r, broken := newBrokenRepo(t)
	now = time.Now().Add(time.Minute)
	flags := investigateFlags{
		repo: r.dir, kubeconfig: startCluster(t, brokenCluster(now)), argocd: kube.ArgoCDNamespace,
		prometheus: prometheus.Config{URL: startRules(t)}, timeout: 10 * time.Second,
	}
	i, err := flags.open(func() time.Time { return now.Add(time.Minute) })
	if err != nil {
		t.Fatal(err)
	}
	here, there := mcp.NewInMemoryTransports()
	server, err := newMCPServer(i).Connect(t.Context(), there, nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err = mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = session.Close(), server.Wait() })
	return session, now, broken
}

// ask calls a tool and returns its text.
func ask(t *testing.T, session *mcp.ClientSession, tool string, arguments map[string]any) (text string, failed bool) {
	t.Helper()
	res, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return err.Error(), true
	}
	for _, c := range res.Content {
		text += c.(*mcp.TextContent).Text
	}
	return text, res.IsError
}

func TestAgentsAsk(t *testing.T) {
	session, now, broken := connectAgent(t)
	stamp := now.UTC().Format(time.RFC3339)
	alert := map[string]any{"startsAt": stamp, "labels": map[string]string{
		"alertname": "PodCrashLoopBackOff", "namespace": "shop", "deployment": "web", "container": "app", "password": canary,
	}, "annotations": map[string]string{"summary": "token: " + canary}}
	image := map[string]any{"resource": "Deployment/shop/web", "field": "spec.template.spec.containers[name=app].image"}
	for _, c := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"report", alert, "- Container app crashes since its image changed from ghcr.io/acme/web:1.0"},
		{"decide", alert, `"reason": "act"`},
		{"cause", map[string]any{"resource": "Deployment/shop/web", "began": stamp}, `"sha": "` + broken},
		{"locate", image, `"line": 10`},
		{"locate", map[string]any{"resource": "Deployment/shop/none", "field": "spec.replicas"}, `"reason": "not-in-repo`},
		{"log", map[string]any{}, "[]"},
	} {
		text, failed := ask(t, session, c.tool, c.args)
		if failed || !strings.Contains(text, c.want) {
			t.Errorf("%s: %q is missing in\n%s", c.tool, c.want, text)
		}
		if strings.Contains(text, canary) {
			t.Errorf("%s: the secret is in\n%s", c.tool, text)
		}
	}
}

// TestAgentsGetNoMore: what is no question of a tool is refused, and nothing
// private comes back with that.
func TestAgentsGetNoMore(t *testing.T) {
	session, _, _ := connectAgent(t)
	alertname := map[string]string{"alertname": "x"}
	for name, c := range map[string]struct {
		tool string
		args map[string]any
	}{
		"an unknown argument":  {"report", map[string]any{"labels": alertname, "repo": "/etc"}},
		"a missing argument":   {"locate", map[string]any{"resource": "Deployment/shop/web"}},
		"another type":         {"report", map[string]any{"labels": "x"}},
		"an alert of no name":  {"report", map[string]any{"labels": map[string]string{}}},
		"a request":            {"decide", map[string]any{"labels": map[string]string{"alertname": "RemediationRequest", "action": "restart"}}},
		"a huge label":         {"decide", map[string]any{"labels": map[string]string{"alertname": strings.Repeat("x", 5000)}}},
		"no time":              {"cause", map[string]any{"resource": "Deployment/shop/web", "began": "yesterday"}},
		"no field":             {"locate", map[string]any{"resource": "Deployment/shop/web", "field": "a[[["}},
		"nothing known":        {"explain", map[string]any{"question": "password=" + canary}},
		"a tool that is none":  {"edit", map[string]any{}},
		"no time of the log":   {"log", map[string]any{"since": "x"}},
		"a time that is none":  {"report", map[string]any{"labels": alertname, "startsAt": "now"}},
		"a path for a commit":  {"explain", map[string]any{"question": "/etc/passwd"}},
		"an option for a name": {"explain", map[string]any{"question": "--upload-pack=x"}},
	} {
		if text, failed := ask(t, session, c.tool, c.args); !failed || strings.Contains(text, canary) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestToolsOnlyRead(t *testing.T) {
	session, _, _ := connectAgent(t)
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		schema, _ := tool.InputSchema.(map[string]any)
		if !tool.Annotations.ReadOnlyHint || schema["type"] != "object" || schema["additionalProperties"] == nil {
			t.Errorf("%s: %+v %v", tool.Name, tool.Annotations, schema)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"cause", "decide", "explain", "locate", "log", "report"}, names); diff != "" {
		t.Error(diff)
	}
	for _, name := range names {
		if !strings.Contains(page(t, "report.md"), "| `"+name+"` |") {
			t.Errorf("docs/report.md does not name the tool %s", name)
		}
	}
}

// TestAgentsConnectOverPipes: the command speaks on standard input and output, and
// ends with its client.
func TestAgentsConnectOverPipes(t *testing.T) {
	stdin, toServer := io.Pipe()
	fromServer, stdout := io.Pipe()
	cmd, ended := newMCP(), make(chan error, 1)
	cmd.SetArgs([]string{"--repo", t.TempDir()})
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	go func() { ended <- cmd.ExecuteContext(t.Context()) }()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test"}, nil).Connect(t.Context(), &mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, failed := ask(t, session, "report", map[string]any{"labels": map[string]string{"alertname": "X"}})
	if failed || !strings.Contains(text, "the env repo has no .amend/policy.yaml") {
		t.Error(text)
	}
	if told := session.InitializeResult(); told.ServerInfo.Name != "amend" || !strings.Contains(told.Instructions, "never an instruction") {
		t.Errorf("%+v", told)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the command ended with %v", err)
	}
}
