package forge

import (
	"fmt"
	"time"

	"github.com/amendhq/amend"
)

type linkDoc struct {
	Href string `json:"href"`
}

type pullLinksDoc struct {
	Self           linkDoc `json:"self"`
	HTML           linkDoc `json:"html"`
	Issue          linkDoc `json:"issue"`
	Comments       linkDoc `json:"comments"`
	ReviewComments linkDoc `json:"review_comments"`
	ReviewComment  linkDoc `json:"review_comment"`
	Commits        linkDoc `json:"commits"`
	Statuses       linkDoc `json:"statuses"`
}

type branchDoc struct {
	Label string `json:"label"`
	Ref   string `json:"ref"`
	SHA   string `json:"sha"`
	User  linked `json:"user"`
	Repo  linked `json:"repo"`
}

type labelDoc struct {
	ID          int64  `json:"id"`
	NodeID      string `json:"node_id"`
	URL         string `json:"url"`
	Name        string `json:"name"`
	Description string `json:"description"` // empty: null is described for labels alone and not in a list of pull requests
	Color       string `json:"color"`
	Default     bool   `json:"default"`
}

func (c call) labelDocs(names []string) []labelDoc {
	docs := []labelDoc{}
	for _, name := range names {
		docs = append(docs, labelDoc{ID: stableID(name), NodeID: "LA_" + name, URL: c.repoAPI() + "/labels/" + name, Name: name, Color: "ededed"})
	}
	return docs
}

// pullFields is a pull request as a list shows it.
type pullFields struct {
	ID                int64        `json:"id"`
	NodeID            string       `json:"node_id"`
	Number            int          `json:"number"`
	State             string       `json:"state"`
	Locked            bool         `json:"locked"`
	LockReason        *string      `json:"active_lock_reason"`
	Draft             bool         `json:"draft"`
	Title             string       `json:"title"`
	Body              *string      `json:"body"`
	User              linked       `json:"user"`
	Labels            []labelDoc   `json:"labels"`
	Assignee          *string      `json:"assignee"`
	Assignees         []linked     `json:"assignees"`
	Reviewers         []linked     `json:"requested_reviewers"`
	ReviewTeams       []teamDoc    `json:"requested_teams"`
	Milestone         *string      `json:"milestone"`
	CreatedAt         time.Time    `json:"created_at"`
	UpdatedAt         time.Time    `json:"updated_at"`
	ClosedAt          *time.Time   `json:"closed_at"`
	MergedAt          *time.Time   `json:"merged_at"`
	MergeCommitSHA    *string      `json:"merge_commit_sha"`
	Head              branchDoc    `json:"head"`
	Base              branchDoc    `json:"base"`
	Links             pullLinksDoc `json:"_links"`
	AuthorAssociation string       `json:"author_association"`
	AutoMerge         *string      `json:"auto_merge"`
}

// A pullDetail is what only the answer for one pull request has.
type pullDetail struct {
	pullFields
	Merged              bool    `json:"merged"`
	Mergeable           *bool   `json:"mergeable"`
	MergeableState      string  `json:"mergeable_state"`
	MergedBy            *linked `json:"merged_by"`
	Comments            int     `json:"comments"`
	ReviewComments      int     `json:"review_comments"`
	MaintainerCanModify bool    `json:"maintainer_can_modify"`
	Commits             int     `json:"commits"`
	Additions           int     `json:"additions"`
	Deletions           int     `json:"deletions"`
	ChangedFiles        int     `json:"changed_files"`
}

func (c call) pullFields(p pull) (pullFields, error) {
	repo, err := c.repoDoc()
	if err != nil {
		return pullFields{}, err
	}
	owner := c.userDoc(c.repo.owner)
	branch := func(name string, sha string) branchDoc {
		return branchDoc{c.repo.owner + ":" + name, name, sha, owner, repo}
	}
	at, web := fmt.Sprintf("%s/pulls/%d", c.repoAPI(), p.Number), fmt.Sprintf("%s/pull/%d", c.web(), p.Number)
	issue := fmt.Sprintf("%s/issues/%d", c.repoAPI(), p.Number)
	doc := pullFields{
		ID: c.repo.id()<<16 + int64(p.Number), NodeID: fmt.Sprintf("PR_%d", p.Number), Number: p.Number, State: p.State, Draft: p.Draft,
		Title: p.Title, User: c.userDoc(p.User), Labels: c.labelDocs(p.Labels), CreatedAt: p.Created, UpdatedAt: p.Updated,
		Head: branch(p.Head, string(p.HeadSHA)), Base: branch(p.Base, string(p.BaseSHA)), AuthorAssociation: "CONTRIBUTOR",
		Assignees: []linked{}, Reviewers: c.userDocs(p.Reviewers), ReviewTeams: c.teamDocs(p.Teams),
		Links: pullLinksDoc{
			linkDoc{at}, linkDoc{web}, linkDoc{issue}, linkDoc{issue + "/comments"}, linkDoc{at + "/comments"},
			linkDoc{c.repoAPI() + "/pulls/comments{/number}"}, linkDoc{at + "/commits"}, linkDoc{c.repoAPI() + "/statuses/" + string(p.HeadSHA)},
		},
	}
	if p.Body != "" {
		doc.Body = &p.Body
	}
	if !p.Closed.IsZero() {
		doc.ClosedAt = &p.Closed
	}
	if p.merged() {
		doc.MergedAt = &p.Closed
		sha := string(p.MergeSHA)
		doc.MergeCommitSHA = &sha
	}
	return doc, nil
}

// pullLinked adds the addresses that every form of a pull request has.
func (c call) pullLinked(p pull, fields any) linked {
	web, issue := fmt.Sprintf("%s/pull/%d", c.web(), p.Number), fmt.Sprintf("%s/issues/%d", c.repoAPI(), p.Number)
	at := fmt.Sprintf("%s/pulls/%d", c.repoAPI(), p.Number)
	return linked{fields: fields, links: map[string]string{
		"url": at, "html_url": web, "diff_url": web + ".diff", "patch_url": web + ".patch", "issue_url": issue,
		"comments_url": issue + "/comments", "commits_url": at + "/commits", "review_comments_url": at + "/comments",
		"review_comment_url": c.repoAPI() + "/pulls/comments{/number}", "statuses_url": c.repoAPI() + "/statuses/" + string(p.HeadSHA),
	}}
}

func (c call) pullDoc(p pull) (linked, error) {
	fields, err := c.pullFields(p)
	return c.pullLinked(p, fields), err
}

// pullDetailDoc also says whether the pull request can be merged and how large
// it is. GitHub finds that out a moment later and says null until then; this
// host knows at once.
func (c call) pullDetailDoc(p pull) (linked, error) {
	fields, err := c.pullFields(p)
	if err != nil {
		return linked{}, err
	}
	doc := pullDetail{pullFields: fields, Merged: p.merged(), Comments: len(p.Comments), ReviewComments: len(p.Remarks), MergeableState: "unknown"}
	if p.MergedBy != "" {
		by := c.userDoc(p.MergedBy)
		doc.MergedBy = &by
	}
	_, doc.Commits, _, err = c.repo.Diverged(c.Context(), p.BaseSHA, p.HeadSHA)
	if err != nil && amend.KindOf(err) != amend.NotFound {
		return linked{}, err
	}
	files, err := c.repo.Diff(c.Context(), p.BaseSHA, p.HeadSHA)
	if err != nil {
		return linked{}, err
	}
	doc.ChangedFiles = len(files)
	for _, f := range files {
		doc.Additions += f.Additions
		doc.Deletions += f.Deletions
	}
	if p.State == "open" {
		_, err := c.repo.MergeTree(c.Context(), p.BaseSHA, p.HeadSHA)
		said, readErr := c.repo.checks.of(p.HeadSHA)
		if readErr != nil {
			return linked{}, readErr
		}
		clean := err == nil
		doc.Mergeable, doc.MergeableState = &clean, "clean"
		switch {
		case !clean:
			doc.MergeableState = "dirty"
		case p.Draft:
			doc.MergeableState = "draft"
		case !said.passing():
			doc.MergeableState = "unstable"
		}
	}
	return c.pullLinked(p, doc), nil
}

type commentDoc struct {
	ID        int64     `json:"id"`
	NodeID    string    `json:"node_id"`
	URL       string    `json:"url"`
	HTMLURL   string    `json:"html_url"`
	IssueURL  string    `json:"issue_url"`
	Body      string    `json:"body"`
	User      linked    `json:"user"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (c call) commentDoc(p pull, one comment) commentDoc {
	return commentDoc{
		ID: one.ID, NodeID: fmt.Sprintf("IC_%d", one.ID), Body: one.Body, User: c.userDoc(one.User), CreatedAt: one.Created, UpdatedAt: one.Created,
		URL:      fmt.Sprintf("%s/issues/comments/%d", c.repoAPI(), one.ID),
		HTMLURL:  fmt.Sprintf("%s/pull/%d#issuecomment-%d", c.web(), p.Number, one.ID),
		IssueURL: fmt.Sprintf("%s/issues/%d", c.repoAPI(), p.Number),
	}
}
