package forge

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge/store"
)

type shortBlobDoc struct {
	SHA store.ID `json:"sha"`
	URL string   `json:"url"`
}

type blobDoc struct {
	SHA      store.ID `json:"sha"`
	NodeID   string   `json:"node_id"`
	URL      string   `json:"url"`
	Size     int      `json:"size"`
	Content  string   `json:"content"`
	Encoding string   `json:"encoding"`
}

func (s *Server) createBlob(c call) (reply, error) {
	var in struct {
		Content  string `json:"content"`
		Encoding string `json:"encoding"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	content := []byte(in.Content)
	if in.Encoding == "base64" {
		decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", ""))
		if err != nil {
			return reply{}, invalid("content is not valid Base64")
		}
		content = decoded
	}
	id, err := c.repo.WriteBlob(content)
	if err != nil {
		return reply{}, err
	}
	return created(shortBlobDoc{id, c.repoAPI() + "/git/blobs/" + string(id)})
}

func (s *Server) getBlob(c call) (reply, error) {
	id, err := store.ParseID(c.PathValue("sha"))
	if err != nil {
		return reply{}, invalid("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	content, err := c.repo.Blob(id)
	if err != nil {
		return reply{}, err
	}
	if form := c.form("raw"); form != "" {
		return reply{status: http.StatusOK, text: content, form: form}, nil
	}
	return ok(blobDoc{
		id, "B_" + string(id), c.repoAPI() + "/git/blobs/" + string(id), len(content),
		wrap(base64.StdEncoding.EncodeToString(content)), "base64",
	})
}

// wrap breaks Base64 into the lines of 60 characters that GitHub sends.
func wrap(s string) string {
	var b strings.Builder
	for part := range slices.Chunk([]byte(s), 60) {
		b.Write(part)
		b.WriteByte('\n')
	}
	return b.String()
}

type treeDoc struct {
	SHA       store.ID   `json:"sha"`
	URL       string     `json:"url"`
	Tree      []entryDoc `json:"tree"`
	Truncated bool       `json:"truncated"`
}

type entryDoc struct {
	Path string   `json:"path"`
	Mode string   `json:"mode"`
	Type string   `json:"type"`
	SHA  store.ID `json:"sha"`
	URL  string   `json:"url,omitempty"`
}

func (c call) treeDoc(id store.ID, entries []store.Entry, truncated bool) treeDoc {
	doc := treeDoc{SHA: id, URL: c.repoAPI() + "/git/trees/" + string(id), Tree: []entryDoc{}, Truncated: truncated}
	for _, e := range entries {
		at := ""
		if e.Mode != store.ModeSubmodule {
			at = c.repoAPI() + "/git/" + e.Kind() + "s/" + string(e.ID)
		}
		doc.Tree = append(doc.Tree, entryDoc{e.Path, e.Mode, e.Kind(), e.ID, at})
	}
	return doc
}

// maxTree is how many entries GitHub lists of a tree with all its folders.
const maxTree = 100_000

// getTree takes an object id or, as GitHub does, anything that names a commit.
// Any value of recursive, even 0, lists the folders below.
func (s *Server) getTree(c call) (reply, error) {
	id, err := store.ParseID(c.PathValue("sha"))
	if err != nil {
		if id, err = c.repo.Resolve(c.PathValue("sha")); err != nil {
			return reply{}, err
		}
	}
	if c.URL.Query().Has("recursive") {
		tree, entries, truncated, err := c.repo.Walk(id, maxTree)
		if err != nil {
			return reply{}, err
		}
		return ok(c.treeDoc(tree, entries, truncated))
	}
	tree, entries, err := c.repo.Tree(id)
	if err != nil {
		return reply{}, err
	}
	return ok(c.treeDoc(tree, entries, false))
}

// A treeEntry is one change in the request for a tree: sha null removes,
// content makes a blob on the way.
type treeEntry struct {
	Path    string          `json:"path"`
	Mode    string          `json:"mode"`
	Type    string          `json:"type"`
	SHA     json.RawMessage `json:"sha"`
	Content *string         `json:"content"`
}

func (s *Server) createTree(c call) (reply, error) {
	var in struct {
		BaseTree string      `json:"base_tree"`
		Tree     []treeEntry `json:"tree"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	if len(in.Tree) == 0 {
		return reply{}, invalid("Invalid tree info")
	}
	var base store.ID
	if in.BaseTree != "" {
		id, err := store.ParseID(in.BaseTree)
		if err == nil {
			base, _, err = c.repo.Tree(id)
		}
		if err != nil {
			return reply{}, invalid("base_tree is not a valid tree oid")
		}
	}
	var changes []store.Entry
	for _, e := range in.Tree {
		change, err := c.treeChange(e)
		if err != nil {
			return reply{}, err
		}
		changes = append(changes, change)
	}
	id, err := c.repo.WriteTree(base, changes)
	if err != nil {
		return reply{}, err
	}
	_, entries, err := c.repo.Tree(id)
	if err != nil {
		return reply{}, err
	}
	return created(c.treeDoc(id, entries, false))
}

func (c call) treeChange(e treeEntry) (store.Entry, error) {
	change := store.Entry{Path: e.Path, Mode: e.Mode}
	if store.CheckPath(e.Path) != nil {
		return change, invalid("tree.path contains a malformed path component")
	}
	if string(e.SHA) == "null" && e.Content == nil {
		return change, nil
	}
	if !slices.Contains([]string{store.ModeFile, store.ModeExecutable, store.ModeLink, store.ModeSubmodule, store.ModeFolder}, e.Mode) {
		return change, invalid("Must supply a valid tree.mode")
	}
	if e.Content != nil {
		if len(e.SHA) > 0 && string(e.SHA) != "null" || change.Kind() != "blob" {
			return change, invalid("Must supply either tree.sha or tree.content")
		}
		id, err := c.repo.WriteBlob([]byte(*e.Content))
		change.ID = id
		return change, err
	}
	var sha string
	if err := json.Unmarshal(e.SHA, &sha); err != nil {
		return change, invalid("Must supply tree.sha or tree.content")
	}
	id, err := store.ParseID(sha)
	if err == nil && e.Mode != store.ModeSubmodule { // a submodule's commit is elsewhere
		var kind string
		if kind, err = c.repo.Kind(id); err == nil && kind != change.Kind() {
			err = errors.New("another kind of object")
		}
	}
	if err != nil {
		return change, invalid("tree.sha %s is not a valid %s", sha, change.Kind())
	}
	change.ID = id
	return change, nil
}

type personInput struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Date  time.Time `json:"date"`
}

func (s *Server) createCommit(c call) (reply, error) {
	var in struct {
		Message   string       `json:"message"`
		Tree      string       `json:"tree"`
		Parents   []string     `json:"parents"`
		Author    *personInput `json:"author"`
		Committer *personInput `json:"committer"`
		Signature string       `json:"signature"`
	}
	if err := decode(c, &in); err != nil {
		return reply{}, err
	}
	if in.Signature != "" {
		return reply{}, invalid("signatures are not supported by this host")
	}
	tree, err := store.ParseID(in.Tree)
	if err != nil {
		return reply{}, invalid("Tree SHA does not exist")
	}
	commit := store.Commit{Tree: tree, Message: in.Message}
	for _, p := range in.Parents {
		id, err := store.ParseID(p)
		if err == nil {
			_, err = c.repo.Commit(id)
		}
		if err != nil {
			return reply{}, invalid("Parent SHA does not exist or is not a commit object")
		}
		commit.Parents = append(commit.Parents, id)
	}
	if commit.Author, err = s.person(c, in.Author, nil); err != nil {
		return reply{}, err
	}
	if commit.Committer, err = s.person(c, in.Committer, &commit.Author); err != nil {
		return reply{}, err
	}
	commit.ID, err = c.repo.WriteCommit(commit)
	if amend.KindOf(err) == amend.NotFound {
		return reply{}, invalid("Tree SHA does not exist")
	}
	if err != nil {
		return reply{}, err
	}
	commit.Author.When, commit.Committer.When = commit.Author.When.Truncate(time.Second), commit.Committer.When.Truncate(time.Second)
	return created(c.gitCommitDoc(commit))
}

// person fills in what a request leaves out: the committer is the author, the
// author is who calls, the time is now.
func (s *Server) person(c call, in *personInput, otherwise *store.Person) (store.Person, error) {
	if in == nil && otherwise != nil {
		return *otherwise, nil
	}
	if in == nil {
		in = &personInput{Name: c.who.Login, Email: c.who.Login + noreply}
	}
	if in.Name == "" || in.Email == "" {
		return store.Person{}, invalid("Invalid request.\n\n\"name\" and \"email\" weren't supplied.")
	}
	if in.Date.IsZero() {
		in.Date = s.cfg.Now()
	}
	return store.Person{Name: in.Name, Email: in.Email, When: in.Date}, nil
}

func (s *Server) getGitCommit(c call) (reply, error) {
	id, err := store.ParseID(c.PathValue("sha"))
	if err != nil {
		return reply{}, notFound()
	}
	commit, err := c.repo.Commit(id)
	if err != nil {
		return reply{}, err
	}
	return ok(c.gitCommitDoc(commit))
}
