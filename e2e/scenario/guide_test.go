package scenario

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestGuide follows docs/install.md as its reader does: the commands are taken
// from the page and run, and the files are edited where it says so. What it
// leaves out is what needs GitHub's own pages (the App is one of the forge) or a
// registry (the image is handed to the node), and the wait for an operator.
func TestGuide(t *testing.T) {
	w := connect(t)
	w.buildPrograms(t)
	w.startForge(t)
	g := newGuide(t, w)
	overlay := filepath.Join(g.dir, "kustomize", "overlays", "github")
	objects := w.rendered(t, overlay)
	w.claimAll(t, objects)
	w.uninstall(t, objects)
	t.Cleanup(func() { w.uninstall(t, objects) })
	w.follow(t)

	g.write(t, filepath.Join(w.env.clone, "alert.json"), `{"version":"4","status":"firing","receiver":"amend","alerts":[{"status":"firing",
		"labels":{"alertname":"WebAppHighAnomalyScore","namespace":"shop","deployment":"webapp"},"startsAt":"2026-01-05T09:00:00Z"}]}`)
	if out := g.run(t, w.env.clone, "1. The env repo"); !strings.Contains(out, "restartedAt") {
		t.Errorf("amend simulate shows no diff:\n%s", out)
	}
	g.run(t, g.dir, "4. The secrets")
	g.run(t, g.dir, "5. Install")
	w.installed(t)
	g.startAlertmanager(t, w)

	commands := g.commands(t, "8. The first pull request")
	alert, look, request, watch := commands[0], commands[1:4], commands[4], commands[5]
	g.sh(t, g.dir, alert)
	c := w.env.changed(t, "anomaly")
	w.synced(t, "shop", c.commit)
	for _, command := range look {
		out := g.sh(t, g.dir, command)
		if !strings.Contains(out, "amend-") && !strings.Contains(out, "WebAppHighAnomalyScore: act") {
			t.Errorf("%s\nshows no remediation:\n%s", command, out)
		}
	}
	g.sh(t, g.dir, request)
	eventually(t, "the request has succeeded", func() error {
		if out := g.sh(t, g.dir, strings.TrimSuffix(watch, " --watch")); !strings.Contains(out, "Succeeded") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	for _, incident := range []string{"anomaly", "asked"} {
		w.env.recorded(t, w.env.changed(t, incident).incident)
	}
	remove := regexp.MustCompile("`(kubectl delete [^`]*)`").FindStringSubmatch(g.page)
	if remove == nil {
		t.Fatal("the page does not say how to remove amend")
	}
	g.sh(t, g.dir, remove[1])
}

// A guide is the page, and what its reader has: the files of a checkout and the
// programs that it names.
type guide struct {
	page, dir, path, kubeconfig string
	replace                     *strings.Replacer
}

// kubectl is the platform's own program, or the one of whoever has the cluster.
func (w *world) kubectl(t *testing.T) string {
	t.Helper()
	if w.site.Own != nil {
		return w.site.Own.Kubectl()
	}
	path, err := exec.LookPath("kubectl")
	must(t, err)
	return path
}

func newGuide(t *testing.T, w *world) *guide {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(w.root, "docs", "install.md"))
	must(t, err)
	g := &guide{page: string(page), dir: filepath.Join(w.state, "checkout"), kubeconfig: w.site.Kubeconfig}
	for _, folder := range []string{"kustomize", "manifests", "sensors", "workflows"} {
		must(t, os.CopyFS(filepath.Join(g.dir, folder), os.DirFS(filepath.Join(w.root, folder))))
	}
	bin := filepath.Join(w.state, "path")
	must(t, os.MkdirAll(bin, 0o755))
	for name, program := range map[string]string{
		"amend": w.bin("amend"), "kubectl": w.kubectl(t), "amtool": filepath.Join(w.root, ".build", "bin", "amtool"),
	} {
		must(t, os.Symlink(program, filepath.Join(bin, name)))
	}
	g.path = bin + string(os.PathListSeparator) + os.Getenv("PATH")
	g.replace = strings.NewReplacer("http://alertmanager.example.com:9093", "http://"+w.site.Address+":9093")
	key, err := os.ReadFile(filepath.Join(w.state, "forge", "app-key.pem"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(g.dir, "your-app.private-key.pem"), key, 0o600))
	g.edit(t, w)
	return g
}

// edit makes the edits that the page asks for.
func (g *guide) edit(t *testing.T, w *world) {
	t.Helper()
	overlay := filepath.Join(g.dir, "kustomize", "overlays", "github")
	g.change(t, filepath.Join(overlay, "settings.yaml"),
		"https://github.com/OWNER/REPO", w.env.url,
		`githubAppID: "0"`, `githubAppID: "1"`,
		"http://alertmanager-operated.monitoring.svc:9093", "http://"+w.site.Address+":9093")
	g.change(t, filepath.Join(overlay, "kustomization.yaml"),
		"newTag: v0.1.0", "newName: "+w.image("amend")+"\n    newTag: dev")
	if w.site.Bus == "" { // no Prometheus Operator
		g.change(t, filepath.Join(overlay, "kustomization.yaml"), "components:\n  - ../../components/monitoring\n", "")
		return
	}
	g.change(t, filepath.Join(overlay, "kustomization.yaml"), "components/monitoring", "components/exotic-bus")
	g.change(t, filepath.Join(g.dir, "kustomize", "components", "exotic-bus", "kustomization.yaml"),
		"tls://nats.nats.svc:4222", w.site.Bus)
}

// change replaces texts in a file, each of which has to be there.
func (g *guide) change(t *testing.T, file string, oldNew ...string) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	text := string(data)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("%s does not hold %q", file, oldNew[i])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	g.write(t, file, text)
}

func (g *guide) write(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(text), 0o644))
}

// section is the text of a section of the page.
func (g *guide) section(t *testing.T, title string) string {
	t.Helper()
	_, text, ok := strings.Cut(g.page, "\n## "+title+"\n")
	if !ok {
		t.Fatalf("docs/install.md has no section %q", title)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

var block = regexp.MustCompile("(?s)```(console|yaml)\n(.*?)```")

// commands are those of a section, in order; one may go over several lines.
func (g *guide) commands(t *testing.T, title string) []string {
	t.Helper()
	var found []string
	for _, b := range block.FindAllStringSubmatch(g.section(t, title), -1) {
		if b[1] != "console" {
			continue
		}
		for _, command := range strings.Split("\n"+b[2], "\n$ ")[1:] {
			found = append(found, g.replace.Replace(strings.TrimSuffix(command, "\n")))
		}
	}
	if len(found) == 0 {
		t.Fatalf("section %q has no commands", title)
	}
	return found
}

// run runs all commands of a section and returns what they print.
func (g *guide) run(t *testing.T, dir, title string) string {
	t.Helper()
	var out strings.Builder
	for _, command := range g.commands(t, title) {
		out.WriteString(g.sh(t, dir, command))
	}
	return out.String()
}

// sh runs a command in a shell, as the reader does.
func (g *guide) sh(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+g.path, "KUBECONFIG="+g.kubeconfig)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("$ %s\n%s%v", command, out, err)
	}
	first, _, _ := strings.Cut(command, "\n")
	t.Logf("%5.1f s  $ %s", time.Since(began).Seconds(), first)
	return string(out)
}

// startAlertmanager runs Alertmanager with the configuration of the page. Only
// what the page cannot know is replaced: the address of the Service, because
// Alertmanager is not in the cluster here, and where the token is.
func (g *guide) startAlertmanager(t *testing.T, w *world) {
	t.Helper()
	config := block.FindStringSubmatch(g.section(t, "6. Alertmanager"))[2]
	for _, r := range [][2]string{
		{"route:\n", "route:\n  receiver: amend\n"},
		{"http://amend-gateway.amend.svc:8080", w.gateway},
		{"/etc/alertmanager/secrets/amend-webhook/token", filepath.Join(g.dir, "webhook-token")},
		{"group_wait: 10s", "group_wait: 1s"},
	} {
		if !strings.Contains(config, r[0]) {
			t.Fatalf("the configuration of the page does not hold %q", r[0])
		}
		config = strings.Replace(config, r[0], r[1], 1)
	}
	address := w.site.Address + ":9093"
	w.start(t, "alertmanager-guide", filepath.Join(w.root, ".build", "bin", "alertmanager"), "--config.file", w.write(t, "guide.yml", config),
		"--web.listen-address", address, "--storage.path", filepath.Join(w.state, "alertmanager-guide"), "--cluster.listen-address", "")
	w.ready(t, "alertmanager", "http://"+address+"/-/ready")
}
