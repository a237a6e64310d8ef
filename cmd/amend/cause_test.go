package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/pflag"

	"github.com/amendhq/amend/internal/cli"
)

// TestCausePage: the page names every flag and shows what the tested script
// prints.
func TestCausePage(t *testing.T) {
	text := page(t, "cause.md")
	newCause().Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(text, "`--"+f.Name+"`") && f.Name != "help" && f.Name != "repo" && f.Name != "output" && !strings.Contains(f.Usage, "with --cluster") {
			t.Errorf("the page does not name --%s", f.Name)
		}
	})
	script, err := txtar.ParseFile("testdata/script/cause.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range script.Files {
		if f.Name == "named.txt" && !strings.Contains(text, string(f.Data)) {
			t.Errorf("the page does not show what is printed:\n%s", f.Data)
		}
	}
}

// TestCauseAsksTheCluster: the Application of a Pod is as the repo declared it
// then, though the live one is as it is now, and its history says what was
// deployed when.
func TestCauseAsksTheCluster(t *testing.T) {
	dir := t.TempDir()
	commit := func(at string, files map[string]string) string {
		writeFiles(t, dir, files)
		sha := ""
		for _, args := range [][]string{{"add", "."}, {"commit", "-qm", "at " + at}, {"rev-parse", "HEAD"}} {
			cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
			cmd.Env = append(cmd.Environ(), "GIT_COMMITTER_DATE="+at)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %v\n%s", args, err, out)
			}
			sha = strings.TrimSpace(string(out))
		}
		return sha
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", "-b", "main", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first := commit("2026-02-20T09:00:00Z", clusterRepo)
	commit("2026-03-01T09:50:00Z", map[string]string{"root/web.yaml": strings.Replace(clusterRepo["root/web.yaml"], "app:1.1", "app:1.2", 1)})
	api := clusterAPI("1.2")
	const apps = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
	api[apps] = strings.Replace(api[apps], `"status":{"resources":[{"group":"apps"`,
		`"status":{"history":[{"revision":"`+first+`","deployedAt":"2026-02-20T09:05:00Z"},{"revision":"`+first+`","deployedAt":"2026-03-01T09:56:00Z"}],"resources":[{"group":"apps"`, 1)
	var stdout, stderr bytes.Buffer
	code := run([]string{"cause", "--repo", dir, "--cluster", "--kubeconfig", startCluster(t, api), "--resource", "Pod/shop/web-5d-x", "--since", "2026-03-01T10:00:00Z"}, &stdout, &stderr)
	for _, want := range []string{
		"image of apps/Deployment/shop/web from registry.example.com/app:1.1 to registry.example.com/app:1.2: confidence 94%.",
		"  Argo CD deployed it at 2026-03-01T09:56:00Z, 4m before the trouble began.", "  It came with other settings of the Application.",
	} {
		if !strings.Contains(stdout.String(), want) || code != cli.ExitOK {
			t.Errorf("exit code %d, without %q:\n%s%s", code, want, &stdout, &stderr)
		}
	}
}
