package escalation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/message"
)

// sweep looks at all pull requests that have changed or whose time has come,
// and at all trouble.
func (d *Desk) sweep(ctx context.Context) {
	listed, err := d.cfg.Pulls.List(ctx)
	if err != nil {
		d.cfg.Log.Warn("the pull requests to ask about cannot be listed", "error", amend.Public(err))
	}
	seen := map[int]bool{}
	for _, l := range listed {
		seen[l.Number] = true
		m := d.pull(l.Number)
		if !l.Updated.Equal(m.updated) || d.due(m) {
			m.updated = l.Updated
			d.look(ctx, l.Number)
			d.serve(ctx)
		}
	}
	for number, m := range d.pulls {
		switch {
		case seen[number]:
		case d.due(m):
			d.look(ctx, number) // the host may list it late, or not at all now
			d.serve(ctx)
		case err == nil:
			delete(d.pulls, number) // it was closed long ago
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.troubles)) {
		if m := d.troubles[key]; m != nil && d.due(m) {
			d.lookAtTrouble(ctx, key)
			d.serve(ctx)
		}
	}
}

func (d *Desk) due(m *memory) bool { return !m.wake.IsZero() && !d.cfg.Now().Before(m.wake) }

// A file is a matter with all that is known of it at one moment.
type file struct {
	*memory
	number   int // 0 for trouble
	question approval.Question
	matter   approval.Matter
	entries  []approval.Entry
	rules    Rules
}

// look reads a pull request, tells what has become of earlier questions, and
// asks who is to be asked now.
func (d *Desk) look(ctx context.Context, number int) {
	f, err := d.open(ctx, number)
	if amend.KindOf(err) == amend.NotFound {
		delete(d.pulls, number)
		return
	}
	if err != nil {
		d.cfg.Log.Warn("a pull request cannot be asked about now", "pr", number, "error", amend.Public(err))
		d.pull(number).wake = d.cfg.Now() // the next sweep tries again
		return
	}
	d.proceed(ctx, f)
}

// open reads a pull request and the policy as they are at this moment.
func (d *Desk) open(ctx context.Context, number int) (*file, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	rules, err := d.cfg.Rules(ctx)
	if err != nil {
		return nil, err
	}
	p, err := d.cfg.Pulls.Read(ctx, number)
	if err != nil {
		return nil, err
	}
	f := &file{memory: d.pull(number), number: number, matter: p.Matter, rules: rules}
	for _, c := range p.Comments {
		f.entries = append(f.entries, approval.Unmark(d.cfg.Key, d.scope(number), c)...)
	}
	f.entries = append(f.entries, f.unsaved...)
	f.matter.Vouched = f.vouched != "" && f.vouched == p.Matter.SHA
	f.question = approval.Question{
		Matter: pullKey(number), Title: p.Title, Diff: p.Diff, URL: p.URL, SHA: p.Matter.SHA,
		Answerable: approval.Answerable(f.matter, f.entries),
		Text:       fmt.Sprintf("Pull request %d of %s waits for a person.", number, d.cfg.Repo),
	}
	if !f.question.Answerable {
		f.question.Diff = "" // nobody has seen to it that it quotes no secret
	}
	return f, nil
}

// scope binds the marks of a pull request to it.
func (d *Desk) scope(number int) string { return d.cfg.Repo + "#" + strconv.Itoa(number) }

// pullPrefix tells pull requests from trouble in approval.Question.Matter.
const pullPrefix = "pull/"

func pullKey(number int) string { return pullPrefix + strconv.Itoa(number) }

func pullNumber(key string) (int, bool) {
	text, ok := strings.CutPrefix(key, pullPrefix)
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && n > 0
}

// proceed tells what has become of earlier questions and asks the next.
func (d *Desk) proceed(ctx context.Context, f *file) {
	if f.number > 0 && len(f.unsaved) > 0 {
		d.record(ctx, f, "amend writes down what the host did not take before.")
	}
	settled := d.tell(ctx, f)
	step, wake := f.rules.Chain.Next(f.matter, f.entries, d.cfg.Now())
	if patient := d.patience(f); step >= 0 && d.cfg.Now().Before(patient) {
		step, wake = -1, patient
	}
	for step >= 0 {
		e, again := d.ask(ctx, f, step)
		if again {
			wake = d.cfg.Now()
			break
		}
		f.entries = append(f.entries, e)
		d.record(ctx, f, d.note(f, e), e)
		step, wake = f.rules.Chain.Next(f.matter, f.entries, d.cfg.Now())
	}
	if !settled || f.number > 0 && len(f.unsaved) > 0 {
		wake = d.cfg.Now()
	}
	f.wake = wake
	if f.number == 0 && wake.IsZero() {
		delete(d.troubles, f.question.Matter) // it is over
	}
}

// patience returns until when the writer may still vouch for the commit.
func (d *Desk) patience(f *file) time.Time {
	if f.number == 0 || f.question.Answerable {
		return time.Time{}
	}
	if f.head != f.matter.SHA {
		f.head, f.since = f.matter.SHA, d.cfg.Now()
	}
	return f.since.Add(vouchTime)
}

// maxFails is how often a step is tried before the next one is told instead.
const maxFails = 3

// ask tells one place. Again means that it is to be tried once more later.
func (d *Desk) ask(ctx context.Context, f *file, step int) (e approval.Entry, again bool) {
	e = f.rules.Chain.Ask(f.matter, f.entries, step, d.cfg.Now().UTC().Truncate(time.Millisecond))
	q := f.question
	q.Until, q.Step = e.Until, step+1
	ref, err := "", error(amend.Errorf(amend.Invalid, "ask", "no credential for %s is configured", e.Via))
	if c := d.cfg.Channels[e.Via]; c != nil {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		ref, err = c.Ask(ctx, e.Place, q)
	}
	if err == nil {
		e.Ref, f.fails = ref, 0
		f.told[messageKey(e)] = approval.Outcome{State: approval.Waiting}
		d.metrics.questions.WithLabelValues(e.Via, "asked").Inc()
		return e, false
	}
	d.cfg.Log.Warn("nobody is asked there", "matter", q.Matter, "via", e.Via, "place", e.Place, "error", amend.Public(err))
	if f.fails++; amend.KindOf(err) == amend.Transient && f.fails < maxFails {
		d.metrics.questions.WithLabelValues(e.Via, "failed").Inc()
		return e, true
	}
	d.metrics.questions.WithLabelValues(e.Via, "unreachable").Inc()
	e.Kind, f.fails = approval.Unreachable, 0
	return e, false
}

// messageKey names the message of a question.
func messageKey(e approval.Entry) string { return e.Via + "\x00" + e.Place + "\x00" + e.Ref }

// tell brings the messages of earlier questions up to date. It is false when
// one is not.
func (d *Desk) tell(ctx context.Context, f *file) bool {
	all := true
	for _, e := range f.entries {
		c := d.cfg.Channels[e.Via]
		if e.Kind != approval.Asked || c == nil {
			continue
		}
		key := messageKey(e)
		o := approval.OutcomeOf(f.matter, f.entries, e, d.cfg.Now())
		if was := f.told[key]; was == o || was.State == "" && o.State == approval.Waiting {
			continue
		}
		q := f.question
		q.Until, q.Step, q.SHA, q.Answerable = e.Until, e.Step+1, e.SHA, e.Vouched
		if o.State == approval.Replaced {
			q.Diff = "" // it is the one of what is there now
		}
		within, cancel := context.WithTimeout(ctx, callTime)
		err := c.Tell(within, e.Place, e.Ref, q, o)
		cancel()
		if err != nil {
			d.cfg.Log.Warn("a message stays as it was", "matter", q.Matter, "via", e.Via, "place", e.Place, "error", amend.Public(err))
		}
		if amend.KindOf(err) == amend.Transient {
			all = false
			continue
		}
		f.told[key] = o
	}
	return all
}

// record keeps entries in a comment of the pull request; what the host does not
// take now goes with the next one. Those of trouble stay in memory.
func (d *Desk) record(ctx context.Context, f *file, text string, entries ...approval.Entry) {
	f.unsaved = append(slices.Clip(f.unsaved), entries...)
	if f.number == 0 {
		return
	}
	mark, err := approval.Mark(d.cfg.Key, d.scope(f.number), f.unsaved)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		err = d.cfg.Acts.Comment(ctx, f.number, text+"\n\n"+mark)
	}
	if err != nil {
		d.cfg.Log.Warn("what was asked is not on the pull request yet", "pr", f.number, "error", amend.Public(err))
		return
	}
	f.unsaved = nil
}

// note says in a comment what was asked.
func (d *Desk) note(f *file, e approval.Entry) string {
	where := fmt.Sprintf("%s %s (step %d of %d)", placeName(e.Via), message.Inert(e.Place, 100), e.Step+1, len(f.rules.Chain.Steps))
	if e.Kind == approval.Unreachable {
		return "amend could not reach " + where + ", so the next step is told."
	}
	return fmt.Sprintf("amend has told %s that this waits. An answer there counts until %s.", where, e.Until.Format(time.RFC3339))
}

// placeName is a kind of place as people call it.
func placeName(via string) string {
	switch via {
	case "slack":
		return "the Slack channel"
	case "pagerduty":
		return "the PagerDuty service"
	case "oncall":
		return "the Grafana OnCall integration"
	}
	return "the " + via
}
