package writerapi

import (
	"context"

	"github.com/amendhq/amend"
)

// decide previews an event. What it would write is shown to those only who may
// ask for it.
func (s *Server) decide(ctx context.Context, c Caller, q eventRequest) (amend.Decision, error) {
	e, err := s.event(q)
	if err != nil {
		return amend.Decision{}, err
	}
	d, err := s.cfg.Decider.Preview(ctx, e)
	if err != nil || d.Plan == nil && d.Reason != amend.ReasonWithdrawn {
		return d, err
	}
	return s.shown(ctx, c, d)
}

// propose decides about an event and carries the decision out. The decider asks
// for permission before it writes; a diff that is only shown is asked for here.
func (s *Server) propose(ctx context.Context, c Caller, q eventRequest) (amend.Decision, error) {
	e, err := s.event(q)
	if err != nil {
		return amend.Decision{}, err
	}
	d, err := s.cfg.Decider.Handle(ctx, e, s.allow(c))
	if err == nil && d.Plan != nil && !d.Acts() {
		d, err = s.shown(ctx, c, d)
	}
	if err == nil {
		s.cfg.Observe(d)
	}
	return d, err
}

// shown returns the decision for the eyes of the caller: without its plan and
// as forbidden where they may not ask for changes.
func (s *Server) shown(ctx context.Context, c Caller, d amend.Decision) (amend.Decision, error) {
	err := s.access.check(ctx, c, d.Workload.ObjectRef)
	if amend.KindOf(err) == amend.Refused {
		d.Reason, d.Detail, d.Plan, d.Change = amend.ReasonForbidden, err.Error(), nil, nil
		return d, nil
	}
	return d, err
}

func (s *Server) allow(c Caller) Allow {
	return func(ctx context.Context, object amend.ObjectRef) error { return s.access.check(ctx, c, object) }
}

func (s *Server) event(q eventRequest) (amend.Event, error) {
	if q.Event == "" {
		return amend.Event{}, amend.Errorf(amend.Invalid, "read request", "event is missing")
	}
	return s.cfg.Unpack(q.Event)
}

func (s *Server) revert(ctx context.Context, c Caller, q commitRequest) (amend.Decision, error) {
	if err := checkCommit("commit", q.Commit); err != nil {
		return amend.Decision{}, err
	}
	d, err := s.cfg.Decider.Revert(ctx, q.Commit, s.cfg.Now(), s.allow(c))
	if err == nil {
		s.cfg.Observe(d)
	}
	return d, err
}

// record asks after the effect whether the caller may see it: what it does, the
// writer's own sweep does every now and then for everybody.
func (s *Server) record(ctx context.Context, c Caller, q commitRequest) (Entry, error) {
	if err := checkCommit("commit", q.Commit); err != nil {
		return Entry{}, err
	}
	r, state, err := s.cfg.Ledger.Record(ctx, q.Commit)
	if err != nil || state == UnknownCommit {
		return Entry{State: state}, err
	}
	if err := s.mayRead(ctx, c, r); err != nil {
		return Entry{}, err
	}
	return Entry{State: state, Record: r}, nil
}

func (s *Server) change(ctx context.Context, c Caller, q commitRequest) (Change, error) {
	if err := checkCommit("commit", q.Commit); err != nil {
		return Change{}, err
	}
	r, err := s.cfg.Ledger.Change(ctx, q.Commit)
	if err != nil {
		return Change{}, err
	}
	return Change{Record: r, Repo: s.cfg.Repo}, s.mayRead(ctx, c, r)
}

// mayRead refuses unless the caller may ask for changes of what the record is about.
func (s *Server) mayRead(ctx context.Context, c Caller, r amend.Record) error {
	object, err := amend.ParseObjectRef(r.Target)
	if err != nil {
		return amend.Errorf(amend.Internal, "read record", "%w", err)
	}
	return s.access.check(ctx, c, object)
}

// contains tells about commit ids that the caller knows already, so it asks for
// no right beyond a token.
func (s *Server) contains(ctx context.Context, _ Caller, q containsRequest) (containsAnswer, error) {
	if err := checkCommit("revision", q.Revision); err != nil {
		return containsAnswer{}, err
	}
	if err := checkCommit("commit", q.Commit); err != nil {
		return containsAnswer{}, err
	}
	ok, err := s.cfg.History.Contains(ctx, q.Revision, q.Commit)
	return containsAnswer{ok}, err
}

// sweep does early what the writer does by itself.
func (s *Server) sweep(ctx context.Context, _ Caller, _ struct{}) (struct{}, error) {
	return struct{}{}, s.cfg.Ledger.Sweep(ctx)
}
