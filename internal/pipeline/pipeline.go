// Package pipeline strings the pure stages together: the policy of the env
// repo, the decision, the action, the place of each field and its proved edit.
//
// It is the one code path behind every way to run amend. serve, the workflow
// steps and simulate differ only in where the World comes from and in what they
// do with the Decision.
package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/cache"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/tree"
)

// StopFile is the kill switch: while it exists in the env repo, nothing is changed.
const StopFile = ".amend/stop"

// A World is everything that a decision may depend on, as it was at one commit
// of the env repo and one moment.
type World struct {
	Tree fs.FS
	Past Past
	Now  time.Time
	// Owner tells which Application deploys an object, as it is live; see
	// locate.Query.Live. It is nil where only the env repo is asked.
	Owner func(amend.ObjectRef) ([]byte, error)
	// Acting is told of a decision to act that is to be planned now, which may still
	// end it: whoever carries it out can begin to ask for what that takes. Optional.
	Acting func(amend.Decision)
}

// Past tells what came before the World's commit.
type Past interface {
	Answers
	History
}

// Answers are what amend did about alerts.
type Answers interface {
	// Episodes returns the episodes of an incident, oldest first. The mode is
	// the playbook's: only one that opens pull requests has any on the host.
	Episodes(incident string, mode amend.Mode) ([]amend.Episode, error)
	// Records returns every change of amend, of any incident, since a time at
	// least: what landed and, in the mode that opens pull requests, what waits
	// or waited as one.
	Records(since time.Time, mode amend.Mode) ([]amend.Record, error)
	// Reviews returns how long each pull request of amend that was opened since a
	// time, and was merged, had to wait for that; none where that is not known.
	Reviews(since time.Time) ([]time.Duration, error)
}

// History is that of the files of the env repo, whoever changed them.
type History interface {
	// Versions yields what a file held, newest first and the present content
	// included.
	Versions(path amend.RepoPath) iter.Seq2[Version, error]
	// Commits yields the commits of the branch, each after the one that it
	// stands on first: the newest first, and of a merge the branch's own side.
	Commits() iter.Seq2[Commit, error]
}

// A Version is one content of a file.
type Version struct {
	Content []byte
	// Ours says that a remediation wrote it, so that what it replaced is not
	// a state to go back to.
	Ours bool
}

// A Commit is one state of the branch. Its parent is the next that Commits yields.
type Commit struct {
	SHA  string
	At   time.Time // when it was committed
	Tree fs.FS
	Ours bool // a remediation made it
}

// A Pipeline decides about events. It is safe for concurrent use and remembers
// parsed policies and files by their content, so keep one per env repo.
type Pipeline struct {
	locator *locate.Locator
	reaches *cache.Map[reached, policy.Reach]

	mu     sync.Mutex
	source []byte
	hash   string // of source, "" where the tree does not know it
	policy *policy.Policy
}

// New returns a Pipeline with empty caches. The options are those of its Locator.
func New(options ...locate.Option) *Pipeline {
	return &Pipeline{
		locator: locate.New(options...),
		reaches: cache.New[reached](maxReaches, func(r policy.Reach) int { return 1 + len(r.Applications) }),
	}
}

// Catalogue returns what policies may name: the actions of this binary.
func Catalogue() policy.Catalogue {
	all := actions.All()
	c := make(policy.Catalogue, 0, len(all))
	for _, a := range all {
		c = append(c, policy.Action{Name: a.Name, Summary: a.Summary, Kinds: a.Kinds, Params: a.Params})
	}
	return c
}

// Decide says what to do about an event. A refusal is a Decision with its
// reason; an error means that the World could not be read now, so that no
// decision was reached; it is amend.Internal when amend or a library panicked on
// this event. Decide writes nothing.
func (p *Pipeline) Decide(w World, e amend.Event) (d amend.Decision, err error) {
	defer func() {
		if value := recover(); value != nil {
			d, err = amend.Decision{}, errPanic(value)
		}
	}()
	return p.decide(w, e)
}

func (p *Pipeline) decide(w World, e amend.Event) (amend.Decision, error) {
	d := amend.Decision{EventID: e.ID, Alert: e.Alert.Name(), ReceivedAt: e.Time, DecidedAt: w.Now}
	pol, err := p.load(w.Tree)
	if err != nil {
		return refused(d, amend.ReasonInvalidPolicy, err)
	}
	playbook, req, ok, err := pol.Choose(e, w.Now)
	if !ok {
		d.Reason, d.Detail = amend.ReasonNoPlaybook, "No playbook of "+policy.Path+" matches the labels of the alert."
		return d, nil
	}
	d.Playbook, d.Action, d.Mode = playbook.Name, playbook.Action, playbook.Mode
	if err != nil {
		return refused(d, amend.ReasonNoWorkload, err)
	}
	episodes, err := w.Past.Episodes(req.Incident(), req.Mode)
	if err != nil {
		return amend.Decision{}, err
	}
	records, err := w.Past.Records(w.Now.Add(-pol.Memory()), req.Mode)
	if err != nil {
		return amend.Decision{}, err
	}
	stopped, err := exists(w.Tree, StopFile)
	if err != nil {
		return amend.Decision{}, err
	}
	hurry, err := w.hasten(playbook, &req)
	if err != nil {
		return amend.Decision{}, err
	}
	in := policy.Input{Policy: *pol, Playbook: playbook, Request: req, Episodes: episodes, Records: records, Stopped: stopped, Now: w.Now}
	d = policy.Decide(in)
	if d.Reason != amend.ReasonAct && d.Reason != amend.ReasonSuggested {
		return d, nil
	}
	d.Detail += hurry
	if w.Acting != nil && d.Acts() {
		w.Acting(d)
	}
	d, err = p.plan(w, in, d)
	if err == nil && d.Plan == nil {
		d.Episode--     // the one to open stays closed
		d.Storm = false // and nothing is proposed
	}
	return d, err
}

// hasten gives an urgent request the mode that its deadline leaves, after the past
// was read for the playbook's, and says why.
func (w World) hasten(b policy.Playbook, req *amend.Request) (why string, err error) {
	if !b.Urgent(req.Event.Alert) {
		return "", nil
	}
	reviews, err := w.Past.Reviews(w.Now.Add(-policy.ReviewsOf))
	if err != nil {
		return "", err
	}
	req.Mode, why = b.Hasten(req.Event.Alert, reviews, w.Now)
	return " " + why, nil
}

// refused turns a refusal or a wrong input into a decision, and passes on any
// other error. An error that names no reason gets the given one.
func refused(d amend.Decision, reason amend.Reason, err error) (amend.Decision, error) {
	switch amend.KindOf(err) {
	case amend.Refused, amend.Invalid, amend.NotFound:
	default:
		return amend.Decision{}, err
	}
	if r := amend.ReasonOf(err); r != "" {
		reason = r
	}
	d.Reason, d.Detail = reason, strings.TrimPrefix(amend.Public(err), string(reason)+": ")
	return d, nil
}

// load returns the tree's policy, parsing it only when its bytes changed, and reading
// it only when its hash did.
func (p *Pipeline) load(files fs.FS) (*policy.Policy, error) {
	var hash string
	if known, ok := files.(tree.Hasher); ok {
		hash, _ = known.Hash(policy.Path)
	}
	if parsed := p.known(hash); parsed != nil {
		return parsed, nil
	}
	data, err := fs.ReadFile(files, policy.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, amend.Refusef(amend.ReasonInvalidPolicy, "the env repo has no %s; write one, see docs/policy.md", policy.Path)
	}
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.policy != nil && bytes.Equal(data, p.source) {
		p.hash = hash
		return p.policy, nil
	}
	parsed, err := policy.Parse(policy.Path, data, Catalogue())
	if err != nil {
		return nil, err
	}
	p.source, p.hash, p.policy = data, hash, parsed
	return parsed, nil
}

// known returns the policy of this hash if it was the last one, else nil.
func (p *Pipeline) known(hash string) *policy.Policy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if hash == "" || hash != p.hash {
		return nil
	}
	return p.policy
}

func exists(tree fs.FS, name string) (bool, error) {
	switch _, err := fs.Stat(tree, name); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}
