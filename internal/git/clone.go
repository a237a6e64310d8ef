package git

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"github.com/amendhq/amend"
)

// A Clone is a repository on disk that somebody else manages: a work tree, a
// linked work tree or a bare repository. It is only ever read.
type Clone struct {
	*Repo
	store *filesystem.Storage
}

// cloneCacheSize bounds the contents of recently read objects and delta bases. Who
// goes through a history finds each object made from the one before.
const cloneCacheSize = 16 * cache.MiByte

// OpenDir opens the repository whose top folder is dir. A folder without one
// gives amend.NotFound; one that cannot be read here (SHA-256, reftable, objects
// borrowed from another repository) gives amend.Invalid. Of a shallow clone, Log
// and Versions show what there is and end with ErrShallow.
func OpenDir(dir string) (*Clone, error) {
	own, err := gitDir(dir)
	if err != nil {
		return nil, err
	}
	shared, err := commonDir(own)
	if err == nil {
		err = checkFormat(shared)
	}
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open repository", "%s: %w", dir, err)
	}
	files := dotgit.NewRepositoryFilesystem(osfs.New(own), osfs.New(shared))
	store := filesystem.NewStorageWithOptions(files, cache.NewObjectLRU(cloneCacheSize), filesystem.Options{KeepDescriptors: true})
	cut, err := store.Shallow()
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "open repository", "%s: %w", dir, err)
	}
	shallow := make(map[plumbing.Hash]bool, len(cut))
	for _, h := range cut {
		shallow[h] = true
	}
	objects := newObjects(amend.Invalid)
	objects.store, objects.whole = store, true
	return &Clone{Repo: &Repo{objects: objects, shallow: shallow}, store: store}, nil
}

// gitDir finds the repository of a work tree, of a linked work tree (whose .git
// is a file, gitrepository-layout(5)), or in dir itself.
func gitDir(dir string) (string, error) {
	dot := filepath.Join(dir, ".git")
	info, err := os.Stat(dot)
	switch {
	case err == nil && info.IsDir():
		return dot, nil
	case err == nil:
		b, err := os.ReadFile(dot)
		if err != nil {
			return "", amend.Errorf(amend.Invalid, "open repository", "%w", err)
		}
		to, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "gitdir: ")
		if !ok {
			return "", amend.Errorf(amend.Invalid, "open repository", "%s does not name a repository", dot)
		}
		return under(dir, to), nil
	}
	for _, part := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, part)); err != nil {
			return "", amend.Errorf(amend.NotFound, "open repository", "%s is not a Git repository", dir)
		}
	}
	return dir, nil
}

// commonDir is where a linked work tree keeps what it shares with the others.
func commonDir(own string) (string, error) {
	b, err := os.ReadFile(filepath.Join(own, "commondir"))
	if errors.Is(err, os.ErrNotExist) {
		return own, nil
	}
	return under(own, strings.TrimSpace(string(b))), err
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// checkFormat refuses what would be misread: a repository says itself which
// extensions its reader must know (gitrepository-layout(5), config extensions.*).
func checkFormat(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "objects", "info", "alternates")); err == nil {
		return errors.New("it borrows objects from another repository; run git repack -a -d and delete objects/info/alternates")
	}
	f, err := os.Open(filepath.Join(dir, "config"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	cfg := config.New()
	if err := config.NewDecoder(f).Decode(cfg); err != nil {
		return err
	}
	for _, o := range cfg.Section("extensions").Options {
		switch name := strings.ToLower(o.Key); {
		case name == "worktreeconfig", name == "partialclone", name == "preciousobjects", name == "noop", name == "relativeworktrees",
			name == "objectformat" && o.Value == "sha1", name == "refstorage" && o.Value == "files":
		default:
			return fmt.Errorf("the extension %s=%s is not supported", o.Key, o.Value)
		}
	}
	return nil
}

// Head returns the commit of a branch, of what was fetched of a remote's ("origin/main"),
// or of the work tree for "HEAD". No such branch, and HEAD of a repository without
// commits, give amend.NotFound.
func (c *Clone) Head(branch string) (string, error) {
	if branch == plumbing.HEAD.String() {
		return c.resolve(plumbing.HEAD, "branch")
	}
	sha, err := c.resolve(plumbing.NewBranchReferenceName(branch), "branch")
	if remote, name, ok := strings.Cut(branch, "/"); ok && amend.KindOf(err) == amend.NotFound {
		return c.resolve(plumbing.NewRemoteReferenceName(remote, name), "branch")
	}
	return sha, err
}

// resolve returns what a reference names, of whatever kind people call it.
func (c *Clone) resolve(name plumbing.ReferenceName, kind string) (string, error) {
	c.objects.mu.Lock() // go-git's reference store is not safe for concurrent use either
	defer c.objects.mu.Unlock()
	ref, err := storer.ResolveReference(c.store, name)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return "", amend.Errorf(amend.NotFound, "read "+kind, "no %s %q", kind, name.Short())
	}
	if err != nil {
		return "", amend.Errorf(amend.Invalid, "read "+kind, "%w", err)
	}
	return ref.Hash().String(), nil
}
