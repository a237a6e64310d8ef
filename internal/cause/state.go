package cause

import (
	"bytes"
	"io/fs"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// A state is the workload as one commit declares it.
type state struct {
	trace   *locate.Trace // on the branch; nil when the workload was not found there
	source  *locate.Trace // of the object: another one when the Application names a tag
	object  *locate.Object
	configs map[string]*locate.Object // that the pods read, by stable name
	absent  bool                      // nothing declares the workload
	asked   string                    // the Application that was known to be the workload's
	err     error                     // why it is not known
	// app is the Application of a workload that is not rendered from the repo:
	// then its source is all that can change there.
	app *locate.Trace
}

// known reports whether it is known what is deployed, be it nothing.
func (s state) known() bool { return s.object != nil || s.absent }

// seen reports whether there is anything to compare.
func (s state) seen() bool { return s.object != nil || s.app != nil }

// reads tells which files the state is made from; nil when any may be one.
func (s state) reads() func(file string) bool {
	elsewhere := amend.ReasonOf(s.err) == amend.ReasonRemote || amend.ReasonOf(s.err) == amend.ReasonUnsupported
	switch {
	case s.trace != nil:
		return s.trace.Reads
	case s.app != nil && elsewhere:
		return s.app.Reads
	}
	return nil
}

// A renderer renders the states of one question.
type renderer struct {
	q       Question
	history History
	locator *locate.Locator
	renders int
	app     string // the name of the workload's Application, once it is known
}

// at renders the state of a commit. A state that cannot be rendered is one; an
// error says that it could not be read now.
func (r *renderer) at(sha string) (state, error) {
	r.renders++
	s := state{asked: r.app}
	tree, err := r.history.Tree(sha)
	if err == nil {
		s.trace, err = r.trace(tree)
	}
	if err != nil {
		s.trace, s.err, s.absent = nil, err, amend.ReasonOf(err) == amend.ReasonNotInRepo
		if tree != nil && !s.absent && passing(err) == nil {
			s.app = r.application(tree)
		}
		return s, passing(err)
	}
	if names := s.trace.Applications(); len(names) == 1 {
		r.app = names[0]
	}
	s.source = s.trace
	if revision := s.trace.Revision(); !r.follows(revision) {
		if err := r.pin(&s, tree, revision); err != nil || s.source == nil {
			return s, err
		}
	}
	s.object = s.source.Object()
	s.configs, err = configs(s.source, s.object, r.q.Workload.Object.Namespace)
	return s, err
}

// passing returns an error that says nothing about the repo, nil for any other.
func passing(err error) error {
	switch amend.KindOf(err) {
	case "", amend.Refused, amend.Invalid, amend.NotFound:
		return nil
	}
	return err
}

// trace finds the workload by the Application as the repo declares it, or else
// as it is live. A folder that was not there yet says nothing of where the
// workload was then.
func (r *renderer) trace(tree fs.FS) (*locate.Trace, error) {
	q := r.q.Workload
	if name := liveName(q.Live); name != "" {
		declared := q
		declared.Live, declared.Application = nil, name
		t, err := r.locator.Trace(tree, declared)
		if amend.ReasonOf(err) != amend.ReasonNotInRepo {
			return t, err
		}
	}
	if q.Root != "" {
		if _, err := fs.Stat(tree, q.Root); err != nil {
			q.Root = ""
		}
	}
	t, err := r.locator.Trace(tree, q)
	if err != nil && passing(err) == nil && r.app != "" && q.Application == "" && q.Live == nil {
		// All of the repo may leave open what its one Application does not.
		q.Application, q.Root = r.app, ""
		return r.locator.Trace(tree, q)
	}
	return t, err
}

// liveName returns the name of the Application that the first document declares.
func liveName(live []byte) string {
	first, _, _ := bytes.Cut(live, []byte("\n---"))
	var doc struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if yaml.Unmarshal(first, &doc) != nil || doc.Kind != "Application" {
		return ""
	}
	return doc.Metadata.Name
}

// application returns the workload's Application as the repo declares it, nil if
// it does not.
func (r *renderer) application(tree fs.FS) *locate.Trace {
	name := r.app
	if name == "" {
		name = r.q.Workload.Application
	}
	if name == "" {
		name = liveName(r.q.Workload.Live)
	}
	if name == "" {
		return nil
	}
	t, err := r.locator.Trace(tree, locate.Query{Object: amend.ObjectRef{Group: "argoproj.io", Kind: "Application", Name: name}})
	if err != nil {
		return nil
	}
	return t
}

// follows reports whether an Application with this revision deploys the branch.
func (r *renderer) follows(revision string) bool {
	switch revision {
	case "", "HEAD", r.q.Branch, "refs/heads/" + r.q.Branch:
		return true
	}
	return false
}

// pin renders the workload of an Application that names a tag or a commit, as
// that was. A name that is nothing here is taken for the branch when nobody knows
// what that is called.
func (r *renderer) pin(s *state, tree fs.FS, revision string) error {
	then, err := r.history.Tree(revision)
	if err != nil && passing(err) == nil && r.q.Branch == "" {
		return nil
	}
	app := r.application(tree)
	switch {
	case err != nil && passing(err) == nil:
		err = amend.Refusef(amend.ReasonUnsupported, "the Application follows %.100q, which is neither the branch %.100q nor a tag or a commit that is here", revision, r.q.Branch)
	case err == nil && app == nil:
		err = amend.Refusef(amend.ReasonUnsupported, "the Application follows %.100q, and the repo does not declare it", revision)
	case err == nil:
		var live []byte
		if live, err = app.Object().Document(); err == nil {
			s.source, err = r.locator.Trace(then, locate.Query{Object: r.q.Workload.Object, Live: live})
		}
	}
	if err != nil {
		s.source, s.err, s.app = nil, err, app
	}
	return passing(err)
}
