package forge

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/amendhq/amend/internal/forge/store"
)

// A gitPath is a request of Git's smart HTTP protocol.
type gitPath struct {
	owner, name string
	rest        string // info/refs, git-upload-pack or git-receive-pack
}

var gitPathPattern = regexp.MustCompile(`^/([^/]+)/([^/]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack)$`)

func parseGitPath(path string) (gitPath, bool) {
	m := gitPathPattern.FindStringSubmatch(path)
	if m == nil {
		return gitPath{}, false
	}
	return gitPath{m[1], m[2], m[3]}, true
}

// push reports whether the request belongs to a push.
func (p gitPath) push(r *http.Request) bool {
	return p.rest == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
}

// serveGit lets Git itself answer, after the token was checked.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, path gitPath) {
	s.stats.countGit(path, r)
	who, err := s.grant(r)
	if who == nil || err != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Invalid username or token.", http.StatusUnauthorized)
		return
	}
	repo, err := s.repo(path.owner, path.name)
	if err != nil || !who.sees(repo.fullName()) {
		http.Error(w, "Repository not found.", http.StatusNotFound)
		return
	}
	access := "read"
	if path.push(r) {
		access = "write"
	}
	if !who.may("contents", access) {
		http.Error(w, "Permission to "+repo.fullName()+".git denied to "+who.Login+".", http.StatusForbidden)
		return
	}
	body, err := sized(r)
	if err != nil {
		http.Error(w, "The body cannot be read.", http.StatusBadRequest)
		return
	}
	defer body.Close()
	s.backend(repo, path, who).ServeHTTP(w, r)
	if path.rest == "git-receive-pack" {
		c := call{Request: r, repo: repo, who: who}
		s.refresh(c)
		s.announce(c)
	}
}

// backend is git http-backend for one repository.
func (s *Server) backend(repo *repository, path gitPath, who *Grant) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		protocol := r.Header.Get("Git-Protocol")
		r.URL.Path = "/" + filepath.Base(repo.Dir()) + "/" + path.rest
		r.Header.Del("Authorization") // no business of the process
		h := &cgi.Handler{
			Path: s.gitBin, Args: []string{"http-backend"}, Dir: repo.Dir(),
			Env: append(store.Environ(), "GIT_PROJECT_ROOT="+filepath.Dir(repo.Dir()), "GIT_HTTP_EXPORT_ALL=1",
				"REMOTE_USER="+who.Login, "GIT_PROTOCOL="+protocol),
			Stderr: logWriter{s},
		}
		h.ServeHTTP(w, r)
	})
}

// firstCommand is the beginning of a push: two commits and a reference.
var firstCommand = regexp.MustCompile(`^[0-9a-f]{44} [0-9a-f]{40} ([^\x00\n]+)`)

// reject answers a push of one reference as a host does that does not move it.
// Only clients that ask for no side band understand the answer.
func (s *Server) reject(w http.ResponseWriter, r *http.Request, why string) {
	head, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
	ref := firstCommand.FindSubmatch(head)
	if err != nil || ref == nil {
		http.Error(w, "The push cannot be read.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
	for _, line := range []string{"unpack ok\n", fmt.Sprintf("ng %s %s\n", ref[1], why)} {
		fmt.Fprintf(w, "%04x%s", len(line)+4, line)
	}
	fmt.Fprint(w, "0000")
}

// logWriter passes what git complains of to the log.
type logWriter struct{ s *Server }

func (l logWriter) Write(p []byte) (int, error) {
	l.s.cfg.Log.Debug("git http-backend", "stderr", strings.TrimSpace(string(p)))
	return len(p), nil
}

// sized gives a chunked body, as Git sends large pushes, the length that CGI
// needs, by way of a temporary file.
func sized(r *http.Request) (io.Closer, error) {
	if len(r.TransferEncoding) == 0 {
		return r.Body, nil
	}
	file, err := os.CreateTemp("", "forge-push-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil { // the open file stays usable
		return file, err
	}
	n, err := io.Copy(file, r.Body)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	r.Body, r.ContentLength, r.TransferEncoding = file, n, nil
	return file, nil
}
