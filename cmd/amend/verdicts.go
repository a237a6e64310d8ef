package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

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

// verdictMark ends a comment about a verdict, where nobody sees it.
const verdictMark = "<!-- amend:verdict %s -->"

// JudgePull implements writer.Verdicts. The mark in the comment tells the next try
// that it is there, and the label, which goes last, that nothing is left to do.
func (h host) JudgePull(ctx context.Context, branch string, state amend.VerdictState, comment string) error {
	p, ok, err := h.PullRequest(ctx, branch)
	label := "amend/" + string(state)
	if err != nil || !ok || p.State != github.Merged || slices.Contains(p.Labels, label) {
		return err
	}
	if err := h.commentOnce(ctx, p.Number, fmt.Sprintf(verdictMark, state), comment); err != nil {
		return err
	}
	return h.Label(ctx, p.Number, label)
}

// commentOnce writes a comment, unless one ends with the mark. Where there are too
// many comments to look through, the label alone has to say it.
func (h host) commentOnce(ctx context.Context, number int, mark, comment string) error {
	texts, err := h.Comments(ctx, number)
	switch {
	case amend.KindOf(err) == amend.Refused:
		h.log.WarnContext(ctx, "a verdict is not explained on its pull request", "pr", number, "error", err)
		return nil
	case err != nil:
		return err
	case slices.ContainsFunc(texts, func(text string) bool { return strings.HasSuffix(strings.TrimSpace(text), mark) }):
		return nil
	}
	return h.Comment(ctx, number, comment+"\n"+mark)
}
