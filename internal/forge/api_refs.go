package forge

import (
	"net/http"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

type refObjectDoc struct {
	Type string   `json:"type"`
	SHA  store.ID `json:"sha"`
	URL  string   `json:"url"`
}

type refDoc struct {
	Ref    string       `json:"ref"`
	NodeID string       `json:"node_id"`
	URL    string       `json:"url"`
	Object refObjectDoc `json:"object"`
}

func (c call) refDoc(ref store.Ref) refDoc {
	return refDoc{
		Ref: ref.Name, NodeID: "REF_" + ref.Name, URL: c.repoAPI() + "/git/" + ref.Name,
		Object: refObjectDoc{ref.Kind, ref.ID, c.repoAPI() + "/git/" + ref.Kind + "s/" + string(ref.ID)},
	}
}

func (s *Server) getRef(c call) (reply, error) {
	name := "refs/" + c.PathValue("ref")
	ref, err := c.repo.Ref(name)
	if err == nil && s.faults.take(c.Request, isStale) != nil {
		ref, err = c.repo.Previous(c.Context(), name)
	}
	if amend.KindOf(err) == amend.Invalid {
		err = notFound()
	}
	if err != nil {
		return reply{}, err
	}
	return ok(c.refDoc(ref))
}

func (s *Server) matchingRefs(c call) (reply, error) {
	refs, err := c.repo.Refs(c.Context(), "refs/"+c.PathValue("ref"))
	if err != nil {
		return reply{}, err
	}
	docs := []refDoc{}
	for _, ref := range refs {
		docs = append(docs, c.refDoc(ref))
	}
	return ok(docs)
}

// target reads the object id that a reference is to name. A branch names a
// commit.
func (c call) target(ref, sha string) (store.Ref, error) {
	id, err := store.ParseID(sha)
	if err != nil {
		return store.Ref{}, invalid("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	kind, err := c.repo.Kind(id)
	if amend.KindOf(err) == amend.NotFound {
		return store.Ref{}, invalid("Object does not exist")
	}
	if err == nil && kind != "commit" && strings.HasPrefix(ref, "refs/heads/") {
		return store.Ref{}, invalid("Object is not a commit")
	}
	return store.Ref{Name: ref, ID: id, Kind: kind}, err
}

func (s *Server) createRef(c call) (reply, error) {
	var in struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	if err := store.CheckRefName(in.Ref); err != nil {
		return reply{}, invalid("Reference name is malformed")
	}
	ref, err := c.target(in.Ref, in.SHA)
	if err != nil {
		return reply{}, err
	}
	if err := c.repo.CreateRef(in.Ref, ref.ID); err != nil {
		if _, there := c.repo.Ref(in.Ref); there == nil {
			return reply{}, invalid("Reference already exists")
		}
		return reply{}, invalid("Reference cannot be created")
	}
	return created(c.refDoc(ref))
}

func (s *Server) updateRef(c call) (reply, error) {
	var in struct {
		SHA   string `json:"sha"`
		Force bool   `json:"force"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	name := "refs/" + c.PathValue("ref")
	if _, err := c.repo.Ref(name); err != nil {
		return reply{}, invalid("Reference does not exist")
	}
	ref, err := c.target(name, in.SHA)
	if err != nil {
		return reply{}, err
	}
	err = c.repo.MoveRef(c.Context(), name, ref.ID, in.Force)
	s.refresh(c)
	switch amend.KindOf(err) {
	case "":
		return ok(c.refDoc(ref))
	case amend.Conflict:
		return reply{}, invalid("Update is not a fast forward")
	case amend.NotFound:
		return reply{}, invalid("Reference does not exist")
	}
	return reply{}, err
}

func (s *Server) deleteRef(c call) (reply, error) {
	err := c.repo.DeleteRef("refs/" + c.PathValue("ref"))
	if kind := amend.KindOf(err); kind == amend.NotFound || kind == amend.Invalid {
		return reply{}, invalid("Reference does not exist")
	}
	s.refresh(c)
	return reply{status: http.StatusNoContent}, err
}
