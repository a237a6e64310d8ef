package locate

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/helm"
)

// A view is one state of the env repo: its index, and at most one file with
// content that is only proposed.
type view struct {
	loc    *Locator
	fsys   fs.FS
	root   *node
	apps   []application // all that are known, generated ones too
	sets   []*appSet
	charts []root // further sources of Applications
	edited string
	data   []byte
	budget *helm.Budget // of all charts that are rendered for the query
	// programs are evaluated within one bound for the query.
	programs *programs
	// done holds what was rendered or found fresh for the query, without edits.
	done  map[string]*render
	found *lookup // of apps; see lookup
	all   *paths  // see listed
}

// with returns the view in which one existing file has other content.
func (v *view) with(name string, data []byte) *view {
	w := *v
	w.edited, w.data = name, data
	return &w
}

// read returns the content of an indexed file.
func (v *view) read(name string) ([]byte, error) {
	if name == v.edited {
		return v.data, nil
	}
	f := v.root.file(name)
	if f == nil {
		return nil, amend.Errorf(amend.NotFound, "read env repo", "%s: %w", name, fs.ErrNotExist)
	}
	return v.loc.content(v.fsys, name, f)
}

// hash returns the hash of a file's content, or zero if there is no such file.
func (v *view) hash(name string) (contentHash, error) {
	if dir, ok := strings.CutSuffix(name, "/"); ok {
		return v.listing(dir), nil
	}
	if name != v.edited {
		f := v.root.file(name)
		if f == nil {
			return none, nil
		}
		if hash := f.content(); hash != none {
			return hash, nil
		}
	}
	data, err := v.read(name)
	return hashOf(data), err
}

// The bounds of one render. They end alias bombs, endless recursion and
// accidents; Argo CD's own limit for a directory source is 10 MB.
const (
	maxRenderBytes = 10 << 20
	maxRenderReads = 20_000
)

// A recorder gives a renderer the files of a view and notes which it read or
// missed. Once it has refused, it refuses everything, because renderers try
// other ways when a read fails.
type recorder struct {
	view    *view
	reads   map[string]contentHash // by path; zero for a miss
	order   []string               // the files read, first read first
	count   int
	bytes   int
	work    work
	refusal error
}

func newRecorder(v *view) *recorder {
	return &recorder{view: v, reads: map[string]contentHash{}}
}

func (r *recorder) refuse(err error) error {
	if r.refusal == nil {
		r.refusal = err
	}
	return r.refusal
}

// exists notes and reports whether there is such a file.
func (r *recorder) exists(name string) bool {
	if r.view.root.file(name) != nil {
		return true
	}
	r.reads[name] = none
	return false
}

func (r *recorder) isDir(name string) bool { return r.view.root.find(name) != nil }

// read returns a file's content within the bounds.
func (r *recorder) read(name string) ([]byte, error) {
	if r.refusal != nil {
		return nil, r.refusal
	}
	if !r.exists(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	data, err := r.view.read(name)
	if err != nil {
		return nil, r.refuse(err)
	}
	r.count++
	r.bytes += len(data)
	if r.count > maxRenderReads || r.bytes > maxRenderBytes {
		return nil, r.refuse(amend.Refusef(amend.ReasonUnproven, "rendering reads more than %d files or %d bytes", maxRenderReads, maxRenderBytes))
	}
	if _, again := r.reads[name]; !again {
		if r.reads[name], err = r.view.hash(name); err != nil {
			return nil, r.refuse(err)
		}
		r.order = append(r.order, name)
	}
	return data, nil
}

// A render is what a root renders to, and what that was read from.
type render struct {
	objects []*object
	reads   map[string]contentHash
	order   []string
	err     error       // a refusal: the root cannot be rendered
	skipped error       // a refusal: a file that was left out
	at      contentHash // that of the repo that it was made with, and its shape
	shape   shape
	chart   *chartRender
	size    int // about how many values it holds
	// inflated are the charts that a kustomization renders.
	inflated []inflated
	whole    bool // it depends on which files there are
}

var errUnparsed = errors.New("does not parse")

// absent reports whether the root names files that do not exist. Argo CD
// cannot render it either, so nothing is deployed from it.
func (r *render) absent() bool { return errors.Is(r.err, fs.ErrNotExist) }

// broken returns why Argo CD cannot render the root, or a part of it, either.
func (r *render) broken() error {
	if r.absent() || errors.Is(r.err, errUnparsed) {
		return r.err
	}
	return r.skipped
}

// fresh reports whether rendering again would read the same.
func (r *render) fresh(v *view) bool {
	if r.err != nil && (v.edited != "" || amend.KindOf(r.err) != amend.Refused) {
		return false
	}
	if r.whole && r.shape != v.root.shape || r.err != nil && !r.whole && r.at != v.root.hash {
		return false // an error may be due to what was not there, which is not recorded
	}
	for name, hash := range r.reads {
		if now, err := v.hash(name); err != nil || now != hash {
			return false
		}
	}
	return true
}
