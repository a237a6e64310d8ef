package store

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/amendhq/amend"
)

// A Ref is a reference and the object that it names.
type Ref struct {
	Name string // full: refs/heads/main
	ID   ID
	Kind string // commit, or tag for an annotated tag
}

// CheckRefName accepts the full name of a reference by the rules of
// git-check-ref-format, with at least three parts as GitHub asks.
func CheckRefName(name string) error {
	parts := strings.Split(name, "/")
	bad := len(parts) < 3 || parts[0] != "refs" || len(name) > 512 || strings.HasSuffix(name, ".") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.IndexFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune("~^:?*[\\", c) }) >= 0
	for _, part := range parts {
		bad = bad || part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return amend.Errorf(amend.Invalid, "check reference", "%q is not a full reference name", name)
	}
	return nil
}

// Ref returns a reference by its full name, or amend.NotFound.
func (r *Repo) Ref(name string) (Ref, error) {
	if err := CheckRefName(name); err != nil {
		return Ref{}, err
	}
	o, err := r.objects.read(name)
	if err != nil {
		return Ref{}, err
	}
	return Ref{Name: name, ID: o.id, Kind: o.kind}, nil
}

// Previous returns the reference as it was before its last change, by whoever
// made it, and as it is when it has only been created. It lets a fault answer
// like a replica that lags behind.
func (r *Repo) Previous(ctx context.Context, name string) (Ref, error) {
	now, err := r.Ref(name)
	if err != nil {
		return Ref{}, err
	}
	if out, err := run(ctx, r.dir, nil, "rev-parse", "--verify", "--quiet", name+"@{1}"); err == nil {
		now.ID = ID(strings.TrimSpace(string(out)))
	}
	return now, nil
}

// Refs lists the references whose full name starts with prefix, sorted by name.
func (r *Repo) Refs(ctx context.Context, prefix string) ([]Ref, error) {
	out, err := run(ctx, r.dir, nil, "for-each-ref", "--format=%(objectname) %(objecttype) %(refname)", prefix[:strings.LastIndex(prefix, "/")+1])
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "list references", "%w", err)
	}
	refs := []Ref{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 3 && strings.HasPrefix(f[2], prefix) {
			refs = append(refs, Ref{Name: f[2], ID: ID(f[0]), Kind: f[1]})
		}
	}
	return refs, nil
}

// CreateRef makes a reference, or fails with amend.Conflict when it exists.
func (r *Repo) CreateRef(name string, id ID) error {
	if err := CheckRefName(name); err != nil {
		return err
	}
	return r.refs.commit(fmt.Sprintf("create %s %s\n", name, id))
}

// DeleteRef removes a reference that exists.
func (r *Repo) DeleteRef(name string) error {
	r.change.Lock()
	defer r.change.Unlock()
	ref, err := r.Ref(name)
	if err != nil {
		return err
	}
	return r.refs.commit(fmt.Sprintf("delete %s %s\n", name, ref.ID))
}

// MoveRef lets a reference name another commit. Without force the new commit
// must descend from the one that the reference names at that very moment, else
// the answer is amend.Conflict; of two writers that started from the same
// commit exactly one succeeds.
func (r *Repo) MoveRef(ctx context.Context, name string, to ID, force bool) error {
	r.change.Lock()
	defer r.change.Unlock()
	for range 5 { // a push may move the reference between our look and our update
		ref, err := r.Ref(name)
		if err != nil {
			return err
		}
		if !force {
			forward, err := r.Descends(ctx, to, ref.ID)
			if err != nil {
				return err
			}
			if !forward {
				return amend.Errorf(amend.Conflict, "move reference", "%s at %s is no ancestor of %s", name, ref.ID, to)
			}
		}
		err = r.refs.commit(fmt.Sprintf("update %s %s %s\n", name, to, ref.ID))
		if amend.KindOf(err) != amend.Conflict {
			return err
		}
	}
	return amend.Errorf(amend.Conflict, "move reference", "%s keeps moving", name)
}

// An updater is one long-lived "git update-ref --stdin". Git ends it when a
// transaction fails; the next one starts it again.
type updater struct {
	dir string
	mu  sync.Mutex
	git *process // nil: not started
}

// commit runs one instruction as one transaction. Any refusal of Git is
// amend.Conflict: the names and objects in it were checked before.
func (u *updater) commit(instruction string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.git == nil {
		git, err := start(u.dir, "update-ref", "--stdin")
		if err != nil {
			return amend.Errorf(amend.Internal, "update reference", "%w", err)
		}
		u.git = git
	}
	_, err := io.WriteString(u.git.in, "start\n"+instruction+"prepare\ncommit\n")
	for _, want := range []string{"start: ok\n", "prepare: ok\n", "commit: ok\n"} {
		if err != nil {
			break
		}
		var line string
		if line, err = u.git.out.ReadString('\n'); err == nil && line != want {
			err = fmt.Errorf("git update-ref answered %q", line)
		}
	}
	if err != nil {
		why := u.git.stop() // which drops an open transaction and leaves no lock behind
		u.git = nil
		return amend.Errorf(amend.Conflict, "update reference", "%s: %w", why, err)
	}
	return nil
}

func (u *updater) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.git != nil {
		u.git.stop()
		u.git = nil
	}
}
