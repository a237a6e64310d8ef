package forge

import (
	"net/http"
	"strings"

	"github.com/amendhq/amend"
)

// An endpoint is one call of the REST API.
type endpoint struct {
	method, path string
	scopes       string // any of these, separated by a bar; empty: an App calls for itself
	access       string // read or write
	serve        func(call) (reply, error)
}

const inRepo = "/repos/{owner}/{repo}"

// endpoints is the whole REST API of the host.
func (s *Server) endpoints() []endpoint {
	return []endpoint{
		{"POST", "/app/installations/{id}/access_tokens", "", "", s.createInstallationToken},
		{"GET", inRepo + "/installation", "", "", s.getInstallation},
		{"GET", "/app", "", "", s.getApp},
		{"GET", "/user", "metadata", "read", s.getUser},
		{"GET", "/rate_limit", "metadata", "read", s.getRateLimit},
		{"GET", inRepo, "metadata", "read", s.getRepo},

		{"GET", inRepo + "/git/ref/{ref...}", "contents", "read", s.getRef},
		{"GET", inRepo + "/git/matching-refs/{ref...}", "contents", "read", s.matchingRefs},
		{"POST", inRepo + "/git/refs", "contents", "write", s.createRef},
		{"PATCH", inRepo + "/git/refs/{ref...}", "contents", "write", s.updateRef},
		{"DELETE", inRepo + "/git/refs/{ref...}", "contents", "write", s.deleteRef},
		{"GET", inRepo + "/commits", "contents", "read", s.listCommits},
		{"GET", inRepo + "/commits/{ref...}", "contents", "read", s.getCommit},
		{"GET", inRepo + "/compare/{basehead...}", "contents", "read", s.compare},

		{"GET", inRepo + "/pulls", "pull_requests", "read", s.listPulls},
		{"POST", inRepo + "/pulls", "pull_requests", "write", s.createPull},
		{"GET", inRepo + "/pulls/{number}", "pull_requests", "read", s.getPull},
		{"PATCH", inRepo + "/pulls/{number}", "pull_requests", "write", s.updatePull},
		{"PUT", inRepo + "/pulls/{number}/merge", "contents", "write", s.mergePull},
		{"POST", inRepo + "/pulls/{number}/requested_reviewers", "pull_requests", "write", s.requestReviewers},
		{"GET", inRepo + "/pulls/{number}/commits", "pull_requests", "read", s.listPullCommits},
		{"GET", inRepo + "/pulls/{number}/reviews", "pull_requests", "read", s.listReviews},
		{"POST", inRepo + "/pulls/{number}/reviews", "pull_requests", "write", s.createReview},
		{"GET", inRepo + "/pulls/{number}/comments", "pull_requests", "read", s.listRemarks},
		{"POST", inRepo + "/statuses/{sha}", "statuses", "write", s.createStatus},
		{"GET", inRepo + "/commits/{ref}/status", "statuses", "read", s.combinedStatus},
		{"GET", inRepo + "/commits/{ref}/statuses", "statuses", "read", s.listStatuses},
		{"POST", inRepo + "/check-runs", "checks", "write", s.createCheckRun},
		{"GET", inRepo + "/commits/{ref}/check-runs", "checks", "read", s.listCheckRuns},
		{"GET", inRepo + "/issues/{number}/labels", "issues|pull_requests", "read", s.listLabels},
		{"POST", inRepo + "/issues/{number}/labels", "issues|pull_requests", "write", s.addLabels},
		{"DELETE", inRepo + "/issues/{number}/labels/{name}", "issues|pull_requests", "write", s.removeLabel},
		{"GET", inRepo + "/issues/{number}/comments", "issues|pull_requests", "read", s.listComments},
		{"POST", inRepo + "/issues/{number}/comments", "issues|pull_requests", "write", s.addComment},

		{"POST", inRepo + "/dispatches", "contents", "write", s.dispatch},
		{"GET", inRepo + "/actions/runs", "actions", "read", s.listRuns},
		{"GET", inRepo + "/actions/runs/{id}", "actions", "read", s.getRun},
		{"GET", inRepo + "/actions/runs/{id}/logs", "actions", "read", s.getRunLogs},
		{"GET", "/_logs/{owner}/{repo}/{id}", "actions", "read", s.getRunLogText},
	}
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, e := range s.endpoints() {
		mux.HandleFunc(e.method+" "+e.path, func(w http.ResponseWriter, r *http.Request) {
			limit := s.limits.take(secret(r), s.cfg.Now(), e.path != "/rate_limit")
			rep, err := s.answer(e, r, limit)
			s.stats.count(e, err)
			for name, value := range limit.header() {
				w.Header().Set(name, value)
			}
			s.write(w, r, rep, err)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.write(w, r, reply{}, notFound())
	})
	return mux
}

// answer authorises a request and serves it.
func (s *Server) answer(e endpoint, r *http.Request, limit usage) (reply, error) {
	if e.scopes == "" {
		return e.serve(call{Request: r})
	}
	who, err := s.grant(r)
	if err != nil {
		return reply{}, err
	}
	if limit.exceeded {
		return reply{}, fail(http.StatusForbidden, "API rate limit exceeded for user ID %d.", stableID(login(who)))
	}
	c := call{Request: r, who: who}
	if r.PathValue("repo") != "" {
		if c.repo, err = s.authorise(e, r, who); err != nil {
			return reply{}, err
		}
	}
	if c.repo != nil {
		defer s.announce(c)
	}
	return e.serve(c)
}

// authorise finds the repository of a call. A repository that the token may
// not see does not exist for it, as on GitHub.
func (s *Server) authorise(e endpoint, r *http.Request, who *Grant) (*repository, error) {
	if who == nil {
		if e.access == "write" {
			return nil, fail(http.StatusUnauthorized, "Requires authentication")
		}
		return nil, notFound()
	}
	repo, err := s.repo(r.PathValue("owner"), r.PathValue("repo"))
	if err != nil && amend.KindOf(err) == amend.Internal {
		return nil, err
	}
	if err != nil || !who.sees(repo.fullName()) {
		return nil, notFound()
	}
	if !who.may(e.scopes, e.access) {
		if who.app {
			return nil, fail(http.StatusForbidden, "Resource not accessible by integration")
		}
		return nil, fail(http.StatusForbidden, "Resource not accessible by personal access token")
	}
	if strings.HasPrefix(e.path, inRepo+"/git/") || strings.HasPrefix(e.path, inRepo+"/commits") {
		empty, err := repo.empty(r.Context())
		if err != nil {
			return nil, err
		}
		if empty {
			return nil, fail(http.StatusConflict, "Git Repository is empty.")
		}
	}
	return repo, nil
}

func login(who *Grant) string {
	if who == nil {
		return "ghost"
	}
	return who.Login
}
