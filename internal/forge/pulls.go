package forge

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

// A pull is one pull request, as it is kept on disk.
type pull struct {
	Number    int       `json:"number"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	User      string    `json:"user"`
	Head      string    `json:"head"` // branch of the same repository
	Base      string    `json:"base"`
	HeadSHA   store.ID  `json:"headSha"` // as last seen while open
	BaseSHA   store.ID  `json:"baseSha"`
	Draft     bool      `json:"draft"`
	State     string    `json:"state"` // open or closed
	MergeSHA  store.ID  `json:"mergeSha,omitempty"`
	MergedBy  string    `json:"mergedBy,omitempty"`
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`
	Closed    time.Time `json:"closed,omitzero"`
	Labels    []string  `json:"labels,omitempty"`
	Comments  []comment `json:"comments,omitempty"`
	Reviewers []string  `json:"reviewers,omitempty"` // who is asked for a review
	Teams     []string  `json:"teams,omitempty"`
	Reviews   []review  `json:"reviews,omitempty"`
	Remarks   []remark  `json:"remarks,omitempty"` // of the reviews, on lines

	judged string // the pair of commits that settle last looked at
}

// A comment is one comment on a pull request.
type comment struct {
	ID      int64     `json:"id"`
	User    string    `json:"user"`
	Body    string    `json:"body"`
	Created time.Time `json:"created"`
}

func (p *pull) merged() bool { return p.MergeSHA != "" }

// pulls are the pull requests of a repository: in memory, and one file each.
type pulls struct {
	dir string
	mu  sync.Mutex
	all map[int]*pull
	// news is what happened since it was last taken.
	news []news
}

// news is one thing that happened to a pull request, in the words of GitHub's
// pull_request webhook.
type news struct {
	action string
	pull   pull     // as it was right after
	before store.ID // the head until then, for synchronize
}

// newsOf compares two states of a pull request; before the first it is nil.
func newsOf(old *pull, now pull) (news, bool) {
	switch {
	case old == nil:
		return news{action: "opened", pull: now}, true
	case old.State != now.State && now.State == "open":
		return news{action: "reopened", pull: now}, true
	case old.State != now.State:
		return news{action: "closed", pull: now}, true
	case old.HeadSHA != now.HeadSHA:
		return news{action: "synchronize", pull: now, before: old.HeadSHA}, true
	}
	return news{}, false
}

// takeNews returns what happened since the last call, in order.
func (p *pulls) takeNews() []news {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.news
	p.news = nil
	return taken
}

func (p *pulls) load() error {
	p.all = map[int]*pull{}
	files, err := filepath.Glob(filepath.Join(p.dir, "*.json"))
	if err != nil {
		return amend.Errorf(amend.Internal, "read pull requests", "%w", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return amend.Errorf(amend.Internal, "read pull requests", "%w", err)
		}
		one := &pull{}
		if err := json.Unmarshal(data, one); err != nil {
			return amend.Errorf(amend.Internal, "read pull requests", "%s: %w", file, err)
		}
		p.all[one.Number] = one
	}
	return nil
}

// save keeps the new state of one pull request, on disk first; p.mu is held.
func (p *pulls) save(one pull) error {
	if err := store.SaveJSON(filepath.Join(p.dir, fmt.Sprintf("%d.json", one.Number)), one); err != nil {
		return amend.Errorf(amend.Internal, "write pull request", "%w", err)
	}
	if n, happened := newsOf(p.all[one.Number], one); happened {
		p.news = append(p.news, n)
	}
	p.all[one.Number] = &one
	return nil
}

// open counts the open ones.
func (p *pulls) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, one := range p.all {
		if one.State == "open" {
			n++
		}
	}
	return n
}

// change lets edit work on a pull request that is up to date, keeps the result,
// and returns a copy. A failed edit leaves the pull request as it was.
func (r *repository) change(ctx context.Context, number int, now time.Time, edit func(*pull) error) (pull, error) {
	r.pulls.mu.Lock()
	defer r.pulls.mu.Unlock()
	if r.pulls.all[number] == nil {
		return pull{}, notFound()
	}
	one, err := r.settle(ctx, number, now)
	if err != nil || edit == nil {
		return one, err
	}
	one.Labels, one.Comments = slices.Clone(one.Labels), slices.Clone(one.Comments)
	one.Reviewers, one.Teams, one.Reviews = slices.Clone(one.Reviewers), slices.Clone(one.Teams), slices.Clone(one.Reviews)
	if err := edit(&one); err != nil {
		return pull{}, err
	}
	one.Updated = now
	return one, r.pulls.save(one)
}

// settle brings an open pull request up to date with its branches, as GitHub
// does after a push: a new head is taken over, a deleted head closes it, and a
// head that has reached the base makes it merged. r.pulls.mu is held.
func (r *repository) settle(ctx context.Context, number int, now time.Time) (pull, error) {
	p := *r.pulls.all[number]
	if p.State != "open" {
		return p, nil
	}
	base, err := r.Ref("refs/heads/" + p.Base)
	if err != nil {
		return p, ignoreMissing(err)
	}
	head, err := r.Ref("refs/heads/" + p.Head)
	if amend.KindOf(err) == amend.NotFound {
		p.State, p.Closed, p.Updated = "closed", now, now
		return p, r.pulls.save(p)
	}
	if err != nil {
		return p, err
	}
	pair := string(base.ID + " " + head.ID)
	if p.judged == pair {
		return p, nil
	}
	reached, err := r.Descends(ctx, base.ID, head.ID)
	if err != nil {
		return p, err
	}
	if reached && base.ID != p.BaseSHA {
		p.State, p.Closed, p.MergeSHA = "closed", now, base.ID
	}
	if head.ID != p.HeadSHA {
		p.Updated = now
	}
	p.HeadSHA, p.BaseSHA, p.judged = head.ID, base.ID, pair
	return p, r.pulls.save(p)
}

func ignoreMissing(err error) error {
	if amend.KindOf(err) == amend.NotFound {
		return nil
	}
	return err
}

// newPull opens a pull request, unless an open one has the same branches.
func (r *repository) newPull(ctx context.Context, p pull) (pull, error) {
	r.pulls.mu.Lock()
	defer r.pulls.mu.Unlock()
	for number := range r.pulls.all {
		other, err := r.settle(ctx, number, p.Created)
		if err != nil {
			return pull{}, err
		}
		if other.State == "open" && other.Head == p.Head && other.Base == p.Base {
			return pull{}, pullInvalid("", "custom", fmt.Sprintf("A pull request already exists for %s:%s.", r.owner, p.Head))
		}
	}
	p.Number = 1
	if len(r.pulls.all) > 0 {
		p.Number += slices.Max(slices.Collect(maps.Keys(r.pulls.all)))
	}
	return p, r.pulls.save(p)
}

// pullInvalid is how GitHub words a 422 on a pull request.
func pullInvalid(field, code, message string) error {
	f := invalid("Validation Failed")
	f.Errors = []fieldError{{Resource: "PullRequest", Field: field, Code: code, Message: message}}
	return f
}

// listed returns copies of all pull requests, newest first, up to date.
func (r *repository) listed(ctx context.Context, now time.Time) ([]pull, error) {
	r.pulls.mu.Lock()
	defer r.pulls.mu.Unlock()
	list := []pull{}
	for number := range r.pulls.all {
		one, err := r.settle(ctx, number, now)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b pull) int { return cmp.Compare(b.Number, a.Number) })
	return list, nil
}
