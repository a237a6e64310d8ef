package git

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/lock"
)

// Config says which repository to mirror and where.
type Config struct {
	// Dir is the mirror's own folder; it is created, and locked while open.
	Dir string
	// URL is the repository's http or https address, without credentials.
	URL string
	// Auth gives the user and secret of basic authentication for one fetch.
	// Nil means none.
	Auth func(ctx context.Context) (user, secret string, err error)
	// Transport carries the requests; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Log is told of rebuilds and fetches. Nil discards.
	Log *slog.Logger
}

// A Mirror is a warm copy of all branches of one remote repository, without a
// work tree. It begins with all commits and the files of the newest; what is read of
// older ones is fetched by the read, which so may take long once and fail with
// amend.Transient. It is a cache: it may be deleted while closed, and rebuilds itself
// when it finds itself torn, rotten, or the copy of another repository. All
// methods are safe for concurrent use, and reads go on while a fetch runs.
type Mirror struct {
	*Repo
	cfg      Config
	lock     *os.File
	store    *filesystem.Storage // closed on rebuild; used through objects only
	written  *written            // over it, in the same way
	saver    *saver
	aside    sync.WaitGroup // for what is saved
	fetching chan struct{}  // held during a fetch

	// life ends what a read has to fetch, as those who read know of no host.
	life context.Context

	mu    sync.Mutex
	heads map[string]plumbing.Hash // nil before the first fetch
	// edge holds the commits below which only commits are here, and not their files.
	// Everything of the heads and what lies between is.
	edge map[plumbing.Hash]bool
	// advanced holds what Advance moved since the running fetch asked the
	// host, whose answer is older.
	advanced map[string]plumbing.Hash
	// parcels holds the commits of Write until they are pushed, and kept names those of
	// Write, the oldest first.
	parcels map[plumbing.Hash]parcel
	kept    []plumbing.Hash
	// understood is what the host said it can do with a push; nil before the first.
	understood *capability.List
}

// objectCacheSize bounds the contents of recently read objects and delta bases. Most
// objects of an env repo are smaller than what it takes to keep one of them.
const objectCacheSize = 2 * cache.MiByte

// OpenMirror opens the mirror in cfg.Dir, or an empty one when there is none to
// trust. It asks nothing of the network: call Fetch before anything else if the
// mirror may be new. A folder that another process holds gives amend.Transient, and
// an end of ctx its error. An end of ctx later ends what reads fetch.
func OpenMirror(ctx context.Context, cfg Config) (*Mirror, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkURL(cfg.URL); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, amend.Errorf(amend.Invalid, "open mirror", "%w", err)
	}
	held, err := lock.Take(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("opening the mirror: %w", err)
	}
	m := &Mirror{
		Repo:     &Repo{objects: newObjects(amend.Transient)},
		cfg:      cfg,
		lock:     held,
		fetching: make(chan struct{}, 1),
		parcels:  map[plumbing.Hash]parcel{},
		saver:    newSaver(),
		life:     ctx,
	}
	if err := m.dropReplacement(); err != nil {
		return nil, errors.Join(amend.Errorf(amend.Transient, "open mirror", "%w", err), held.Close())
	}
	if err := m.load(ctx); err != nil {
		if ctx.Err() != nil { // which says nothing of the mirror
			return nil, errors.Join(fmt.Errorf("opening the mirror: %w", ctx.Err()), held.Close())
		}
		if !errors.Is(err, os.ErrNotExist) {
			cfg.Log.WarnContext(ctx, "mirror cannot be trusted and is rebuilt", "dir", cfg.Dir, "error", err)
		}
		if err := m.reset(); err != nil {
			return nil, errors.Join(err, held.Close())
		}
	}
	m.objects.complete = m.complete
	return m, nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return amend.Errorf(amend.Invalid, "open mirror", "the repository address cannot be parsed")
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return amend.Errorf(amend.Invalid, "open mirror", "the repository address must be http(s)://host/path without credentials")
	}
	return nil
}

// Close releases the folder. Trees read before may fail afterwards.
func (m *Mirror) Close() error {
	m.saver.close()
	m.aside.Wait()
	m.objects.mu.Lock()
	defer m.objects.mu.Unlock()
	return errors.Join(m.store.Close(), m.lock.Close())
}

// Head returns the commit that a branch had at the last fetch, or has through
// Advance. No such branch gives amend.NotFound; before the first fetch every
// branch gives amend.Transient.
func (m *Mirror) Head(branch string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heads == nil {
		return "", amend.Errorf(amend.Transient, "read branch", "the mirror was not fetched yet")
	}
	h, ok := m.heads[branch]
	if !ok {
		return "", amend.Errorf(amend.NotFound, "read branch", "no branch %q", branch)
	}
	return h.String(), nil
}

// Advance moves a branch to a commit that the host has put there, without a
// fetch. The commit must be here, and what it stands on known to be; else
// amend.NotFound.
func (m *Mirror) Advance(branch, sha string) error {
	c, err := m.objects.named(sha)
	if err != nil {
		return err
	}
	stands := m.stands(c.Hash)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.heads == nil || !stands {
		return amend.Errorf(amend.NotFound, "advance branch", "not all that is below commit %s is here", sha)
	}
	m.heads = maps.Clone(m.heads)
	m.heads[branch] = c.Hash
	if m.advanced != nil {
		m.advanced[branch] = c.Hash
	}
	m.aside.Go(m.settle)
	return nil
}

// setHeads replaces the branches on disk and in memory; m.mu is held.
func (m *Mirror) setHeads(heads map[string]plumbing.Hash) error {
	if maps.Equal(heads, m.heads) && m.heads != nil {
		return nil
	}
	m.heads = heads
	if err := m.saveState(); err != nil {
		return amend.Errorf(amend.Transient, "save mirror", "%w", err)
	}
	return nil
}

// repoDir holds all that may be deleted on a rebuild, and nothing else does.
func (m *Mirror) repoDir() string { return filepath.Join(m.cfg.Dir, "amend-mirror") }

// open points the objects at the folder.
func (m *Mirror) open() {
	m.written = newWritten()
	m.saver.dir = filepath.Join(m.repoDir(), "objects")
	m.openStore()
	m.objects.fresh = m.openStore
	m.objects.broken.Store(false)
	m.objects.trees.Clear()
	m.objects.roots.Clear()
}

// openStore opens the object store, and forgets what was kept of its objects.
func (m *Mirror) openStore() {
	if m.store != nil {
		_ = m.store.Close() // only descriptors for reading
	}
	m.store = filesystem.NewStorageWithOptions(osfs.New(m.repoDir()), cache.NewObjectLRU(objectCacheSize),
		filesystem.Options{KeepDescriptors: true})
	m.written.EncodedObjectStorer = m.store
	m.objects.store = m.written
}

// load opens what is on disk and checks it as far as that is cheap: the whole
// of it is checked object by object as it is read.
func (m *Mirror) load(ctx context.Context) error {
	heads, edge, err := m.loadState()
	if err != nil {
		return err
	}
	if err := m.tidy(); err != nil {
		return err
	}
	m.open()
	for branch, h := range heads {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := m.objects.commit(h)
		if err == nil {
			_, err = m.objects.tree(c.TreeHash)
		}
		if err != nil {
			return fmt.Errorf("branch %q: %w", branch, err)
		}
	}
	m.heads, m.edge = heads, edge
	return nil
}

// hold takes all locks of the mirror, in the order in which who needs two takes them.
func (m *Mirror) hold() (release func()) {
	m.mu.Lock()
	m.saver.mu.Lock()
	m.objects.mu.Lock()
	return func() {
		m.objects.mu.Unlock()
		m.saver.mu.Unlock()
		m.mu.Unlock()
	}
}

// reset starts over with an empty mirror.
func (m *Mirror) reset() error {
	defer m.hold()()
	m.heads, m.edge = nil, nil
	clear(m.parcels)
	m.kept = nil
	if err := os.RemoveAll(m.repoDir()); err != nil {
		return amend.Errorf(amend.Transient, "rebuild mirror", "%w", err)
	}
	if err := os.MkdirAll(filepath.Join(m.repoDir(), "objects", "pack"), 0o700); err != nil {
		return amend.Errorf(amend.Transient, "rebuild mirror", "%w", err)
	}
	m.open()
	return nil
}
