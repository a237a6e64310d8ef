package forge

import (
	"net/http"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

func (s *Server) listCommits(c call) (reply, error) {
	query := c.URL.Query()
	word := query.Get("sha")
	if word == "" {
		branch, err := c.repo.DefaultBranch()
		if err != nil {
			return reply{}, err
		}
		word = branch
	}
	from, err := c.repo.Resolve(word)
	if err != nil {
		return reply{}, err
	}
	p := pageOf(c)
	commits, err := c.repo.History(c.Context(), store.Query{
		From: from, Path: query.Get("path"), Since: query.Get("since"), Until: query.Get("until"),
		Skip: p.skip(), Limit: p.size + 1, // one more tells whether there is a next page
	})
	if err != nil {
		return reply{}, err
	}
	more := len(commits) > p.size
	return p.list(c, c.commitDocs(commits[:min(len(commits), p.size)]), more)
}

func (s *Server) getCommit(c call) (reply, error) {
	id, err := c.repo.Resolve(c.PathValue("ref"))
	if err != nil {
		return reply{}, invalid("No commit found for SHA: %s", c.PathValue("ref"))
	}
	if form := c.form("sha"); form != "" {
		return reply{status: http.StatusOK, text: []byte(id), form: form}, nil
	}
	commit, err := c.repo.Commit(id)
	if err != nil {
		return reply{}, err
	}
	before := store.EmptyTree
	if len(commit.Parents) > 0 {
		before = commit.Parents[0]
	}
	files, err := c.repo.Diff(c.Context(), before, id)
	if err != nil {
		return reply{}, err
	}
	doc := c.commitDoc(commit)
	doc.Stats = &statsDoc{}
	doc.Files = c.fileDocs(files, id)
	for _, f := range files {
		doc.Stats.Additions += f.Additions
		doc.Stats.Deletions += f.Deletions
	}
	doc.Stats.Total = doc.Stats.Additions + doc.Stats.Deletions
	return ok(doc)
}

type comparisonDoc struct {
	URL          string      `json:"url"`
	HTMLURL      string      `json:"html_url"`
	PermalinkURL string      `json:"permalink_url"`
	DiffURL      string      `json:"diff_url"`
	PatchURL     string      `json:"patch_url"`
	Base         commitDoc   `json:"base_commit"`
	MergeBase    commitDoc   `json:"merge_base_commit"`
	Status       string      `json:"status"`
	AheadBy      int         `json:"ahead_by"`
	BehindBy     int         `json:"behind_by"`
	TotalCommits int         `json:"total_commits"`
	Commits      []commitDoc `json:"commits"`
	Files        []fileDoc   `json:"files"`
}

// maxCompared is how many commits GitHub lists in one comparison.
const maxCompared = 250

// compare lists what head has that base has not, oldest first, and the files
// that differ between head and the common ancestor.
func (s *Server) compare(c call) (reply, error) {
	baseWord, headWord, found := strings.Cut(c.PathValue("basehead"), "...")
	base, errBase := c.repo.Resolve(baseWord)
	head, errHead := c.repo.Resolve(headWord)
	if !found || errBase != nil || errHead != nil {
		return reply{}, notFound()
	}
	behind, ahead, common, err := c.repo.Diverged(c.Context(), base, head)
	if err != nil {
		return reply{}, err
	}
	commits, err := c.repo.History(c.Context(), store.Query{From: head, Except: base, Limit: maxCompared})
	if err != nil {
		return reply{}, err
	}
	slices.Reverse(commits)
	files, err := c.repo.Diff(c.Context(), common, head)
	if err != nil {
		return reply{}, err
	}
	baseCommit, err := c.repo.Commit(base)
	if err != nil {
		return reply{}, err
	}
	commonCommit, err := c.repo.Commit(common)
	if err != nil {
		return reply{}, err
	}
	web := c.web() + "/compare/" + c.PathValue("basehead")
	return ok(comparisonDoc{
		URL: c.repoAPI() + "/compare/" + c.PathValue("basehead"), HTMLURL: web, PermalinkURL: web, DiffURL: web + ".diff", PatchURL: web + ".patch",
		Base: c.commitDoc(baseCommit), MergeBase: c.commitDoc(commonCommit), Status: relation(ahead, behind),
		AheadBy: ahead, BehindBy: behind, TotalCommits: ahead, Commits: c.commitDocs(commits), Files: c.fileDocs(files, head),
	})
}

func relation(ahead, behind int) string {
	switch {
	case ahead == 0 && behind == 0:
		return "identical"
	case behind == 0:
		return "ahead"
	case ahead == 0:
		return "behind"
	}
	return "diverged"
}

// workflowFiles reads the files of .github/workflows at a commit; without the
// folder there are none.
func workflowFiles(repo *repository, at store.ID) (map[string][]byte, error) {
	const folder = ".github/workflows"
	entries, err := repo.Folder(at, folder)
	if amend.KindOf(err) == amend.NotFound {
		return nil, nil
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if !e.IsFile() {
			continue
		}
		if files[folder+"/"+e.Name], err = repo.Blob(e.ID); err != nil {
			return nil, err
		}
	}
	return files, err
}
