package amend_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the structure of the house: for each package, the packages of
// this module that it may know. What is not listed here may import the root
// only. Commands wire everything and are free.
var mayImport = map[string][]string{
	"":                       {}, // the root: the standard library only
	"internal/alertmanager":  {"internal/secret"},
	"internal/argocd":        {"internal/secret"},
	"internal/approval":      {"internal/message"},
	"internal/audit":         {"internal/cache", "internal/ledger", "internal/manifest", "internal/message", "internal/tree"},
	"internal/bus":           {"internal/alert", "internal/cache", "internal/lock"},
	"internal/cli":           {"internal/atomicfile"},
	"internal/cause":         {"internal/locate", "internal/mask"},
	"internal/daemon":        {"internal/cli"},
	"internal/elastic":       {"internal/secret"},
	"internal/escalation":    {"internal/approval", "internal/message"},
	"internal/eventsource":   {"internal/alert", "internal/secret"},
	"internal/gateway":       {"internal/alert", "internal/cache", "internal/secret", "internal/sender"},
	"internal/ledger":        {"internal/message"},
	"internal/ledger/gitlog": {"internal/ledger"},
	"internal/locate":        {"internal/appset", "internal/cache", "internal/helm", "internal/jsonnet", "internal/manifest", "internal/spelling", "internal/tree"},
	"internal/git":           {"internal/atomicfile", "internal/cache", "internal/lock", "internal/tree"},
	"internal/github":        {"internal/cache", "internal/secret"},
	"internal/model":         {"internal/secret"},
	"internal/page":          {"internal/ledger", "internal/thread"},
	"internal/mail":          {"internal/approval", "internal/message", "internal/secret"},
	"internal/notify":        {"internal/approval", "internal/secret"},
	"internal/oncall":        {"internal/approval", "internal/message", "internal/secret"},
	"internal/pagerduty":     {"internal/approval", "internal/message", "internal/secret"},
	"internal/pipeline":      {"actions", "internal/cache", "internal/cause", "internal/locate", "internal/manifest", "internal/policy", "internal/tree"},
	"internal/policy":        {"internal/spelling"},
	"internal/prometheus":    {"internal/secret"},
	"internal/report":        {"internal/mask", "internal/message"},
	"internal/replay":        {"internal/message", "internal/pipeline", "internal/policy", "internal/tree"},
	"internal/slack":         {"internal/approval", "internal/message", "internal/secret"},
	"internal/sns":           {"internal/approval", "internal/message", "internal/secret"},
	"internal/thread":        {"internal/ledger", "internal/message"},
	"internal/sender":        {"internal/alert", "internal/cache", "internal/secret"},
	"internal/writer":        {"internal/codeowners", "internal/ledger", "internal/message", "internal/pipeline", "internal/report", "internal/tree"},
	"internal/writerapi":     {"internal/cache", "internal/secret"},
	"internal/forge":         {"internal/forge/runs", "internal/forge/store"},
	"internal/forge/runs":    {"internal/forge/store"},
	"internal/forge/store":   {"internal/atomicfile"},

	// The steps of Workflows and the intake of alerts wire what they use, as commands do.
	"internal/intake": {"internal/alert", "internal/cli", "internal/daemon", "internal/eventsource", "internal/gateway", "internal/kube", "internal/sender",
		"internal/tracing"},
	"internal/steps": {"internal/alert", "internal/alertmanager", "internal/cli", "internal/kube", "internal/message", "internal/prometheus",
		"internal/tracing", "internal/verify", "internal/writerapi"},

	// For tests.
	"internal/forge/forgetest":     {"internal/forge/store"},
	"internal/audit/audittest":     {"internal/audit", "internal/ledger"},
	"internal/jsonnet/jsonnettest": {"internal/jsonnet"},
}

// onlyIn says which packages may touch a module, so that leaving it costs one
// package. Tests may use any.
var onlyIn = map[string][]string{
	"go.opentelemetry.io/":                 {"internal/tracing"},
	"github.com/google/go-github/":         {"internal/github"},
	"github.com/elastic/":                  {"internal/elastic"},
	"github.com/google/go-jsonnet":         {"internal/jsonnet"},
	"github.com/bradleyfalzon/":            {"internal/github"},
	"github.com/hmarr/codeowners":          {"internal/codeowners"},
	"github.com/go-git/":                   {"internal/git"},
	"github.com/nats-io/":                  {"internal/bus"},
	"sigs.k8s.io/kustomize/":               {"internal/locate"},
	"helm.sh/helm/":                        {"internal/helm"},
	"github.com/Masterminds/":              {"internal/appset", "internal/helm"},
	"k8s.io/client-go/":                    {"internal/kube"},
	"github.com/aws/":                      {"internal/sns"},
	"github.com/slack-go/":                 {"internal/slack"},
	"github.com/wneessen/go-mail":          {"internal/mail"},
	"github.com/PagerDuty/":                {"internal/pagerduty"},
	"github.com/prometheus/alertmanager/":  {"internal/policy"},
	"github.com/google/cel-go":             {"internal/policy"},
	"github.com/robfig/cron/":              {"internal/policy"},
	"github.com/spf13/cobra":               {"cmd/amend", "cmd/forge", "internal/cli", "internal/daemon", "internal/intake", "internal/steps"},
	"github.com/modelcontextprotocol/":     {"cmd/amend"},
	"github.com/amendhq/amend/internal/fo": {"cmd/forge", "internal/forge", "internal/forge/forgetest", "internal/forge/runs", "internal/forge/store"},

	// Nobody else talks HTTP, starts a program or fills in a template: what decides
	// about an alert and writes the texts about it does none of that.
	"net/http": {"cmd/amend", "cmd/forge", "internal/alertmanager", "internal/argocd", "internal/daemon", "internal/elastic", "internal/eventsource", "internal/forge", "internal/gateway",
		"internal/git", "internal/github", "internal/intake", "internal/kube", "internal/model", "internal/notify", "internal/oncall", "internal/openapi", "internal/pagerduty", "internal/prometheus", "internal/page", "internal/sender", "internal/slack", "internal/slack/slacktest", "internal/tracing", "internal/writerapi"},
	"os/exec":       {"internal/forge", "internal/forge/forgetest", "internal/forge/runs", "internal/forge/store", "internal/jsonnet", "internal/ledger/gitlog"},
	"text/template": {"internal/appset", "internal/helm"},
	"html/template": {"internal/page"},
}

// smallPrograms are those of which a cluster runs many at once, with all of this module
// that each may link: what it holds costs memory in every pod, and time at every start.
var smallPrograms = map[string][]string{
	"amend-step": {"internal/alert", "internal/alertmanager", "internal/atomicfile", "internal/cache", "internal/cli", "internal/kube", "internal/message",
		"internal/prometheus", "internal/secret", "internal/steps", "internal/tracing", "internal/verify", "internal/writerapi"},
	"amend-gateway": {"internal/alert", "internal/atomicfile", "internal/cache", "internal/cli", "internal/daemon", "internal/eventsource", "internal/gateway",
		"internal/intake", "internal/kube", "internal/secret", "internal/sender", "internal/tracing"},
}

// tooMuch is what others may not bring into them.
var tooMuch = []string{
	"github.com/aws/", "github.com/elastic/", "github.com/go-git/", "github.com/google/cel-go", "github.com/google/go-github/",
	"github.com/google/go-jsonnet", "github.com/modelcontextprotocol/", "github.com/nats-io/", "github.com/prometheus/alertmanager/",
	"github.com/slack-go/", "helm.sh/helm/", "k8s.io/client-go/dynamic", "k8s.io/client-go/informers", "k8s.io/client-go/kubernetes",
	"k8s.io/kube-openapi/", "sigs.k8s.io/kustomize/",
}

const module = "github.com/amendhq/amend"

func TestImportsFollowTheStructure(t *testing.T) {
	all := imports(t)
	for pkg, allowed := range mayImport {
		for _, own := range allowed {
			if !slices.Contains(all[pkg], module+"/"+own) {
				t.Errorf("%s does not import %s any more; take it out of mayImport", pkg, own)
			}
		}
	}
	for pkg, imports := range all {
		if strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		for _, i := range imports {
			own, inside := strings.CutPrefix(i, module)
			own = strings.TrimPrefix(own, "/")
			switch {
			case inside && own != "" && !slices.Contains(mayImport[pkg], own):
				t.Errorf("%s imports %s; if that is meant, say so in mayImport and in docs/architecture.md", pkg, own)
			case pkg == "" && strings.Contains(i, "."):
				t.Errorf("the root package imports %s; it may import the standard library only", i)
			}
		}
	}
}

func TestModulesStayBehindTheirPackage(t *testing.T) {
	for pkg, imports := range imports(t) {
		for _, i := range imports {
			for prefix, owners := range onlyIn {
				if strings.HasPrefix(i, prefix) && !slices.Contains(owners, pkg) {
					t.Errorf("%s imports %s, which only %s may", pkg, i, strings.Join(owners, " and "))
				}
			}
		}
	}
}

func TestSmallProgramsStaySmall(t *testing.T) {
	for program, own := range smallPrograms {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/"+program).Output()
		if err != nil {
			t.Fatal(err)
		}
		for pkg := range strings.Lines(string(out)) {
			pkg = strings.TrimSpace(pkg)
			inside, ours := strings.CutPrefix(pkg, module+"/")
			if ours && inside != "cmd/"+program && !slices.Contains(own, inside) {
				t.Errorf("%s links %s, and a cluster runs many of it; if that is meant, say so in smallPrograms", program, pkg)
			}
			for _, prefix := range tooMuch {
				if strings.HasPrefix(pkg, prefix) {
					t.Errorf("%s links %s, which is too much for a program of which a cluster runs many", program, pkg)
				}
			}
		}
	}
}

// imports lists what each package of the module imports, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		all[strings.TrimPrefix(strings.TrimPrefix(f[0], module), "/")] = f[1:]
	}
	if len(all) < 10 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}
