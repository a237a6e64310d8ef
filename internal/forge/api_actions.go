package forge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/amendhq/amend/internal/forge/runs"
	"github.com/amendhq/amend/internal/forge/store"
)

// maxPayload is the documented bound of client_payload, in characters.
const maxPayload = 65_535

func (s *Server) dispatch(c call) (reply, error) {
	var in struct {
		Type    string          `json:"event_type"`
		Payload json.RawMessage `json:"client_payload"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	if len(in.Payload) == 0 || string(in.Payload) == "null" {
		in.Payload = json.RawMessage("{}")
	}
	if err := checkDispatch(in.Type, in.Payload); err != nil {
		return reply{}, err
	}
	branch, err := c.repo.DefaultBranch()
	if err != nil {
		return reply{}, err
	}
	head, err := c.repo.Ref("refs/heads/" + branch)
	if err != nil {
		return noContent() // an empty repository has no workflows
	}
	files, err := workflowFiles(c.repo, head.ID)
	if err != nil {
		return reply{}, err
	}
	err = s.runs.Dispatch(c.Context(), runs.Event{
		Repo: c.repo.fullName(), Dir: c.repo.Dir(), URL: site(c.Request), Branch: branch, SHA: string(head.ID),
		Type: in.Type, Payload: in.Payload, Actor: c.who.Login, Files: files,
	})
	if err != nil {
		return reply{}, err
	}
	return noContent()
}

func checkDispatch(eventType string, payload json.RawMessage) error {
	var keys map[string]json.RawMessage
	switch {
	case eventType == "":
		return invalid("Invalid request.\n\n\"event_type\" wasn't supplied.")
	case utf8.RuneCountInString(eventType) > 100:
		return invalid("Invalid request.\n\nOnly 100 characters are allowed in event_type; %d were supplied.", utf8.RuneCountInString(eventType))
	case utf8.RuneCount(payload) >= maxPayload:
		return invalid("client_payload is too large.")
	case json.Unmarshal(payload, &keys) != nil:
		return invalid("Invalid request.\n\nFor 'properties/client_payload', the value is not an object.")
	case len(keys) > 10:
		return invalid("Invalid request.\n\nNo more than 10 properties are allowed; %d were supplied.", len(keys))
	}
	return nil
}

type headCommitDoc struct {
	ID        store.ID  `json:"id"`
	TreeID    store.ID  `json:"tree_id"`
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
	Author    nameDoc   `json:"author"`
	Committer nameDoc   `json:"committer"`
}

type nameDoc struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type runFields struct {
	ID             int64         `json:"id"`
	NodeID         string        `json:"node_id"`
	Name           string        `json:"name"`
	Path           string        `json:"path"`
	RunNumber      int64         `json:"run_number"`
	RunAttempt     int           `json:"run_attempt"`
	Event          string        `json:"event"`
	DisplayTitle   string        `json:"display_title"`
	Status         string        `json:"status"`
	Conclusion     *string       `json:"conclusion"`
	WorkflowID     int64         `json:"workflow_id"`
	HeadBranch     string        `json:"head_branch"`
	HeadSHA        string        `json:"head_sha"`
	HeadCommit     headCommitDoc `json:"head_commit"`
	Actor          linked        `json:"actor"`
	Repository     linked        `json:"repository"`
	HeadRepository linked        `json:"head_repository"`
	PullRequests   []string      `json:"pull_requests"`
	CreatedAt      time.Time     `json:"created_at"`
	UpdatedAt      time.Time     `json:"updated_at"`
	RunStartedAt   time.Time     `json:"run_started_at"`
	HTMLURL        string        `json:"html_url"`
}

func (c call) runDoc(run runs.Run) (linked, error) {
	repo, err := c.repoDoc()
	if err != nil {
		return linked{}, err
	}
	commit, err := c.repo.Commit(store.ID(run.SHA))
	if err != nil {
		return linked{}, err
	}
	fields := runFields{
		ID: run.ID, NodeID: fmt.Sprintf("WFR_%d", run.ID), Name: run.Workflow, Path: run.Path, RunNumber: run.ID, RunAttempt: 1,
		Event: "repository_dispatch", DisplayTitle: run.EventType, Status: run.Status, WorkflowID: stableID(run.Path),
		HeadBranch: run.Branch, HeadSHA: run.SHA, Actor: c.userDoc(run.Actor), Repository: repo, HeadRepository: repo, PullRequests: []string{},
		CreatedAt: run.Created, UpdatedAt: run.Updated, RunStartedAt: run.Created, HTMLURL: fmt.Sprintf("%s/actions/runs/%d", c.web(), run.ID),
		HeadCommit: headCommitDoc{
			commit.ID, commit.Tree, commit.Message, commit.Committer.When.UTC(),
			nameDoc{commit.Author.Name, commit.Author.Email}, nameDoc{commit.Committer.Name, commit.Committer.Email},
		},
	}
	if run.Conclusion != "" {
		fields.Conclusion = &run.Conclusion
	}
	return linked{fields, fmt.Sprintf("%s/actions/runs/%d", c.repoAPI(), run.ID), map[string]string{
		"url": "", "jobs_url": "/jobs", "logs_url": "/logs", "check_suite_url": "/check-suite", "artifacts_url": "/artifacts",
		"cancel_url": "/cancel", "rerun_url": "/rerun", "workflow_url": "/workflow",
	}}, nil
}

type runsDoc struct {
	Total int      `json:"total_count"`
	Runs  []linked `json:"workflow_runs"`
}

// listRuns filters by status, which may also name a conclusion, as on GitHub.
func (s *Server) listRuns(c call) (reply, error) {
	all := s.runs.List(c.repo.fullName())
	query := c.URL.Query()
	all = slices.DeleteFunc(all, func(r runs.Run) bool {
		want := query.Get("status")
		return want != "" && want != r.Status && want != r.Conclusion ||
			query.Get("event") != "" && query.Get("event") != "repository_dispatch" ||
			query.Get("head_sha") != "" && query.Get("head_sha") != r.SHA
	})
	p := pageOf(c)
	part, more := cut(p, all)
	doc := runsDoc{Total: len(all), Runs: []linked{}}
	for _, run := range part {
		one, err := c.runDoc(run)
		if err != nil {
			return reply{}, err
		}
		doc.Runs = append(doc.Runs, one)
	}
	return p.list(c, doc, more)
}

// id is the number that the path names.
func (c call) id() (int64, error) {
	id, err := strconv.ParseInt(c.PathValue("id"), 10, 64)
	if err != nil {
		return 0, notFound()
	}
	return id, nil
}

// run is the run that the path names.
func (s *Server) run(c call) (runs.Run, error) {
	id, err := c.id()
	if err != nil {
		return runs.Run{}, err
	}
	return s.runs.Get(c.repo.fullName(), id)
}

func (s *Server) getRun(c call) (reply, error) {
	run, err := s.run(c)
	if err != nil {
		return reply{}, err
	}
	doc, err := c.runDoc(run)
	if err != nil {
		return reply{}, err
	}
	return ok(doc)
}

// getRunLogs redirects, as GitHub does. GitHub redirects to a signed address of
// a zip archive; here it is plain text and asks for the same token again.
func (s *Server) getRunLogs(c call) (reply, error) {
	run, err := s.run(c)
	if err != nil {
		return reply{}, err
	}
	at := fmt.Sprintf("%s/_logs/%s/%d", site(c.Request), c.repo.fullName(), run.ID)
	return reply{status: http.StatusFound, header: map[string]string{"Location": at}}, nil
}

func (s *Server) getRunLogText(c call) (reply, error) {
	id, err := c.id()
	if err != nil {
		return reply{}, err
	}
	text, err := s.runs.Log(c.repo.fullName(), id)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, text: text, form: "text/plain"}, nil
}
