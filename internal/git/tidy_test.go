package git_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/amendhq/amend"
)

// clutter makes a mirror look as it does after some ten thousand changes.
func clutter(t *testing.T, dir string) string {
	t.Helper()
	folder := filepath.Join(dir, "amend-mirror", "objects", "17")
	must(t, os.MkdirAll(folder, 0o700))
	for i := range 401 {
		must(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%038x", i)), nil, 0o600))
	}
	return folder
}

// A mirror that is open for months stays small, and whoever reads meanwhile notices
// nothing.
func TestTidyMakesAClutteredMirrorAnew(t *testing.T) {
	u := newUpstream(t)
	u.stream(t, long(150)...)
	cfg := u.config(t)
	m := open(t, cfg)
	fetch(t, m)
	before := u.requests.Load()
	must(t, m.Tidy(context.Background()))
	if got := u.requests.Load() - before; got != 0 {
		t.Errorf("a mirror that is not cluttered was fetched with %d requests", got)
	}

	folder := clutter(t, cfg.Dir)
	sha := head(t, m, "main")
	unpushed := change(t, m, sha, "b.yaml", "replicas: 4\n")
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					readAll(t, m, sha, 7)
				}
			}
		})
	}
	next := u.commit(t, "main", map[string]string{"apps/app-1/deploy.yaml": "replicas: 1\n#"}) // as it once was
	must(t, m.Tidy(context.Background()))
	close(stop)
	readers.Wait()

	if left, _ := os.ReadDir(folder); len(left) > 100 {
		t.Errorf("%d objects are left in one folder", len(left))
	}
	if got := head(t, m, "main"); got != next {
		t.Errorf("main = %s, want %s", got, next)
	}
	readAll(t, m, next, 7)
	readAll(t, m, u.rev(t, "main~140"), 7) // below the edge of the new one
	count(t, m, next, "", 151)
	_, err := m.Tree(unpushed)
	wantKind(t, err, amend.NotFound)
	on := change(t, m, next, "b.yaml", "replicas: 5\n")
	must(t, m.Push(context.Background(), "main", next, on))
	must(t, m.Close())
	if got := head(t, open(t, cfg), "main"); got != on {
		t.Errorf("main = %s after opening again, want %s", got, on)
	}
	if entries, err := os.ReadDir(cfg.Dir); err != nil || len(entries) != 2 { // and the lock
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

// A host that is away costs nothing but time.
func TestTidyWithoutAHost(t *testing.T) {
	u, cfg, m, sha := warm(t)
	clutter(t, cfg.Dir)
	away := func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	u.intercept.Store(&away)
	wantKind(t, m.Tidy(context.Background()), amend.Transient)
	readAll(t, m, sha, 1)
	u.intercept.Store(nil)
	must(t, m.Tidy(context.Background()))
	readAll(t, m, sha, 1)
}

// A process that dies while a mirror is replaced leaves nothing for good.
func TestOpenAfterADeathDuringTidy(t *testing.T) {
	_, cfg, m, sha := warm(t)
	must(t, m.Close())
	for _, half := range []string{"new", "old"} {
		must(t, os.MkdirAll(filepath.Join(cfg.Dir, half, "amend-mirror"), 0o700))
	}
	readAll(t, open(t, cfg), sha, 1)
	if entries, err := os.ReadDir(cfg.Dir); err != nil || len(entries) != 2 { // and the lock
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}
