package forge

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

// maxSquash bounds the commits whose messages a squash repeats.
const maxSquash = 250

// A merge is how a pull request is to be merged.
type merge struct {
	Title   string `json:"commit_title"`
	Message string `json:"commit_message"`
	SHA     string `json:"sha"` // the head that the caller has seen
	Method  string `json:"merge_method"`
}

// errUnmergeable is GitHub's answer when a pull request is closed or conflicts.
func errUnmergeable() error {
	return fail(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
}

// mergeInto merges p, which is open and up to date, and returns the commit.
func (r *repository) mergeInto(ctx context.Context, p *pull, m merge, who store.Person) (store.ID, error) {
	if p.State != "open" || p.Draft {
		return "", errUnmergeable()
	}
	if m.SHA != "" && m.SHA != string(p.HeadSHA) {
		return "", fail(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	}
	if m.Method != "" && m.Method != "merge" && m.Method != "squash" {
		return "", fail(http.StatusMethodNotAllowed, "Rebase merges are not allowed on this repository.")
	}
	tree, err := r.MergeTree(ctx, p.BaseSHA, p.HeadSHA)
	if amend.KindOf(err) == amend.Conflict {
		return "", errUnmergeable()
	}
	if err != nil {
		return "", err
	}
	commit := store.Commit{Tree: tree, Parents: []store.ID{p.BaseSHA, p.HeadSHA}, Author: who, Committer: who}
	title, text := fmt.Sprintf("Merge pull request #%d from %s/%s", p.Number, r.owner, p.Head), p.Title
	if m.Method == "squash" {
		commit.Parents = commit.Parents[:1]
		if title, text, err = r.squashMessage(ctx, p); err != nil {
			return "", err
		}
	}
	commit.Message = cmp.Or(m.Title, title)
	if text = cmp.Or(m.Message, text); text != "" {
		commit.Message += "\n\n" + text
	}
	id, err := r.WriteCommit(commit)
	if err != nil {
		return "", err
	}
	err = r.MoveRef(ctx, "refs/heads/"+p.Base, id, false)
	if amend.KindOf(err) == amend.Conflict {
		return "", fail(http.StatusMethodNotAllowed, "Base branch was modified. Review and try the merge again.")
	}
	return id, err
}

// squashMessage is what GitHub proposes by default: the words of the only
// commit, or the title of the pull request and a list of the commits.
func (r *repository) squashMessage(ctx context.Context, p *pull) (title, text string, err error) {
	commits, err := r.History(ctx, store.Query{From: p.HeadSHA, Except: p.BaseSHA, Limit: maxSquash})
	if err != nil {
		return "", "", err
	}
	if len(commits) == 1 {
		title, text, _ = strings.Cut(strings.TrimSpace(commits[0].Message), "\n")
		return fmt.Sprintf("%s (#%d)", title, p.Number), strings.TrimSpace(text), nil
	}
	var all []string
	for _, c := range slices.Backward(commits) {
		all = append(all, "* "+strings.TrimSpace(c.Message))
	}
	return fmt.Sprintf("%s (#%d)", p.Title, p.Number), strings.Join(all, "\n\n"), nil
}
