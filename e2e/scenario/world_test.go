package scenario

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/amendhq/amend/e2e/platform"
)

// namespace is where amend is installed.
const namespace = "amend"

// A world is one installation of amend, the Git host that it writes to, and
// those who send it alerts.
type world struct {
	cluster *platform.Cluster
	site    *platform.Site
	root    string // of the repository
	build   string // programs and logs; kept between runs
	state   string // of this run's servers

	env          *envRepo
	slack        *slack
	alertmanager []string // base addresses
	prometheus   string   // base address
	metrics      *metrics
	gateway      string      // base address
	loss         *lossyProxy // before the gateway, for what Alertmanager posts
}

// connect finds the cluster. Nothing is set up yet.
func connect(t *testing.T) *world {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Skip("needs a cluster: set KUBECONFIG to what `platform up` prints")
	}
	root, err := filepath.Abs("../..")
	must(t, err)
	w := &world{root: root, build: filepath.Join(root, ".build", "e2e"), state: t.TempDir()}
	w.site, err = platform.FindSite(root, os.Getenv, slog.New(slog.DiscardHandler))
	must(t, err)
	w.cluster, err = platform.Connect(w.site.Kubeconfig)
	must(t, err)
	return w
}

// onlyOnOwn skips a test of what nobody may do to the cluster of somebody else.
func (w *world) onlyOnOwn(t *testing.T, why string) {
	t.Helper()
	if w.site.Own == nil {
		t.Skip("only on the platform's own cluster: " + why)
	}
}

// here puts this site into a text that was written for the platform's own: the
// address of this machine, the bus, and where images come from.
func (w *world) here(text string) string {
	return strings.NewReplacer("tls://10.88.0.1:4222", w.site.Bus, "10.88.0.1", w.site.Address, "amend.local/", w.site.Images+"/").Replace(text)
}

// image is the name of an image that is there for tests.
func (w *world) image(name string) string { return w.site.Images + "/" + name }

// buildPrograms builds amend and forge from the sources of the checkout, and
// hands the node the image that make image makes. On a cluster of somebody
// else's make e2e-images has pushed it.
func (w *world) buildPrograms(t *testing.T) {
	t.Helper()
	must(t, os.MkdirAll(w.logs(), 0o755))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", w.bin("")+"/", "./cmd/...")
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building amend: %v\n%s", err, out)
	}
	if w.site.Own == nil {
		return
	}
	cmd = exec.CommandContext(t.Context(), "make", "-C", w.root, "image", "IMAGE="+w.image("amend:dev"), "ARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the image: %v\n%s", err, out)
	}
	must(t, w.site.Own.Import(t.Context(), w.archive()))
}

// archive is where make image puts its result.
func (w *world) archive() string { return filepath.Join(w.root, ".build", "image", "amend.tar") }

func (w *world) bin(name string) string { return filepath.Join(w.build, "bin", name) }
func (w *world) logs() string           { return filepath.Join(w.build, "log") }

// start runs a server until the test ends, with its output in a log file.
func (w *world) start(t *testing.T, name, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(w.logs(), name+".log"))
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, w.state
	// Where the jobs of the record workflow find amend, as on a prepared runner.
	cmd.Env = append(os.Environ(), "PATH="+w.bin("")+string(os.PathListSeparator)+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	// A run that is killed would leave it behind, on a port that the next one needs.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = 10 * time.Second
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := cmd.Wait(); ctx.Err() == nil {
			t.Errorf("%s ended too early: %v, see %s", name, err, log.Name())
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		log.Close()
	})
}

// must ends the test when something that it only prepares fails.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// soon is longer than anything here takes, also on a machine that is busy with
// other things. How long something may take is for the scenario speed to say.
const soon = 5 * time.Minute

// eventually waits until try succeeds, and ends the test with its last error
// when it does not. It returns how long it took.
func eventually(t *testing.T, what string, try func() error) time.Duration {
	t.Helper()
	return within(t, what, soon, try)
}

// within is eventually for what takes longer.
func within(t *testing.T, what string, limit time.Duration, try func() error) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		err := try()
		took := time.Since(began)
		if err == nil {
			return took
		}
		if took > limit {
			t.Fatalf("%s: not after %s: %v", what, limit, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// write makes a file of the run's state and returns its path.
func (w *world) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.state, name)
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// fromPage is the one block of a page of docs/ that begins so.
func (w *world) fromPage(t *testing.T, page, begins string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "docs", page))
	must(t, err)
	found := regexp.MustCompile("(?s)```"+regexp.QuoteMeta(begins)+"\n(.*?)```").FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("docs/%s has %d blocks %q, want one", page, len(found), begins)
	}
	return string(found[0][1])
}

// unique makes a word that no earlier run has used.
func unique() string { return rand.Text()[:8] }
