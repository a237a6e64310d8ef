package forge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend/internal/forge/store"
)

// A review is what one person says of a pull request.
type review struct {
	ID        int64     `json:"id"`
	User      string    `json:"user"`
	Body      string    `json:"body"`
	State     string    `json:"state"` // APPROVED, CHANGES_REQUESTED or COMMENTED
	Commit    store.ID  `json:"commit"`
	Submitted time.Time `json:"submitted"`
}

// requestReviewers asks people for a review. As on GitHub one who cannot be
// asked fails the whole request.
func (s *Server) requestReviewers(c call) (reply, error) {
	var in struct {
		Reviewers []string `json:"reviewers"`
		Teams     []string `json:"team_reviewers"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	p, err := s.changePull(c, func(p *pull) error {
		for _, login := range in.Reviewers {
			switch {
			case strings.EqualFold(login, p.User):
				return invalid("Review cannot be requested from pull request author.")
			case s.cfg.Outsiders[login]:
				return invalid("Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the %s repository.", c.repo.fullName())
			case !slices.Contains(p.Reviewers, login):
				p.Reviewers = append(p.Reviewers, login)
			}
		}
		for _, team := range in.Teams {
			if !slices.Contains(p.Teams, team) {
				p.Teams = append(p.Teams, team)
			}
		}
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	doc, err := c.pullDoc(p)
	if err != nil {
		return reply{}, err
	}
	return created(doc)
}

// reviewState maps what a reviewer does to what the review is from then on.
func reviewState(event string) (string, bool) {
	state, known := map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}[event]
	return state, known
}

func (s *Server) createReview(c call) (reply, error) {
	var in struct {
		Body     string        `json:"body"`
		Event    string        `json:"event"`
		Commit   string        `json:"commit_id"`
		Comments []draftRemark `json:"comments"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	state, known := reviewState(in.Event)
	if !known || in.Body == "" && state != "APPROVED" {
		return reply{}, invalid("Unprocessable Entity")
	}
	p, err := s.changePull(c, func(p *pull) error {
		if in.Commit != "" && in.Commit != string(p.HeadSHA) && len(in.Comments) > 0 {
			return invalid("Unprocessable Entity: this host takes comments on the head only")
		}
		made, err := c.remarks(*p, in.Comments)
		if err != nil {
			return err
		}
		now := s.cfg.Now().UTC()
		id := c.repo.id()<<20 + int64(p.Number)<<10 + int64(len(p.Reviews)) + 1
		p.Reviews = append(p.Reviews, review{id, c.who.Login, in.Body, state, p.HeadSHA, now})
		for _, r := range made {
			r.ID, r.Review, r.User, r.Created = c.repo.id()<<20+int64(p.Number)<<10+int64(len(p.Remarks))+1, id, c.who.Login, now
			p.Remarks = append(p.Remarks, r)
		}
		p.Reviewers = slices.DeleteFunc(p.Reviewers, func(login string) bool { return login == c.who.Login })
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	return ok(c.reviewDoc(p, p.Reviews[len(p.Reviews)-1]))
}

func (s *Server) listReviews(c call) (reply, error) {
	one, err := s.changePull(c, nil)
	if err != nil {
		return reply{}, err
	}
	return listPage(c, one.Reviews, func(r review) reviewDoc { return c.reviewDoc(one, r) })
}

type reviewLinksDoc struct {
	HTML linkDoc `json:"html"`
	Pull linkDoc `json:"pull_request"`
}

type reviewDoc struct {
	ID                int64          `json:"id"`
	NodeID            string         `json:"node_id"`
	User              linked         `json:"user"`
	Body              string         `json:"body"`
	State             string         `json:"state"`
	HTMLURL           string         `json:"html_url"`
	PullURL           string         `json:"pull_request_url"`
	AuthorAssociation string         `json:"author_association"`
	Links             reviewLinksDoc `json:"_links"`
	SubmittedAt       time.Time      `json:"submitted_at"`
	CommitID          store.ID       `json:"commit_id"`
}

func (c call) reviewDoc(p pull, r review) reviewDoc {
	web, at := fmt.Sprintf("%s/pull/%d#pullrequestreview-%d", c.web(), p.Number, r.ID), fmt.Sprintf("%s/pulls/%d", c.repoAPI(), p.Number)
	return reviewDoc{
		ID: r.ID, NodeID: fmt.Sprintf("PRR_%d", r.ID), User: c.userDoc(r.User), Body: r.Body, State: r.State, HTMLURL: web, PullURL: at,
		AuthorAssociation: "MEMBER", Links: reviewLinksDoc{linkDoc{web}, linkDoc{at}}, SubmittedAt: r.Submitted, CommitID: r.Commit,
	}
}

type teamDoc struct {
	ID          int64   `json:"id"`
	NodeID      string  `json:"node_id"`
	Name        string  `json:"name"`
	Slug        string  `json:"slug"`
	Description *string `json:"description"`
	Permission  string  `json:"permission"`
	Type        string  `json:"type"`
	Parent      *string `json:"parent"`
	URL         string  `json:"url"`
	HTMLURL     string  `json:"html_url"`
	MembersURL  string  `json:"members_url"`
	ReposURL    string  `json:"repositories_url"`
}

func (c call) teamDocs(slugs []string) []teamDoc {
	docs := []teamDoc{}
	for _, slug := range slugs {
		at := c.api() + "/orgs/" + c.repo.owner + "/teams/" + slug
		docs = append(docs, teamDoc{
			ID: stableID(slug), NodeID: "T_" + slug, Name: slug, Slug: slug, Permission: "push", Type: "organization",
			URL: at, HTMLURL: site(c.Request) + "/orgs/" + c.repo.owner + "/teams/" + slug, MembersURL: at + "/members{/member}", ReposURL: at + "/repos",
		})
	}
	return docs
}
