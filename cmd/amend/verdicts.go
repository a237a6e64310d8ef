package main

import (
	"context"
	"slices"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/github"
	"github.com/amendhq/amend/internal/ledger"
)

// Verdict implements writer.Verdicts. A status of our name that does not read like
// ours is none; whoever may write statuses of the repo may write one that does.
func (h host) Verdict(ctx context.Context, commit string) (amend.VerdictState, error) {
	s, ok, err := h.Status(ctx, commit, ledger.VerdictContext)
	if err != nil || !ok {
		return "", err
	}
	state, _ := ledger.ParseVerdict(s.State, s.Description)
	return state, nil
}

// SetVerdict implements writer.Verdicts.
func (h host) SetVerdict(ctx context.Context, v amend.Verdict) error {
	state, description := ledger.VerdictStatus(v)
	return h.SetStatus(ctx, v.Commit, ledger.VerdictContext, github.Status{State: state, Description: description})
}

// JudgePull implements writer.Verdicts. The label goes last, because it is what
// tells the next try that the comment is there.
func (h host) JudgePull(ctx context.Context, branch string, state amend.VerdictState, comment string) error {
	p, ok, err := h.PullRequest(ctx, branch)
	label := "amend/" + string(state)
	if err != nil || !ok || p.State != github.Merged || slices.Contains(p.Labels, label) {
		return err
	}
	if err := h.Comment(ctx, p.Number, comment); err != nil {
		return err
	}
	return h.Label(ctx, p.Number, label)
}
