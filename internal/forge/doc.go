package forge

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/amendhq/amend/internal/forge/store"
)

// The types in the doc files are GitHub's answers. They hold every field that
// GitHub's description requires; addresses that lead nowhere here, and are
// there because it requires them, are put in from a table of links.

// A linked document is fields followed by addresses.
type linked struct {
	fields any
	prefix string            // of every address
	links  map[string]string // field name to the rest of the address
}

// MarshalJSON writes one object.
func (l linked) MarshalJSON() ([]byte, error) {
	fields, err := json.Marshal(l.fields)
	if err != nil {
		return nil, err
	}
	full := make(map[string]string, len(l.links))
	for name, rest := range l.links {
		full[name] = l.prefix + rest
	}
	var links bytes.Buffer
	enc := json.NewEncoder(&links)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(full); err != nil {
		return nil, err
	}
	return append(append(fields[:len(fields)-1], ','), bytes.TrimSpace(links.Bytes())[1:]...), nil
}

type userFields struct {
	Login      string `json:"login"`
	ID         int64  `json:"id"`
	NodeID     string `json:"node_id"`
	GravatarID string `json:"gravatar_id"`
	Type       string `json:"type"`
	SiteAdmin  bool   `json:"site_admin"`
	HTMLURL    string `json:"html_url"`
	AvatarURL  string `json:"avatar_url"`
}

func (c call) userDoc(login string) linked {
	return linked{
		fields: userFields{
			Login: login, ID: stableID(login), NodeID: "U_" + login, Type: "User",
			HTMLURL: site(c.Request) + "/" + login, AvatarURL: site(c.Request) + "/" + login + ".png",
		},
		prefix: c.api() + "/users/" + login,
		links: map[string]string{
			"url": "", "followers_url": "/followers", "following_url": "/following{/other_user}", "gists_url": "/gists{/gist_id}",
			"starred_url": "/starred{/owner}{/repo}", "subscriptions_url": "/subscriptions", "organizations_url": "/orgs",
			"repos_url": "/repos", "events_url": "/events{/privacy}", "received_events_url": "/received_events",
		},
	}
}

func (c call) userDocs(logins []string) []linked {
	docs := []linked{}
	for _, login := range logins {
		docs = append(docs, c.userDoc(login))
	}
	return docs
}

// api is the address of the REST API; repoAPI that of the call's repository.
func (c call) api() string     { return site(c.Request) + "/api/v3" }
func (c call) repoAPI() string { return c.api() + "/repos/" + c.repo.fullName() }

// web is the address of the repository's pages.
func (c call) web() string { return site(c.Request) + "/" + c.repo.fullName() }

type repoFields struct {
	ID               int64     `json:"id"`
	NodeID           string    `json:"node_id"`
	Name             string    `json:"name"`
	FullName         string    `json:"full_name"`
	Owner            linked    `json:"owner"`
	Private          bool      `json:"private"`
	HTMLURL          string    `json:"html_url"`
	Description      *string   `json:"description"`
	Fork             bool      `json:"fork"`
	GitURL           string    `json:"git_url"`
	SSHURL           string    `json:"ssh_url"`
	CloneURL         string    `json:"clone_url"`
	SVNURL           string    `json:"svn_url"`
	MirrorURL        *string   `json:"mirror_url"`
	Homepage         *string   `json:"homepage"`
	Language         *string   `json:"language"`
	License          *string   `json:"license"`
	Forks            int       `json:"forks"`
	ForksCount       int       `json:"forks_count"`
	StargazersCount  int       `json:"stargazers_count"`
	Watchers         int       `json:"watchers"`
	WatchersCount    int       `json:"watchers_count"`
	Size             int       `json:"size"`
	DefaultBranch    string    `json:"default_branch"`
	OpenIssues       int       `json:"open_issues"`
	OpenIssuesCount  int       `json:"open_issues_count"`
	HasIssues        bool      `json:"has_issues"`
	HasProjects      bool      `json:"has_projects"`
	HasWiki          bool      `json:"has_wiki"`
	HasPages         bool      `json:"has_pages"`
	HasDownloads     bool      `json:"has_downloads"`
	HasDiscussions   bool      `json:"has_discussions"`
	Archived         bool      `json:"archived"`
	Disabled         bool      `json:"disabled"`
	Visibility       string    `json:"visibility"`
	Topics           []string  `json:"topics"`
	PushedAt         time.Time `json:"pushed_at"`
	CreatedAt        time.Time `json:"created_at"`
	UpdatedAt        time.Time `json:"updated_at"`
	NetworkCount     int       `json:"network_count"`
	SubscribersCount int       `json:"subscribers_count"`
	AllowMerge       bool      `json:"allow_merge_commit"`
	AllowSquash      bool      `json:"allow_squash_merge"`
	AllowRebase      bool      `json:"allow_rebase_merge"`
}

// repoDoc describes the call's repository. It answers where GitHub wants a
// full, a plain or a minimal repository, as it has the fields of all three.
func (c call) repoDoc() (linked, error) {
	branch, err := c.repo.DefaultBranch()
	if err != nil {
		return linked{}, err
	}
	open := c.repo.pulls.open()
	web := c.web()
	return linked{
		fields: repoFields{
			ID: c.repo.id(), NodeID: "R_" + c.repo.fullName(), Name: c.repo.name, FullName: c.repo.fullName(),
			Owner: c.userDoc(c.repo.owner), Private: true, Visibility: "private", Topics: []string{}, HTMLURL: web, CloneURL: web + ".git",
			GitURL: web + ".git", SSHURL: web + ".git", SVNURL: web, DefaultBranch: branch,
			OpenIssues: open, OpenIssuesCount: open, HasIssues: true,
			PushedAt: c.repo.created, CreatedAt: c.repo.created, UpdatedAt: c.repo.created,
			AllowMerge: true, AllowSquash: true,
		},
		prefix: c.repoAPI(),
		links:  repoLinks(),
	}, nil
}

func repoLinks() map[string]string {
	return map[string]string{
		"url": "", "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
		"branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
		"commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}", "contents_url": "/contents/{+path}",
		"contributors_url": "/contributors", "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
		"forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
		"hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
		"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}", "labels_url": "/labels{/name}", "languages_url": "/languages",
		"merges_url": "/merges", "milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}",
		"pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers", "statuses_url": "/statuses/{sha}",
		"subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}",
	}
}

func (s *Server) getRepo(c call) (reply, error) {
	doc, err := c.repoDoc()
	if err != nil {
		return reply{}, err
	}
	return ok(doc)
}

type verificationDoc struct {
	Verified   bool    `json:"verified"`
	Reason     string  `json:"reason"`
	Signature  *string `json:"signature"`
	Payload    *string `json:"payload"`
	VerifiedAt *string `json:"verified_at"`
}

type personDoc struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Date  time.Time `json:"date"`
}

type treeLinkDoc struct {
	SHA store.ID `json:"sha"`
	URL string   `json:"url"`
}

type parentDoc struct {
	SHA     store.ID `json:"sha"`
	URL     string   `json:"url"`
	HTMLURL string   `json:"html_url"`
}

func (c call) parents(commit store.Commit) []parentDoc {
	docs := []parentDoc{}
	for _, p := range commit.Parents {
		docs = append(docs, parentDoc{p, c.repoAPI() + "/commits/" + string(p), c.web() + "/commit/" + string(p)})
	}
	return docs
}

func person(p store.Person) personDoc { return personDoc{p.Name, p.Email, p.When.UTC()} }

type commitPartDoc struct {
	URL          string          `json:"url"`
	Author       personDoc       `json:"author"`
	Committer    personDoc       `json:"committer"`
	Message      string          `json:"message"`
	Tree         treeLinkDoc     `json:"tree"`
	CommentCount int             `json:"comment_count"`
	Verification verificationDoc `json:"verification"`
}

// A commitDoc is a commit as a part of the repository's history. This host knows
// accounts by the mail that it gives them itself; author and committer are null
// for anybody else.
type commitDoc struct {
	URL         string        `json:"url"`
	SHA         store.ID      `json:"sha"`
	NodeID      string        `json:"node_id"`
	HTMLURL     string        `json:"html_url"`
	CommentsURL string        `json:"comments_url"`
	Commit      commitPartDoc `json:"commit"`
	Author      *linked       `json:"author"`
	Committer   *linked       `json:"committer"`
	Parents     []parentDoc   `json:"parents"`
	Stats       *statsDoc     `json:"stats,omitempty"`
	Files       []fileDoc     `json:"files,omitempty"`
}

type statsDoc struct {
	Additions int `json:"additions"`
	Deletions int `json:"deletions"`
	Total     int `json:"total"`
}

func (c call) commitDoc(commit store.Commit) commitDoc {
	at := c.repoAPI() + "/commits/" + string(commit.ID)
	git := c.repoAPI() + "/git"
	return commitDoc{
		URL: at, SHA: commit.ID, NodeID: "C_" + string(commit.ID), HTMLURL: c.web() + "/commit/" + string(commit.ID), CommentsURL: at + "/comments",
		Commit: commitPartDoc{
			URL: git + "/commits/" + string(commit.ID), Author: person(commit.Author), Committer: person(commit.Committer), Message: commit.Message,
			Tree: treeLinkDoc{commit.Tree, git + "/trees/" + string(commit.Tree)}, Verification: verificationDoc{Reason: "unsigned"},
		},
		Parents: c.parents(commit), Author: c.account(commit.Author), Committer: c.account(commit.Committer),
	}
}

// noreply ends the mail that this host gives to accounts.
const noreply = "@users.noreply.localhost"

// account is whom a mail belongs to, nil when nobody.
func (c call) account(p store.Person) *linked {
	login, known := strings.CutSuffix(p.Email, noreply)
	if !known {
		return nil
	}
	doc := c.userDoc(login)
	return &doc
}

func (c call) commitDocs(commits []store.Commit) []commitDoc {
	docs := []commitDoc{}
	for _, commit := range commits {
		docs = append(docs, c.commitDoc(commit))
	}
	return docs
}

// A fileDoc is a changed file, without its patch, which GitHub may leave out
// too.
type fileDoc struct {
	SHA         store.ID `json:"sha"`
	Filename    string   `json:"filename"`
	Previous    string   `json:"previous_filename,omitempty"`
	Status      string   `json:"status"`
	Additions   int      `json:"additions"`
	Deletions   int      `json:"deletions"`
	Changes     int      `json:"changes"`
	BlobURL     string   `json:"blob_url"`
	RawURL      string   `json:"raw_url"`
	ContentsURL string   `json:"contents_url"`
}

func (c call) fileDocs(files []store.FileChange, at store.ID) []fileDoc {
	docs := []fileDoc{}
	for _, f := range files {
		docs = append(docs, fileDoc{
			SHA: f.ID, Filename: f.Path, Previous: f.From, Status: f.Status,
			Additions: f.Additions, Deletions: f.Deletions, Changes: f.Additions + f.Deletions,
			BlobURL: c.web() + "/blob/" + string(at) + "/" + f.Path, RawURL: c.web() + "/raw/" + string(at) + "/" + f.Path,
			ContentsURL: c.repoAPI() + "/contents/" + f.Path + "?ref=" + string(at),
		})
	}
	return docs
}
