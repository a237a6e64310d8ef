package forge

import (
	"fmt"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

// A remark is a comment of a review on lines of the diff, on the side of the head.
type remark struct {
	ID        int64     `json:"id"`
	Review    int64     `json:"review"`
	User      string    `json:"user"`
	Path      string    `json:"path"`
	StartLine int       `json:"startLine,omitempty"` // of several lines
	Line      int       `json:"line"`
	Body      string    `json:"body"`
	Hunk      string    `json:"hunk"`
	Commit    store.ID  `json:"commit"`
	Created   time.Time `json:"created"`
}

// A draftRemark is a remark as a client writes it.
type draftRemark struct {
	Path      string `json:"path"`
	Body      string `json:"body"`
	StartLine int    `json:"start_line"`
	StartSide string `json:"start_side"`
	Line      int    `json:"line"`
	Side      string `json:"side"`
}

// remarks checks drafts against the diff of a pull request. As on GitHub one whose
// lines are not in one hunk of it fails the whole review.
func (c call) remarks(p pull, drafts []draftRemark) ([]remark, error) {
	var all []remark
	if len(drafts) == 0 {
		return nil, nil
	}
	_, _, common, err := c.repo.Diverged(c.Context(), p.BaseSHA, p.HeadSHA)
	if err != nil {
		return nil, err
	}
	for _, d := range drafts {
		if d.Body == "" || d.Side != "RIGHT" || d.StartLine != 0 && d.StartSide != "RIGHT" {
			return nil, invalid("Unprocessable Entity")
		}
		path, err := amend.ParseRepoPath(d.Path)
		if err != nil {
			return nil, invalid("Unprocessable Entity: Path could not be resolved")
		}
		hunks, err := c.repo.Hunks(c.Context(), common, p.HeadSHA, path.String())
		if err != nil {
			return nil, err
		}
		hunk, ok := holding(hunks, d)
		switch {
		case len(hunks) == 0:
			return nil, invalid("Unprocessable Entity: Path could not be resolved")
		case !ok:
			return nil, invalid("Unprocessable Entity: Line could not be resolved")
		}
		all = append(all, remark{Path: d.Path, StartLine: d.StartLine, Line: d.Line, Body: d.Body, Hunk: hunk.Text, Commit: p.HeadSHA})
	}
	return all, nil
}

// holding returns the hunk that has all lines of a draft.
func holding(hunks []store.Hunk, d draftRemark) (store.Hunk, bool) {
	first := d.Line
	if d.StartLine != 0 {
		first = d.StartLine
	}
	for _, h := range hunks {
		if first >= h.Line && first <= d.Line && d.Line <= h.EndLine && (d.StartLine == 0 || first < d.Line) {
			return h, true
		}
	}
	return store.Hunk{}, false
}

func (s *Server) listRemarks(c call) (reply, error) {
	one, err := s.changePull(c, nil)
	if err != nil {
		return reply{}, err
	}
	return listPage(c, one.Remarks, func(r remark) remarkDoc { return c.remarkDoc(one, r) })
}

type remarkLinksDoc struct {
	Self linkDoc `json:"self"`
	HTML linkDoc `json:"html"`
	Pull linkDoc `json:"pull_request"`
}

type remarkDoc struct {
	URL               string         `json:"url"`
	ReviewID          int64          `json:"pull_request_review_id"`
	ID                int64          `json:"id"`
	NodeID            string         `json:"node_id"`
	DiffHunk          string         `json:"diff_hunk"`
	Path              string         `json:"path"`
	CommitID          store.ID       `json:"commit_id"`
	OriginalCommitID  store.ID       `json:"original_commit_id"`
	User              linked         `json:"user"`
	Body              string         `json:"body"`
	CreatedAt         time.Time      `json:"created_at"`
	UpdatedAt         time.Time      `json:"updated_at"`
	HTMLURL           string         `json:"html_url"`
	PullURL           string         `json:"pull_request_url"`
	AuthorAssociation string         `json:"author_association"`
	Links             remarkLinksDoc `json:"_links"`
	StartLine         *int           `json:"start_line"`
	StartSide         *string        `json:"start_side"`
	Line              int            `json:"line"`
	Side              string         `json:"side"`
}

func (c call) remarkDoc(p pull, r remark) remarkDoc {
	web, at := fmt.Sprintf("%s/pull/%d#discussion_r%d", c.web(), p.Number, r.ID), fmt.Sprintf("%s/pulls/%d", c.repoAPI(), p.Number)
	self := fmt.Sprintf("%s/pulls/comments/%d", c.repoAPI(), r.ID)
	doc := remarkDoc{
		URL: self, ReviewID: r.Review, ID: r.ID, NodeID: fmt.Sprintf("PRRC_%d", r.ID), DiffHunk: r.Hunk, Path: r.Path, CommitID: r.Commit, OriginalCommitID: r.Commit,
		User: c.userDoc(r.User), Body: r.Body, CreatedAt: r.Created, UpdatedAt: r.Created, HTMLURL: web, PullURL: at, AuthorAssociation: "MEMBER",
		Links: remarkLinksDoc{linkDoc{self}, linkDoc{web}, linkDoc{at}}, Line: r.Line, Side: "RIGHT",
	}
	if r.StartLine != 0 {
		side := "RIGHT"
		doc.StartLine, doc.StartSide = &r.StartLine, &side
	}
	return doc
}
