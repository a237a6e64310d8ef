package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/audit"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
)

// auditFlags say what is audited.
type auditFlags struct {
	repo, branch, since string
	grace               time.Duration
	now                 timeFlag
}

func newAudit() *cobra.Command {
	f := auditFlags{now: timeFlag{time.Now()}}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove from a clone alone that amend kept its promises there",
		Long: `Read the whole history of a clone, which may be bare, and hold every commit that
carries amend's trailers against what amend promises (docs/audit.md): at most one
live change for each incident and episode (I1), every change in the log and nothing
else there (I3), every diff inside its bounds and as its trailers say (I4), every
revert byte for byte (I8). Nothing is asked of any host, and nothing is written.

Exit code 3 when a promise is broken: each violation is printed with its commit and
with what to do. History cannot be mended, so after a violation was looked at, go on
with --since that commit.`,
		Example: `  amend audit
  amend audit --repo env.git --branch main --since 2026-11-01
  amend audit --since 1f0c2d4 -o json`,
	}
	out := cli.OutputFlag(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.repo, "repo", ".", "folder of the clone")
	fs.StringVar(&f.branch, "branch", checkedOut, "branch to audit")
	fs.StringVar(&f.since, "since", "", "judge only what came after a date (2006-01-02 or RFC 3339), a commit, a branch or a tag")
	fs.DurationVar(&f.grace, "grace", 2*time.Hour, "how long the log entry of a change may be on its way")
	fs.Var(&f.now, "now", "time of the audit, in RFC 3339")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		report, err := runAudit(cmd.Context(), f, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		if err := printAudit(cmd.OutOrStdout(), report, *out); err != nil {
			return err
		}
		if !report.Holds() {
			return cli.Printed(amend.Errorf(amend.Refused, "audit", "%d violations", len(report.Violations)))
		}
		return nil
	}
	return cmd
}

func runAudit(ctx context.Context, f auditFlags, stderr io.Writer) (audit.Report, error) {
	clone, err := openClone(f.repo)
	if err != nil {
		return audit.Report{}, err
	}
	head, err := headOf(clone, f.branch)
	if err != nil {
		return audit.Report{}, err
	}
	opt := audit.Options{
		Head: head, Grace: f.grace, Now: f.now.Time, Progress: showProgress(stderr, "changes judged"),
		Kinds: map[string][]string{}, Fields: map[string][]amend.FieldPattern{},
	}
	for _, action := range actions.All() {
		opt.Kinds[action.Name], opt.Fields[action.Name] = action.Kinds, action.Fields
	}
	if opt.Since, opt.After, err = since(clone, head, f.since); err != nil {
		return audit.Report{}, err
	}
	report, err := audit.Run(ctx, auditedClone{clone.Repo}, opt)
	if errors.Is(err, git.ErrShallow) {
		err = fmt.Errorf("%w, so it proves nothing; get the rest with git fetch --unshallow", err)
	}
	return report, err
}

// since reads a date, or what findCommit does.
func since(clone *git.Clone, head, text string) (commit string, after time.Time, err error) {
	if text == "" {
		return "", time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if after, err := time.Parse(layout, text); err == nil {
			return "", after, nil
		}
	}
	if commit, err = findCommit(clone, head, text); err != nil {
		err = fmt.Errorf("--since is no date such as 2026-11-01: %w", err)
	}
	return commit, time.Time{}, err
}

// An auditedClone is a clone as the audit wants it.
type auditedClone struct{ *git.Repo }

func (c auditedClone) Commits(head string) iter.Seq2[ledger.Commit, error] {
	return commits(c.Log(head, ""))
}

func (c auditedClone) Differences(from, to string) ([]audit.Difference, error) {
	all, err := c.Repo.Differences(from, to)
	out := make([]audit.Difference, 0, len(all))
	for _, d := range all {
		out = append(out, audit.Difference{Path: d.Path, Before: audit.Entry(d.Before), After: audit.Entry(d.After)})
	}
	return out, err
}

// showProgress returns a function that shows how far a long command is, on a
// terminal, and nothing elsewhere. It writes a line over and over and leaves none.
func showProgress(stderr io.Writer, what string) func(done, total int) {
	f, ok := stderr.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		return nil
	}
	return func(done, total int) {
		if done%200 == 0 {
			fmt.Fprintf(f, "\r%d of %d %s", done, total, what)
		}
		if done == total {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
}

// promises names the invariants for people.
var promises = [...]struct {
	invariant audit.Invariant
	text      string
}{
	{audit.OneChange, "at most one live change for each incident and episode"},
	{audit.Logged, "the log has the changes, and nothing else"},
	{audit.Bounded, "every diff is inside its bounds, and as its trailers say"},
	{audit.Restored, "every revert of amend restores the exact bytes"},
}

func printAudit(w io.Writer, r audit.Report, out cli.Format) error {
	if out == cli.JSON {
		return cli.PrintJSON(w, r)
	}
	fmt.Fprintf(w, "read %d commits up to %s: %d changes and %d reverts of amend, %d entries in the log\n",
		r.Commits, r.Head, r.Changes, r.Reverts, r.Entries)
	for _, p := range promises {
		broken := 0
		for _, v := range r.Violations {
			if v.Invariant == p.invariant {
				broken++
			}
		}
		outcome := "holds"
		if broken > 0 {
			outcome = fmt.Sprintf("BROKEN, %d times", broken)
		}
		if p.invariant == audit.Logged && len(r.Pending) > 0 {
			outcome += fmt.Sprintf(" (%d entries may still be on their way)", len(r.Pending))
		}
		fmt.Fprintf(w, "%s %s: %s\n", p.invariant, p.text, outcome)
	}
	for _, v := range r.Violations {
		fmt.Fprintf(w, "\n%s %s", v.Invariant, orNone(v.Commit))
		if v.Incident != "" {
			fmt.Fprintf(w, " (%s, episode %d)", message.Plain(v.Incident, 100), v.Episode)
		}
		fmt.Fprintf(w, "\n  found: %s\n  do:    %s\n", message.Plain(v.Found, 2000), v.Do)
	}
	return nil
}
