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

func (s *Server) revert(ctx context.Context, c Caller, q amend.Reversal) (amend.Decision, error) {
	if (q.Commit == "") == (q.Incident == "") {
		return amend.Decision{}, amend.Errorf(amend.Invalid, "read request", "want either a commit or an incident")
	}
	if q.Commit != "" {
		if err := checkCommit("commit", q.Commit); err != nil {
			return amend.Decision{}, err
		}
	}
	q.At = s.cfg.Now()
	d, err := s.cfg.Decider.Revert(ctx, q, s.allow(c))
	if err == nil {
		s.cfg.Observe(d)
	}
	return d, err
}

// verdict takes what a verification found. A verdict is shown under the name of
// the writer, so it is for those only who may ask for changes of the workload.
func (s *Server) verdict(ctx context.Context, c Caller, v amend.Verdict) (amend.Record, error) {
	if _, err := s.readable(ctx, c, v.Commit); err != nil {
		return amend.Record{}, err
	}
	r, err := s.cfg.Verifier.Judge(ctx, v)
	if err == nil {
		s.metrics.verdicts.WithLabelValues(string(v.State)).Inc()
	}
	return r, err
}

func (s *Server) superseded(ctx context.Context, c Caller, q commitRequest) (amend.Successor, error) {
	r, err := s.readable(ctx, c, q.Commit)
	if err != nil {
		return amend.Successor{}, err
	}
	return s.cfg.Verifier.Superseded(ctx, r.Commit)
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
	r, err := s.readable(ctx, c, q.Commit)
	reverts := amend.KindOf(err) == amend.NotFound
	if reverts {
		r, err = s.takenBack(ctx, c, q.Commit)
	}
	if err != nil {
		return Change{}, err
	}
	check, err := s.cfg.Verifier.Check(ctx, r)
	return Change{Record: r, Repo: s.cfg.Repo, Check: check, Reverts: reverts, Trace: s.cfg.History.Trace(r.Commit)}, err
}

// takenBack returns the record of the change that a commit took back, if the caller
// may know of it.
func (s *Server) takenBack(ctx context.Context, c Caller, commit string) (amend.Record, error) {
	r, err := s.cfg.History.TakenBack(ctx, commit)
	if err != nil {
		return amend.Record{}, err
	}
	return r, s.mayRead(ctx, c, r)
}

// readable returns the record of a change that the caller may know of.
func (s *Server) readable(ctx context.Context, c Caller, commit string) (amend.Record, error) {
	if err := checkCommit("commit", commit); err != nil {
		return amend.Record{}, err
	}
	r, err := s.cfg.Ledger.Change(ctx, commit)
	if err != nil {
		return amend.Record{}, err
	}
	return r, s.mayRead(ctx, c, r)
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
