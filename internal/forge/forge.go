// Package forge is a local host that speaks as much of GitHub as amend uses:
// Git over HTTP, the REST calls on references, commits and pull requests, App
// tokens, and repository_dispatch with a real Actions runner. It exists for the
// demo and for tests, which can also make it misbehave as the real one does.
// It is never part of the product's image.
//
// Everything a client may see is kept on disk: a bare repository each, one JSON
// file per pull request, one folder per run. Tokens and Apps live in memory.
package forge

import (
	"context"
	"hash/fnv"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/runs"
	"github.com/amendhq/amend/internal/forge/store"
)

// A Config says where a forge keeps its state and how it runs jobs. The zero
// value of every field but Dir is usable.
type Config struct {
	Dir       string           // folder of all state
	Runner    string           // path of act; without it every workflow run ends as startup_failure
	Env       []string         // of the runner, NAME=value; default: the PATH of this process
	Parallel  int              // workflow runs at a time; default 2
	Webhook   Webhook          // where pull_request events go
	Outsiders map[string]bool  // logins that cannot be asked for a review
	RateLimit int              // REST calls per token and hour; default 5000
	Control   bool             // serve /_forge/faults and /_forge/stats
	Now       func() time.Time // default time.Now
	Log       *slog.Logger     // default: discard
}

// A Server is a forge. It is an http.Handler; Close ends its processes.
type Server struct {
	cfg    Config
	gitBin string
	mux    *http.ServeMux
	runs   *runs.Engine
	hooks  *hooks
	access access
	limits limits
	faults faults
	stats  stats

	mu    sync.Mutex
	repos map[string]*repository
}

// A repository is one repository with its pull requests.
type repository struct {
	*store.Repo
	owner, name string
	pulls       pulls
	checks      checks
	created     time.Time

	mu       sync.Mutex
	nonEmpty bool // it was seen to have a branch
}

func (r *repository) fullName() string { return r.owner + "/" + r.name }

// id is stable over restarts, as it follows from the name.
func (r *repository) id() int64 { return stableID(r.fullName()) }

func stableID(name string) int64 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int64(h.Sum32()) + 1
}

// Open is New with the defaults for a forge whose state is in dir.
func Open(dir string) (*Server, error) { return New(Config{Dir: dir}) }

// New returns a forge with the state that cfg.Dir holds from an earlier one.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Webhook.check(); err != nil {
		return nil, err
	}
	gitBin, err := exec.LookPath("git")
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open forge", "%w", err)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "repos"), 0o755)
	}
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open forge", "%w", err)
	}
	cfg.Dir = dir
	s := &Server{
		cfg: cfg, gitBin: gitBin, repos: map[string]*repository{},
		hooks:  newHooks(cfg.Webhook, cfg.Log),
		access: access{tokens: map[[32]byte]*Grant{}, apps: map[int64]App{}, installations: map[int64]Installation{}},
		limits: limits{perHour: cfg.RateLimit, windows: map[[32]byte]*window{}},
		stats:  stats{calls: map[string]int{}},
	}
	s.runs, err = runs.Open(runs.Config{
		Dir: filepath.Join(dir, "runs"), Runner: cfg.Runner, Env: cfg.Env, Parallel: cfg.Parallel,
		Token: s.jobToken, Now: cfg.Now, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	s.mux = s.routes()
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Env == nil {
		c.Env = []string{"PATH=" + os.Getenv("PATH")}
	}
	if c.Parallel == 0 {
		c.Parallel = 2
	}
	if c.RateLimit == 0 {
		c.RateLimit = 5000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Close cancels the workflow runs and the webhooks under way, waits for them,
// and ends the git processes.
// It is an io.Closer that does not fail.
func (s *Server) Close() error {
	s.runs.Close()
	s.hooks.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.repos {
		r.Close()
	}
	return nil
}

// namePattern is what GitHub takes as the name of an account or a repository.
// It also keeps names from leaving the folder of the repositories.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

var fullNamePattern = regexp.MustCompile(`^([^/]+)/([^/]+)$`)

// CreateRepo makes an empty repository, whose default branch is main, and
// returns the path of its clone URL. An existing one is amend.Conflict.
func (s *Server) CreateRepo(ctx context.Context, fullName string) (string, error) {
	dir, err := s.repoDir(fullName)
	if err != nil {
		return "", err
	}
	if err := store.Create(ctx, dir); err != nil {
		return "", err
	}
	return "/" + fullName + ".git", nil
}

// ImportRepo makes a repository whose first commit on main holds the files of
// a folder.
func (s *Server) ImportRepo(ctx context.Context, fullName, folder string) (string, error) {
	path, err := s.CreateRepo(ctx, fullName)
	if err != nil {
		return "", err
	}
	match := fullNamePattern.FindStringSubmatch(fullName)
	repo, err := s.repo(match[1], match[2])
	if err != nil {
		return "", err
	}
	return path, repo.Import(ctx, folder, "Import "+filepath.Base(folder)+"\n")
}

func (s *Server) repoDir(fullName string) (string, error) {
	match := fullNamePattern.FindStringSubmatch(fullName)
	if match == nil || !namePattern.MatchString(match[1]) || !namePattern.MatchString(match[2]) {
		return "", amend.Errorf(amend.Invalid, "find repository", "%q is not OWNER/NAME", fullName)
	}
	return filepath.Join(s.cfg.Dir, "repos", match[1], match[2]+".git"), nil
}

// repo opens a repository, once. It may have been made by another process.
func (s *Server) repo(owner, name string) (*repository, error) {
	dir, err := s.repoDir(owner + "/" + name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[dir]; r != nil {
		return r, nil
	}
	git, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(dir, "config"))
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "open repository", "%w", err)
	}
	r := &repository{Repo: git, owner: owner, name: name, created: info.ModTime().UTC()}
	r.pulls.dir, r.checks.dir = filepath.Join(dir, "forge", "pulls"), filepath.Join(dir, "forge", "checks")
	if err := r.pulls.load(); err != nil {
		return nil, err
	}
	s.repos[dir] = r
	return r, nil
}

// empty reports whether nobody has pushed yet.
func (r *repository) empty(ctx context.Context) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nonEmpty {
		return false, nil
	}
	refs, err := r.Refs(ctx, "refs/heads/")
	r.nonEmpty = len(refs) > 0
	return !r.nonEmpty, err
}
