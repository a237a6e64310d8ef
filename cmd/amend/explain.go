package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/secret"
	"github.com/amendhq/amend/internal/thread"
)

// explainFlags say where to look.
type explainFlags struct{ repo, branch, server, token string }

func newExplain() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:   "explain COMMIT|INCIDENT|EVENT|#PULL",
		Short: "Tell all that is known of one remediation, from either end",
		Long: `Follow a remediation through a clone: when its alert began, the commit, the merge,
the entry in the log, and who took it back. Name it by its commit (or the merge that
brought it, or the revert), which HEAD, a branch or a tag may name, by its incident, by
the id of an event, or by the number of its pull request. With --server, the
decisions that a running amend serve remembers are told too, and events that led to
no change are found.

Whether a change worked is not kept in Git, unless it did not and was taken back.
Exit code 3 when nothing is known.`,
		Example: `  amend explain 1f0c2d4
  amend explain HEAD
  amend explain '#12' --server http://127.0.0.1:8080 --server-token-file webhook-token
  amend explain out-of-memory-4fb26efe80 -o json`,
		Args: cli.OneArg,
	}
	out := cli.OutputFlag(cmd)
	cmd.Flags().StringVar(&f.repo, "repo", ".", "folder of the clone")
	cmd.Flags().StringVar(&f.branch, "branch", checkedOut, "branch whose history is told")
	cmd.Flags().StringVar(&f.server, "server", "", "address of a running amend serve, to ask for its decisions")
	cmd.Flags().StringVar(&f.token, "server-token-file", "", "file with the bearer token that the server asks for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		threads, err := explain(cmd.Context(), f, args[0])
		if err != nil {
			return err
		}
		if *out == cli.JSON {
			return cli.PrintJSON(cmd.OutOrStdout(), threads)
		}
		for i, t := range threads {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			printThread(cmd.OutOrStdout(), t)
		}
		return nil
	}
	return cmd
}

func explain(ctx context.Context, f explainFlags, question string) ([]thread.Thread, error) {
	clone, err := openClone(f.repo)
	if err != nil {
		return nil, err
	}
	head, err := headOf(clone, f.branch)
	if err != nil {
		return nil, err
	}
	files, err := clone.Tree(head)
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(files, ledger.LogFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	src := thread.Sources{Commits: commits(clone.Log(head, ""))}
	if src.Log, err = ledger.ParseLog(data); err != nil {
		return nil, err
	}
	if f.server == "" && f.token != "" {
		return nil, amend.Errorf(amend.Invalid, "--server", "it is required with --server-token-file")
	}
	if f.server != "" {
		if src.Decisions, err = askDecisions(ctx, f.server, f.token); err != nil {
			return nil, err
		}
	}
	if sha, ok := named(clone, question); ok {
		question = sha
	}
	threads, err := thread.Follow(src, question)
	if errors.Is(err, git.ErrShallow) {
		err = fmt.Errorf("%w; get the rest with git fetch --unshallow", err)
	}
	return threads, err
}

const (
	// askTimeout bounds the question to a server.
	askTimeout = 30 * time.Second
	// maxDecisions is what a server answers at most, maxDecisionBytes what is
	// read of that.
	maxDecisions, maxDecisionBytes = 1000, 256 << 20
)

// askDecisions returns the latest decisions of a server.
func askDecisions(ctx context.Context, server, tokenFile string) ([]amend.Decision, error) {
	const op = "ask for decisions"
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, amend.Errorf(amend.Invalid, "--server", "want http(s)://HOST without credentials")
	}
	u = u.JoinPath("v1", "decisions")
	u.RawQuery = fmt.Sprintf("limit=%d", maxDecisions)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, op, "%w", err)
	}
	if tokenFile != "" {
		token, err := secret.Read(tokenFile)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, amend.Errorf(amend.Transient, op, "%w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		kind := amend.Transient
		if res.StatusCode < 500 {
			kind = amend.Invalid
		}
		return nil, amend.Errorf(kind, op, "%s answered %s", u.Host, res.Status)
	}
	var all []amend.Decision
	if err := json.NewDecoder(io.LimitReader(res.Body, maxDecisionBytes)).Decode(&all); err != nil {
		return nil, amend.Errorf(amend.Transient, op, "%s did not answer with decisions: %w", u.Host, err)
	}
	return all, nil
}

// printThread tells a thread to a person at a terminal.
func printThread(w io.Writer, t thread.Thread) {
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-9s %s\n", key, message.Plain(value, 2000))
		}
	}
	if t.Episode > 0 {
		line("incident", fmt.Sprintf("%s, episode %d", t.Incident, t.Episode))
	} else {
		line("incident", t.Incident)
	}
	line("event", t.Event)
	if t.Playbook != "" {
		line("playbook", t.Playbook+" ("+t.Action+")")
	}
	line("workload", t.Workload)
	line("edited", t.Edited)
	if t.PullRequest > 0 {
		fmt.Fprintf(w, "%-9s #%d\n", "pull", t.PullRequest)
	}
	line("trace", t.Trace)
	fmt.Fprintln(w)
	for _, s := range t.Steps {
		at := strings.Repeat(" ", len(time.RFC3339)-5)
		if !s.At.IsZero() {
			at = s.At.UTC().Format(time.RFC3339)
		}
		text := message.Plain(s.Text, 2000)
		if s.Commit != "" {
			text += " [" + message.Plain(s.Commit, 64) + "]"
		}
		fmt.Fprintf(w, "%-20s %-9s %s\n", at, s.Stage, text)
	}
}
