package forge

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/amendhq/amend/internal/forge/store"
)

type statusDoc struct {
	ID          int64     `json:"id"`
	NodeID      string    `json:"node_id"`
	URL         string    `json:"url"`
	AvatarURL   *string   `json:"avatar_url"`
	State       string    `json:"state"`
	Context     string    `json:"context"`
	Description *string   `json:"description"`
	TargetURL   *string   `json:"target_url"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	Creator     *linked   `json:"creator,omitempty"` // not in the combined form
}

func (c call) statusDoc(sha store.ID, s status) statusDoc {
	return statusDoc{
		ID: stableID(string(sha) + s.Context), NodeID: "SC_" + string(sha), URL: c.repoAPI() + "/statuses/" + string(sha),
		State: s.State, Context: s.Context, Description: orNull(s.Description), TargetURL: orNull(s.TargetURL), CreatedAt: s.Created, UpdatedAt: s.Created,
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// createStatus takes what a service says of a commit.
func (s *Server) createStatus(c call) (reply, error) {
	var in struct {
		State       string `json:"state"`
		Context     string `json:"context"`
		Description string `json:"description"`
		TargetURL   string `json:"target_url"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, in.State) {
		return reply{}, invalid("Validation Failed")
	}
	sha, err := c.repo.Resolve(c.PathValue("sha"))
	if err != nil {
		return reply{}, invalid("No commit found for SHA: %s", c.PathValue("sha"))
	}
	said := status{in.State, cmp.Or(in.Context, "default"), in.Description, in.TargetURL, c.who.Login, s.cfg.Now().UTC()}
	if _, err := c.repo.checks.change(sha, func(v *verdicts) { v.Statuses = append(v.Statuses, said) }); err != nil {
		return reply{}, err
	}
	return created(c.signedStatusDoc(sha, said))
}

// signedStatusDoc is a status with who set it.
func (c call) signedStatusDoc(sha store.ID, said status) statusDoc {
	doc, by := c.statusDoc(sha, said), c.userDoc(said.User)
	doc.Creator = &by
	return doc
}

// listStatuses lists all that was ever said of a commit, the latest first.
func (s *Server) listStatuses(c call) (reply, error) {
	sha, v, err := c.verdictsOf()
	if err != nil {
		return reply{}, err
	}
	slices.Reverse(v.Statuses)
	return listPage(c, v.Statuses, func(s status) statusDoc { return c.signedStatusDoc(sha, s) })
}

// verdictsOf returns the commit that the path names, and what is said of it.
func (c call) verdictsOf() (store.ID, verdicts, error) {
	sha, err := c.repo.Resolve(c.PathValue("ref"))
	if err != nil {
		return "", verdicts{}, invalid("No commit found for SHA: %s", c.PathValue("ref"))
	}
	v, err := c.repo.checks.of(sha)
	return sha, v, err
}

type combinedDoc struct {
	State      string      `json:"state"`
	SHA        store.ID    `json:"sha"`
	TotalCount int         `json:"total_count"`
	Statuses   []statusDoc `json:"statuses"`
	Repository linked      `json:"repository"`
	CommitURL  string      `json:"commit_url"`
	URL        string      `json:"url"`
}

func (s *Server) combinedStatus(c call) (reply, error) {
	sha, v, err := c.verdictsOf()
	if err != nil {
		return reply{}, err
	}
	repo, err := c.repoDoc()
	if err != nil {
		return reply{}, err
	}
	all := v.current()
	doc := combinedDoc{
		State: v.combined(), SHA: sha, TotalCount: len(all), Statuses: []statusDoc{}, Repository: repo,
		CommitURL: c.repoAPI() + "/commits/" + string(sha), URL: c.repoAPI() + "/commits/" + string(sha) + "/status",
	}
	p := pageOf(c)
	part, more := cut(p, all)
	for _, one := range part {
		doc.Statuses = append(doc.Statuses, c.statusDoc(sha, one))
	}
	return p.list(c, doc, more)
}

// createCheckRun makes a check run, or changes the one of that name.
func (s *Server) createCheckRun(c call) (reply, error) {
	var in struct {
		Name       string `json:"name"`
		HeadSHA    string `json:"head_sha"`
		Status     string `json:"status"`
		Conclusion string `json:"conclusion"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	sha, err := c.repo.Resolve(in.HeadSHA)
	if err != nil || in.Name == "" {
		return reply{}, invalid("No commit found for SHA: %s", in.HeadSHA)
	}
	run := checkRun{Name: in.Name, Status: cmp.Or(in.Status, "queued"), Conclusion: in.Conclusion, Started: s.cfg.Now().UTC()}
	if run.Conclusion != "" {
		run.Status = "completed"
	}
	run.ID = stableID(string(sha) + run.Name)
	_, err = c.repo.checks.change(sha, func(v *verdicts) {
		v.Checks = append(slices.DeleteFunc(v.Checks, func(o checkRun) bool { return o.Name == run.Name }), run)
	})
	if err != nil {
		return reply{}, err
	}
	return created(c.checkDoc(sha, run))
}

type checkSuiteDoc struct {
	ID int64 `json:"id"`
}

type checkOutputDoc struct {
	Title            *string `json:"title"`
	Summary          *string `json:"summary"`
	Text             *string `json:"text"`
	AnnotationsCount int     `json:"annotations_count"`
	AnnotationsURL   string  `json:"annotations_url"`
}

type checkRunDoc struct {
	ID          int64          `json:"id"`
	NodeID      string         `json:"node_id"`
	HeadSHA     store.ID       `json:"head_sha"`
	ExternalID  *string        `json:"external_id"`
	URL         string         `json:"url"`
	HTMLURL     *string        `json:"html_url"`
	DetailsURL  *string        `json:"details_url"`
	Status      string         `json:"status"`
	Conclusion  *string        `json:"conclusion"`
	StartedAt   time.Time      `json:"started_at"`
	CompletedAt *time.Time     `json:"completed_at"`
	Output      checkOutputDoc `json:"output"`
	Name        string         `json:"name"`
	CheckSuite  checkSuiteDoc  `json:"check_suite"`
	App         *string        `json:"app"`
	Pulls       []linked       `json:"pull_requests"`
}

func (c call) checkDoc(sha store.ID, run checkRun) checkRunDoc {
	at := fmt.Sprintf("%s/check-runs/%d", c.repoAPI(), run.ID)
	doc := checkRunDoc{
		ID: run.ID, NodeID: fmt.Sprintf("CR_%d", run.ID), HeadSHA: sha, URL: at, Status: run.Status, Conclusion: orNull(run.Conclusion),
		StartedAt: run.Started, Name: run.Name, CheckSuite: checkSuiteDoc{run.ID}, Pulls: []linked{},
		Output: checkOutputDoc{AnnotationsURL: at + "/annotations"},
	}
	if run.Status == "completed" {
		doc.CompletedAt = &run.Started
	}
	return doc
}

type checkRunsDoc struct {
	TotalCount int           `json:"total_count"`
	CheckRuns  []checkRunDoc `json:"check_runs"`
}

func (s *Server) listCheckRuns(c call) (reply, error) {
	sha, v, err := c.verdictsOf()
	if err != nil {
		return reply{}, err
	}
	doc := checkRunsDoc{TotalCount: len(v.Checks), CheckRuns: []checkRunDoc{}}
	p := pageOf(c)
	part, more := cut(p, v.Checks)
	for _, run := range part {
		doc.CheckRuns = append(doc.CheckRuns, c.checkDoc(sha, run))
	}
	return p.list(c, doc, more)
}
