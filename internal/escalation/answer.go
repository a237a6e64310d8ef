package escalation

import (
	"context"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
)

// A Press is an answer that came in, and how to speak to who gave it.
type Press struct {
	approval.Answer
	// Reply tells the person alone why the answer does not count.
	Reply func(ctx context.Context, text string) error
}

// Press takes an answer, to be judged soon. It is false when too many wait; the
// person has to answer again.
func (d *Desk) Press(p Press) bool {
	select {
	case d.presses <- p:
		return true
	default:
		d.drop("answer", "matter", p.Matter)
		return false
	}
}

// answer carries an answer out, if it counts by what is there at this moment.
func (d *Desk) answer(ctx context.Context, p Press) {
	f, who, refusal := d.judge(ctx, p.Answer)
	var detail string
	if refusal == "" {
		refusal, detail = d.act(ctx, f, p.Answer, who)
	}
	if refusal == "" {
		d.metrics.answers.WithLabelValues(string(p.Verb), "done").Inc()
		d.cfg.Log.Info("answered", "matter", p.Matter, "verb", p.Verb, "by", who.Name, "via", p.Via, "commit", f.matter.SHA)
		d.proceed(ctx, f)
		return
	}
	d.metrics.answers.WithLabelValues(string(p.Verb), string(refusal)).Inc()
	d.cfg.Log.Warn("an answer does not count", "matter", p.Matter, "verb", p.Verb, "user", p.User, "via", p.Via, "reason", refusal, "detail", detail)
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if err := p.Reply(ctx, refusal.Text()); err != nil {
		d.cfg.Log.Warn("who answered is not told that it does not count", "error", amend.Public(err))
	}
	if f != nil {
		d.proceed(ctx, f)
	}
}

// Notice takes the word of a system that somebody looks after a matter, to be
// judged soon. It is false when too many wait.
func (d *Desk) Notice(n approval.Notice) bool {
	select {
	case d.notices <- n:
		return true
	default:
		d.drop("notice", "matter", n.Matter)
		return false
	}
}

// heed ends the chain for somebody who looks after the matter, if the notice
// counts by what is there at this moment.
func (d *Desk) heed(ctx context.Context, n approval.Notice) {
	f, err := d.find(ctx, n.Matter)
	place, refusal, detail := "", approval.RefusedUnknown, ""
	switch {
	case err == nil:
		place, refusal = f.rules.Chain.Heed(f.matter, f.entries, n, d.cfg.Now())
	case amend.KindOf(err) != amend.NotFound:
		refusal, detail = approval.RefusedFailed, amend.Public(err)
	}
	if refusal == "" {
		a := approval.Answer{Verb: approval.Acknowledge, Matter: n.Matter, Via: n.Via, Place: place, Ref: n.Ref, SHA: f.matter.SHA}
		refusal, detail = d.act(ctx, f, a, approval.Approver{Name: n.By})
	}
	if refusal != "" {
		d.metrics.answers.WithLabelValues(string(approval.Acknowledge), string(refusal)).Inc()
		d.cfg.Log.Info("that somebody looks after it does not count", "matter", n.Matter, "via", n.Via, "reason", refusal, "detail", detail)
		return
	}
	d.metrics.answers.WithLabelValues(string(approval.Acknowledge), "done").Inc()
	d.cfg.Log.Info("acknowledged", "matter", n.Matter, "by", n.By, "via", n.Via, "commit", f.matter.SHA)
	d.proceed(ctx, f)
}

// judge reads what is answered about and says whether the answer counts.
func (d *Desk) judge(ctx context.Context, a approval.Answer) (*file, approval.Approver, approval.Refusal) {
	f, err := d.find(ctx, a.Matter)
	switch {
	case amend.KindOf(err) == amend.NotFound:
		return nil, approval.Approver{}, approval.RefusedUnknown
	case err != nil:
		d.cfg.Log.Warn("an answer cannot be judged", "matter", a.Matter, "error", amend.Public(err))
		return nil, approval.Approver{}, approval.RefusedFailed
	}
	who, refusal := f.rules.Chain.Judge(f.matter, f.entries, a, d.cfg.Now())
	if refusal == "" && a.Verb == approval.Approve && f.rules.Stopped {
		refusal = approval.RefusedStopped
	}
	return f, who, refusal
}

func (d *Desk) find(ctx context.Context, key string) (*file, error) {
	if number, ok := pullNumber(key); ok {
		return d.open(ctx, number)
	}
	return d.openTrouble(ctx, key)
}

// act does what an answer that counts asks for, and keeps that it was.
func (d *Desk) act(ctx context.Context, f *file, a approval.Answer, who approval.Approver) (approval.Refusal, string) {
	within, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	e := approval.Entry{Via: a.Via, Place: a.Place, Ref: a.Ref, SHA: f.matter.SHA, Digest: f.matter.Digest, By: who.Name, At: d.cfg.Now().UTC().Truncate(time.Millisecond)}
	name, text := "**"+message.Inert(who.Name, 100)+"**", ""
	var err error
	switch a.Verb {
	case approval.Approve:
		e.Kind, text = approval.Approved, name+" approved commit "+e.SHA+" in "+placeName(a.Via)+", and amend has merged it."
		if err = d.merge(within, f, who); err == nil {
			f.matter.State = approval.Merged
		}
	case approval.Reject:
		e.Kind, text = approval.Rejected, name+" rejected this in "+placeName(a.Via)+", so amend has closed it. That mutes the incident, as closing it by hand does."
		if f.number > 0 {
			err = d.cfg.Acts.Decline(within, f.number)
		}
		if err == nil {
			f.matter.State = approval.Closed
		}
	default:
		e.Kind, text = approval.Acknowledged, name+" looks after this, so nobody else is asked."
	}
	switch {
	case amend.ReasonOf(err) == amend.ReasonKillSwitch:
		return approval.RefusedStopped, ""
	case amend.KindOf(err) == amend.Conflict:
		return approval.RefusedChanged, amend.Public(err)
	case amend.ReasonOf(err) == amend.ReasonFrozen:
		return approval.RefusedFrozen, amend.Public(err)
	case err != nil:
		return approval.RefusedFailed, amend.Public(err)
	}
	d.took(f, a, e.At)
	f.entries = append(f.entries, e)
	f.state = f.matter.State
	d.record(ctx, f, text, e)
	return "", ""
}

// merge merges what was approved. To read and judge it took a while, so the kill
// switch is looked at once more.
func (d *Desk) merge(ctx context.Context, f *file, by approval.Approver) error {
	rules, err := d.cfg.Rules(ctx)
	switch {
	case err != nil:
		return err
	case rules.Stopped:
		return amend.Refusef(amend.ReasonKillSwitch, "the kill switch was set meanwhile")
	}
	return d.cfg.Acts.Merge(ctx, f.number, f.matter.SHA, by)
}

// took measures how long the answer took.
func (d *Desk) took(f *file, a approval.Answer, at time.Time) {
	for _, e := range f.entries {
		if e.Kind == approval.Asked && e.Ref == a.Ref {
			d.metrics.seconds.Observe(at.Sub(e.At).Seconds())
			return
		}
	}
}
