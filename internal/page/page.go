package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/amendhq/amend"
)

// Config is what the pages are made of. Source is required.
type Config struct {
	Source Source
	Repo   string // web address of the env repo, for its name and for links
	Branch string
	// ByHand is how long a person takes for one change; see Saved.ByHand.
	ByHand time.Duration
	Now    func() time.Time
	Log    *slog.Logger
}

// fresh is how long the same facts are shown. It bounds what looking costs,
// however often somebody does.
const fresh = time.Second

// A Page is the http.Handler of the package's paths.
type Page struct {
	cfg  Config
	site site
	mux  *http.ServeMux

	// turn is held by whoever reads or replaces what follows.
	turn  chan struct{}
	facts Facts
	until time.Time
}

// Paths are the patterns of what a Page answers, for a mux that has others too.
func Paths() []string {
	return []string{"GET /{$}", "GET /incident/{id}", "GET /api/overview", "GET /api/incident/{id}", "GET /style.css", "GET /icon.svg"}
}

//go:embed page.html style.css icon.svg
var files embed.FS

// pages are the templates, which most commands never need; parsing what was compiled
// in cannot fail.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(functions).ParseFS(files, "page.html"))
})

// New makes the pages.
func New(cfg Config) *Page {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Page{cfg: cfg, site: site{cfg.Repo, cfg.Branch, cfg.ByHand}, mux: http.NewServeMux(), turn: make(chan struct{}, 1)}
	p.mux.HandleFunc("GET /{$}", p.overview)
	p.mux.HandleFunc("GET /api/overview", p.overview)
	p.mux.HandleFunc("GET /incident/{id}", p.incident)
	p.mux.HandleFunc("GET /api/incident/{id}", p.incident)
	p.mux.HandleFunc("GET /style.css", static("style.css", "text/css; charset=utf-8"))
	p.mux.HandleFunc("GET /icon.svg", static("icon.svg", "image/svg+xml"))
	return p
}

// ServeHTTP answers one request. Only what is compiled in may be loaded by a page,
// nothing may frame it, and no address leaks to where its links lead.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	p.mux.ServeHTTP(w, r)
}

// Local serves h to requests that name this machine as their Host. A web page of
// somebody else whose name was made to resolve to 127.0.0.1 (DNS rebinding) is
// kept out by that, where there is no login.
func Local(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host // without a port
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "ask for this page by a loopback address", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (p *Page) overview(w http.ResponseWriter, r *http.Request) {
	number := 1
	if s := r.URL.Query().Get("page"); s != "" {
		var err error
		if number, err = strconv.Atoi(s); err != nil || number < 1 {
			p.fail(w, r, amend.Errorf(amend.NotFound, "turn the page", "there is no page %.20q", s))
			return
		}
	}
	f, err := p.read(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	o := p.site.overview(f, number)
	p.answer(w, r, http.StatusOK, view{Title: "Overview", Overview: &o})
}

func (p *Page) incident(w http.ResponseWriter, r *http.Request) {
	f, err := p.read(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	i, err := p.site.incident(f, r.PathValue("id"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.answer(w, r, http.StatusOK, view{Title: "Incident " + i.ID, Root: "../", Incident: &i})
}

// read returns facts that are at most as old as fresh says.
func (p *Page) read(ctx context.Context) (Facts, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return Facts{}, amend.Errorf(amend.Transient, "show page", "%w", context.Cause(ctx))
	}
	now := p.cfg.Now()
	if now.Before(p.until) {
		return p.facts, nil
	}
	f, err := p.cfg.Source.Facts(ctx)
	if err == nil {
		p.facts, p.until = f, now.Add(fresh)
	}
	return f, err
}

// A view is what the template shows: one of Overview, Incident and Problem.
type view struct {
	Title string
	// Root leads from the page to the overview, so that the pages may be served
	// under any path.
	Root     string
	Overview *Overview
	Incident *Incident
	Problem  string
}

// data is the same for a program.
func (v view) data() any {
	switch {
	case v.Overview != nil:
		return v.Overview
	case v.Incident != nil:
		return v.Incident
	}
	return map[string]string{"error": v.Problem}
}

// fail answers that something is not here, or not now.
func (p *Page) fail(w http.ResponseWriter, r *http.Request, err error) {
	v := view{Title: "Not found", Problem: amend.Public(err)}
	if strings.Contains(strings.TrimPrefix(r.URL.Path, "/"), "/") {
		v.Root = "../"
	}
	code := http.StatusNotFound
	if amend.KindOf(err) != amend.NotFound {
		p.cfg.Log.Warn("the page cannot be shown", "error", err)
		code, v.Title = http.StatusServiceUnavailable, "Not now"
		w.Header().Set("Retry-After", "5")
	}
	p.answer(w, r, code, v)
}

// answer writes a view in the form that was asked for. A browser asks again each
// time and is told when nothing changed.
func (p *Page) answer(w http.ResponseWriter, r *http.Request, code int, v view) {
	var body bytes.Buffer
	kind, err := "text/html; charset=utf-8", error(nil)
	if wantsJSON(r) {
		kind = "application/json"
		err = json.NewEncoder(&body).Encode(v.data())
	} else {
		err = pages().ExecuteTemplate(&body, "page", v)
	}
	if err != nil {
		p.cfg.Log.Error("the page cannot be made", "error", err)
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Cache-Control", "private, no-cache")
	if code != http.StatusOK {
		w.WriteHeader(code)
	} else if unchanged(w, r, body.Bytes()) {
		return
	}
	_, _ = w.Write(body.Bytes()) // a client that went away is its own fault
}

// unchanged tags what is answered, and answers that it is what the client has.
func unchanged(w http.ResponseWriter, r *http.Request, body []byte) bool {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	w.Header().Set("ETag", tag)
	if !strings.Contains(r.Header.Get("If-None-Match"), tag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// wantsJSON reports whether JSON is asked for by the path, or by an Accept that
// names it and no HTML, as browsers do.
func wantsJSON(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		return true
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, _ := mime.ParseMediaType(part)
		switch kind {
		case "application/json":
			return true
		case "text/html", "*/*":
			return false
		}
	}
	return false
}

// static answers with a file that is compiled in.
func static(name, kind string) http.HandlerFunc {
	body, err := files.ReadFile(name)
	return func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "max-age=300")
		if !unchanged(w, r, body) {
			_, _ = w.Write(body)
		}
	}
}
