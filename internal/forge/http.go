package forge

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
)

// maxBody bounds a REST request; GitHub's own bound for a blob is 40 MB.
const maxBody = 64 << 20

// A call is one authorised request to the REST API.
type call struct {
	*http.Request
	repo *repository // nil where the path names none
	who  *Grant      // nil where an App calls for itself
}

// A reply is the answer to a call.
type reply struct {
	status int
	body   any    // written as JSON; nil for none
	form   string // media type of text, which is then written instead of body
	text   []byte
	header map[string]string
}

func ok(body any) (reply, error) { return reply{status: http.StatusOK, body: body}, nil }

func created(body any) (reply, error) { return reply{status: http.StatusCreated, body: body}, nil }

// noContent is the answer of a call that has none.
func noContent() (reply, error) { return reply{status: http.StatusNoContent}, nil }

// A failure is an error as GitHub words it.
type failure struct {
	Message string       `json:"message"`
	Errors  []fieldError `json:"errors,omitempty"`
	DocURL  string       `json:"documentation_url"`
	Status  string       `json:"status"`
	code    int
}

// A fieldError is one entry of the list in a 422.
type fieldError struct {
	Resource string `json:"resource,omitempty"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

// Error is the message.
func (f *failure) Error() string { return f.Message }

func fail(code int, format string, args ...any) *failure {
	return &failure{Message: fmt.Sprintf(format, args...), DocURL: "https://docs.github.com/rest", Status: strconv.Itoa(code), code: code}
}

func notFound() *failure { return fail(http.StatusNotFound, "Not Found") }

func invalid(format string, args ...any) *failure {
	return fail(http.StatusUnprocessableEntity, format, args...)
}

// asFailure words an error of the store for a client.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	switch amend.KindOf(err) {
	case amend.NotFound:
		return notFound()
	case amend.Invalid:
		return invalid("%s", err)
	case amend.Conflict:
		return fail(http.StatusConflict, "%s", err)
	}
	return fail(http.StatusInternalServerError, "Server Error")
}

// ServeHTTP answers REST calls below /api/v3 or the root, and Git below
// /OWNER/NAME.git.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-GitHub-Request-Id", rand.Text())
	if s.cfg.Control && strings.HasPrefix(r.URL.Path, "/_forge/") && s.control(w, r) {
		return
	}
	if at, isAPI := strings.CutPrefix(r.URL.Path, "/api/v3"); isAPI {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = at, strings.TrimPrefix(r.URL.RawPath, "/api/v3")
	}
	s.misbehave(w, r, func(w http.ResponseWriter) {
		if git, ok := parseGitPath(r.URL.Path); ok {
			s.serveGit(w, r, git)
			return
		}
		if path.Clean(r.URL.Path) != r.URL.Path { // the mux would redirect
			s.write(w, r, reply{}, notFound())
			return
		}
		s.mux.ServeHTTP(w, r)
	})
}

// write sends a reply, or the failure instead. A read that the client already
// has is answered 304.
func (s *Server) write(w http.ResponseWriter, r *http.Request, rep reply, err error) {
	if err != nil {
		f := asFailure(err)
		if f.code == http.StatusInternalServerError {
			s.cfg.Log.Error("call failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		rep = reply{status: f.code, body: f, header: rep.header}
	}
	var body bytes.Buffer
	if rep.form != "" {
		body.Write(rep.text)
		w.Header().Set("Content-Type", rep.form+"; charset=utf-8")
	} else if rep.body != nil {
		if err := json.NewEncoder(&body).Encode(rep.body); err != nil {
			s.cfg.Log.Error("encoding an answer failed", "path", r.URL.Path, "error", err)
			rep.status = http.StatusInternalServerError
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	for name, value := range rep.header {
		w.Header().Set(name, value)
	}
	if r.Method == http.MethodGet && rep.status == http.StatusOK {
		sum := sha256.Sum256(body.Bytes())
		tag := `W/"` + hex.EncodeToString(sum[:]) + `"`
		w.Header().Set("ETag", tag)
		w.Header().Set("Cache-Control", "private, max-age=60, s-maxage=60")
		if r.Header.Get("If-None-Match") == tag {
			rep.status = http.StatusNotModified
			body.Reset()
		}
	}
	if rep.status != http.StatusNoContent && rep.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(body.Bytes()) // a client that left needs no answer
}

// decode reads the JSON body of a call into v.
func decode(c call, v any) error {
	data, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, maxBody))
	if err != nil {
		return fail(http.StatusBadRequest, "The body cannot be read")
	}
	if len(data) == 0 {
		return nil // GitHub takes an empty body as an empty object
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fail(http.StatusBadRequest, "Problems parsing JSON")
	}
	return nil
}

// form returns the media type that a client asks for when it is GitHub's for
// the named form of an answer, such as raw or sha, and "" otherwise.
func (c call) form(name string) string {
	accept := c.Header.Get("Accept")
	if plain := strings.NewReplacer(".v3", "", "+json", "").Replace(accept); plain == "application/vnd.github."+name {
		return accept
	}
	return ""
}

// site is the address of the web pages of the host, as the client wrote it.
func site(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// A page is the part of a list that a client asks for.
type page struct{ number, size int }

func pageOf(c call) page {
	p := page{1, 30}
	if n, err := strconv.Atoi(c.URL.Query().Get("page")); err == nil && n > 0 {
		p.number = n
	}
	if n, err := strconv.Atoi(c.URL.Query().Get("per_page")); err == nil && n > 0 {
		p.size = min(n, 100)
	}
	return p
}

func (p page) skip() int { return (p.number - 1) * p.size }

// cut returns the page of a whole list.
func cut[T any](p page, all []T) (part []T, more bool) {
	from := min(p.skip(), len(all))
	to := min(from+p.size, len(all))
	return all[from:to], to < len(all)
}

// listPage answers with one page of a whole list, each entry of it as doc shows it.
func listPage[T, D any](c call, all []T, doc func(T) D) (reply, error) {
	p := pageOf(c)
	part, more := cut(p, all)
	docs := []D{}
	for _, one := range part {
		docs = append(docs, doc(one))
	}
	return p.list(c, docs, more)
}

// list answers with one page and, in the Link header, where its neighbours are.
func (p page) list(c call, body any, more bool) (reply, error) {
	var links []string
	add := func(rel string, number int) {
		q := url.Values{}
		for name, values := range c.URL.Query() {
			q[name] = values
		}
		q.Set("page", strconv.Itoa(number))
		links = append(links, fmt.Sprintf("<%s/api/v3%s?%s>; rel=%q", site(c.Request), c.URL.EscapedPath(), q.Encode(), rel))
	}
	if p.number > 1 {
		add("prev", p.number-1)
		add("first", 1)
	}
	if more {
		add("next", p.number+1)
	}
	rep := reply{status: http.StatusOK, body: body}
	if len(links) > 0 {
		rep.header = map[string]string{"Link": strings.Join(links, ", ")}
	}
	return rep, nil
}
