package main

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	hub "github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/forge"
	"github.com/amendhq/amend/internal/github"
)

// on is the host of a stage as the writer sees it.
func (s *stage) on() host {
	s.Helper()
	client, err := github.New(github.Config{
		BaseURL: s.web.URL + "/api/v3", Owner: "acme", Repo: "env", Auth: github.Auth{TokenFile: filepath.Join(s.dir, "token")},
	})
	s.must(err)
	return host{Client: client, log: slog.New(slog.DiscardHandler)}
}

// Wherever a try to show a verdict ends, the next one completes it, and each
// verdict is explained once.
func TestVerdictIsExplainedOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]forge.Fault{
		"before the comment": once("POST", "/comments$", status(http.StatusForbidden)),
		"after the comment":  once("POST", "/comments$", forge.Fault{Action: forge.FaultDropAfter}),
		"before the label":   once("POST", "/labels$", status(http.StatusForbidden)),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 1, "", nil)
			s.forged = true
			ctx, branch, mine := t.Context(), "amend/x-1", strings.TrimSpace(s.git("rev-parse", "main"))
			_, _, err := s.api.Git.CreateRef(ctx, "acme", "env", &hub.Reference{Ref: hub.String("refs/heads/" + branch), Object: &hub.GitObject{SHA: &mine}})
			s.must(err)
			s.set(branch, "999Mi")
			_, _, err = s.api.PullRequests.Create(ctx, "acme", "env", &hub.NewPullRequest{Title: hub.String("T"), Head: &branch, Base: hub.String("main")})
			s.must(err)
			_, _, err = s.api.PullRequests.Merge(ctx, "acme", "env", 1, "", nil)
			s.must(err)

			on := s.on()
			s.must(s.host.AddFault(fault))
			if err := on.JudgePull(ctx, branch, amend.Failed, "**failed**: so\n"); err == nil {
				t.Error("it did not fail")
			}
			for range 2 {
				s.must(on.JudgePull(ctx, branch, amend.Failed, "**failed**: said in other words\n"))
			}
			s.must(on.JudgePull(ctx, branch, amend.Reverted, "**reverted**: so\n"))
			texts, err := on.Comments(ctx, 1)
			s.must(err)
			if len(texts) != 2 || !strings.HasPrefix(texts[0], "**failed**") || !strings.HasPrefix(texts[1], "**reverted**") || len(s.shown(1).Labels) != 2 {
				t.Errorf("the comments are %q, the labels %v", texts, s.shown(1).Labels)
			}
		})
	}
}
