package store

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/amendhq/amend"
)

// A reader is one long-lived "git cat-file --batch". It starts with the first
// read, and again after it has failed.
type reader struct {
	dir string
	mu  sync.Mutex
	git *process // nil: not started
}

// An object is what Git keeps under an ID.
type object struct {
	id   ID
	kind string // commit, tree, blob or tag
	data []byte
}

// read returns the object of a full object id, a full reference name, or a path in a
// commit, as COMMIT:PATH; the caller has checked that name is one of them.
func (r *reader) read(name string) (object, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.git == nil {
		git, err := start(r.dir, "cat-file", "--batch")
		if err != nil {
			return object{}, amend.Errorf(amend.Internal, "read object", "%w", err)
		}
		r.git = git
	}
	o, found, err := r.ask(name)
	if err != nil {
		r.git.kill()
		r.git = nil
		return object{}, amend.Errorf(amend.Internal, "read object", "%w", err)
	}
	if !found {
		return object{}, amend.Errorf(amend.NotFound, "read object", "no object %q", name)
	}
	return o, nil
}

func (r *reader) ask(name string) (object, bool, error) {
	if _, err := io.WriteString(r.git.in, name+"\n"); err != nil {
		return object{}, false, err
	}
	line, err := r.git.out.ReadString('\n')
	if err != nil {
		return object{}, false, err
	}
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return object{}, false, nil // "NAME missing" or "NAME ambiguous"
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil {
		return object{}, false, fmt.Errorf("git cat-file answered %q", line)
	}
	data := make([]byte, size+1) // the content and a line feed
	if _, err := io.ReadFull(r.git.out, data); err != nil {
		return object{}, false, err
	}
	return object{id: ID(fields[0]), kind: fields[1], data: data[:size]}, true, nil
}

func (r *reader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.git != nil {
		r.git.kill()
		r.git = nil
	}
}
