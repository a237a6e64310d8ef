package forge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/amendhq/amend/internal/forge/store"
)

func (c call) number() (int, error) {
	n, err := strconv.Atoi(c.PathValue("number"))
	if err != nil {
		return 0, notFound()
	}
	return n, nil
}

// changePull is change for the pull request that the path names.
func (s *Server) changePull(c call, edit func(*pull) error) (pull, error) {
	n, err := c.number()
	if err != nil {
		return pull{}, err
	}
	return c.repo.change(c.Context(), n, s.cfg.Now().UTC(), edit)
}

// pullReply answers with one pull request, unless there was an error.
func (c call) pullReply(status int, p pull, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	doc, err := c.pullDetailDoc(p)
	return reply{status: status, body: doc}, err
}

func (s *Server) listPulls(c call) (reply, error) {
	all, err := c.repo.listed(c.Context(), s.cfg.Now().UTC())
	if err != nil {
		return reply{}, err
	}
	query := c.URL.Query()
	state := cmp.Or(query.Get("state"), "open")
	all = slices.DeleteFunc(all, func(p pull) bool {
		return state != "all" && p.State != state ||
			query.Get("base") != "" && p.Base != query.Get("base") ||
			query.Get("head") != "" && c.repo.owner+":"+p.Head != query.Get("head")
	})
	if query.Get("sort") == "updated" {
		slices.SortStableFunc(all, func(a, b pull) int { return b.Updated.Compare(a.Updated) })
	}
	if query.Get("direction") == "asc" {
		slices.Reverse(all)
	}
	p := pageOf(c)
	part, more := cut(p, all)
	docs := []linked{}
	for _, one := range part {
		doc, err := c.pullDoc(one)
		if err != nil {
			return reply{}, err
		}
		docs = append(docs, doc)
	}
	return p.list(c, docs, more)
}

func (s *Server) createPull(c call) (reply, error) {
	var in struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Head  string `json:"head"`
		Base  string `json:"base"`
		Draft bool   `json:"draft"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	if in.Title == "" {
		return reply{}, pullInvalid("title", "missing_field", "")
	}
	in.Head = strings.TrimPrefix(in.Head, c.repo.owner+":")
	head, err := c.repo.Ref("refs/heads/" + in.Head)
	if err != nil {
		return reply{}, pullInvalid("head", "invalid", "")
	}
	base, err := c.repo.Ref("refs/heads/" + in.Base)
	if err != nil {
		return reply{}, pullInvalid("base", "invalid", "")
	}
	reached, err := c.repo.Descends(c.Context(), base.ID, head.ID)
	if err != nil {
		return reply{}, err
	}
	if reached {
		return reply{}, pullInvalid("", "custom", fmt.Sprintf("No commits between %s and %s", in.Base, in.Head))
	}
	now := s.cfg.Now().UTC()
	p, err := c.repo.newPull(c.Context(), pull{
		Title: in.Title, Body: in.Body, Draft: in.Draft, User: c.who.Login, Head: in.Head, Base: in.Base,
		HeadSHA: head.ID, BaseSHA: base.ID, State: "open", Created: now, Updated: now,
	})
	return c.pullReply(http.StatusCreated, p, err)
}

func (s *Server) getPull(c call) (reply, error) {
	p, err := s.changePull(c, nil)
	return c.pullReply(http.StatusOK, p, err)
}

func (s *Server) updatePull(c call) (reply, error) {
	var in struct {
		Title *string `json:"title"`
		Body  *string `json:"body"`
		State *string `json:"state"`
		Base  *string `json:"base"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	p, err := s.changePull(c, func(p *pull) error {
		if in.Title != nil {
			p.Title = *in.Title
		}
		if in.Body != nil {
			p.Body = *in.Body
		}
		if in.Base != nil && *in.Base != p.Base {
			return invalid("changing the base is not supported by this host")
		}
		if in.State != nil {
			return s.setState(c, p, *in.State)
		}
		return nil
	})
	return c.pullReply(http.StatusOK, p, err)
}

// listPullCommits lists what a pull request proposes, oldest first. Of a closed one
// that is what it proposed last.
func (s *Server) listPullCommits(c call) (reply, error) {
	one, err := s.changePull(c, nil)
	if err != nil {
		return reply{}, err
	}
	commits, err := c.repo.History(c.Context(), store.Query{From: one.HeadSHA, Except: one.BaseSHA, Limit: maxCompared})
	if err != nil {
		return reply{}, err
	}
	slices.Reverse(commits)
	return listPage(c, commits, c.commitDoc)
}

// setState closes or reopens. What was merged, or whose branch is gone, stays
// closed.
func (s *Server) setState(c call, p *pull, state string) error {
	switch {
	case state != "open" && state != "closed":
		return pullInvalid("state", "invalid", "")
	case state == p.State:
		return nil
	case state == "closed":
		p.State, p.Closed = state, s.cfg.Now().UTC()
		return nil
	}
	head, err := c.repo.Ref("refs/heads/" + p.Head)
	if err != nil || p.merged() {
		return pullInvalid("state", "invalid", "state cannot be changed.")
	}
	p.State, p.HeadSHA = state, head.ID
	p.Closed = pull{}.Closed
	return nil
}

type mergedDoc struct {
	SHA     store.ID `json:"sha"`
	Merged  bool     `json:"merged"`
	Message string   `json:"message"`
}

func (s *Server) mergePull(c call) (reply, error) {
	var in merge
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	who := store.Person{Name: c.who.Login, Email: c.who.Login + noreply, When: s.cfg.Now()}
	p, err := s.changePull(c, func(p *pull) error {
		sha, err := c.repo.mergeInto(c.Context(), p, in, who)
		if err != nil {
			return err
		}
		p.State, p.Closed, p.MergeSHA, p.MergedBy = "closed", s.cfg.Now().UTC(), sha, c.who.Login
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	s.refresh(c)
	return ok(mergedDoc{p.MergeSHA, true, "Pull Request successfully merged"})
}

func (s *Server) listLabels(c call) (reply, error) {
	one, err := s.changePull(c, nil)
	if err != nil {
		return reply{}, err
	}
	p := pageOf(c)
	part, more := cut(p, one.Labels)
	return p.list(c, c.labelDocs(part), more)
}

// labelInput reads the forms in which GitHub takes labels: {"labels": [...]}
// or the list alone.
type labelInput []string

// UnmarshalJSON reads both forms.
func (l *labelInput) UnmarshalJSON(data []byte) error {
	var in struct {
		Labels []string `json:"labels"`
	}
	if json.Unmarshal(data, (*[]string)(l)) == nil {
		return nil
	}
	err := json.Unmarshal(data, &in)
	*l = in.Labels
	return err
}

func (s *Server) addLabels(c call) (reply, error) {
	var in labelInput
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	p, err := s.changePull(c, func(p *pull) error {
		for _, name := range in {
			if name == "" {
				return invalid("Validation Failed")
			}
			if !slices.ContainsFunc(p.Labels, func(have string) bool { return strings.EqualFold(have, name) }) {
				p.Labels = append(p.Labels, name)
			}
		}
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	return ok(c.labelDocs(p.Labels))
}

func (s *Server) removeLabel(c call) (reply, error) {
	p, err := s.changePull(c, func(p *pull) error {
		i := slices.IndexFunc(p.Labels, func(have string) bool { return strings.EqualFold(have, c.PathValue("name")) })
		if i < 0 {
			return fail(http.StatusNotFound, "Label does not exist")
		}
		p.Labels = slices.Delete(p.Labels, i, i+1)
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	return ok(c.labelDocs(p.Labels))
}

func (s *Server) listComments(c call) (reply, error) {
	one, err := s.changePull(c, nil)
	if err != nil {
		return reply{}, err
	}
	return listPage(c, one.Comments, func(text comment) commentDoc { return c.commentDoc(one, text) })
}

func (s *Server) addComment(c call) (reply, error) {
	var in struct {
		Body string `json:"body"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	if in.Body == "" {
		return reply{}, invalid("Validation Failed")
	}
	p, err := s.changePull(c, func(p *pull) error {
		id := c.repo.id()<<20 + int64(p.Number)<<10 + int64(len(p.Comments)) + 1
		p.Comments = append(p.Comments, comment{id, c.who.Login, in.Body, s.cfg.Now().UTC()})
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	rep, err := created(c.commentDoc(p, p.Comments[len(p.Comments)-1]))
	rep.header = map[string]string{"Location": rep.body.(commentDoc).URL}
	return rep, err
}
