package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/ledger"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/tree"
)

func newSimulate() *cobra.Command {
	var repo, file string
	var volatile []string
	var again replayFlags
	now := timeFlag{time.Now()}
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Show what an alert would do to an env repo; write nothing",
		Long: `Decide about the alerts of a file as serve would, on the files of a folder: the
decision, its reason and the diff. Each alert is decided by itself: what the others
of the file would change counts for no budget and no cooldown. A folder that is a
Git clone also gives the history, for cooldowns and roll-backs. Pull requests that
are still open are known to the host only, and are not seen. Nothing is written or
sent.

The file holds the body of an Alertmanager webhook or a CloudEvent of amend.
Exit code 3 when any of the alerts is refused.

With --replay, decide about the recorded events of a folder instead, each at its own
time and with the changes that came before it, by the policy of another revision and
by the one in the folder, and say which are decided otherwise. amend serve records
with --record-events.`,
		Example: `  amend simulate --repo . --alert alert.json
  amend simulate --repo . --alert - -o json < alert.json
  amend simulate --repo . --replay events --against main --markdown`,
	}
	out := cli.OutputFlag(cmd)
	cmd.Flags().StringVar(&repo, "repo", ".", "folder of the env repo")
	cmd.Flags().StringVar(&file, "alert", "", "file with the alerts; - reads standard input (required without --replay)")
	again.register(cmd)
	cmd.Flags().Var(&now, "now", "time of the decision, in RFC 3339")
	cmd.Flags().StringSliceVar(&volatile, "volatile-label", alert.DefaultVolatile(), "labels that do not tell one trouble from another")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return again.check(cmd, *out) }
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if again.dir != "" {
			report, err := comparePolicies(repo, again, alert.NewIdentity(volatile))
			if err != nil {
				return err
			}
			return printReplay(cmd.OutOrStdout(), report, again, *out)
		}
		if err := cli.Required(cmd, "alert"); err != nil {
			return err
		}
		data, err := readInput(cmd.InOrStdin(), file)
		if err != nil {
			return err
		}
		events, err := decodeEvents(data, now.Time, alert.NewIdentity(volatile))
		if err != nil {
			return err
		}
		decisions, err := simulate(repo, events, now.Time)
		if err != nil {
			return err
		}
		return printDecisions(cmd.OutOrStdout(), decisions, *out)
	}
	return cmd
}

// timeFlag is a time on the command line.
type timeFlag struct{ time.Time }

func (t *timeFlag) String() string { return "now" }
func (t *timeFlag) Type() string   { return "time" }

// Set implements pflag.Value.
func (t *timeFlag) Set(s string) (err error) {
	if t.Time, err = time.Parse(time.RFC3339, s); err != nil {
		return fmt.Errorf("%q is not a time such as 2026-03-01T10:00:00Z", s)
	}
	return nil
}

func readInput(stdin io.Reader, file string) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, amend.Errorf(amend.Invalid, "read alerts", "%w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(alert.DefaultLimits().Reader(in))
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read alerts", "%w", err)
	}
	return data, nil
}

// decodeEvents reads a CloudEvent, or else the body of a webhook.
func decodeEvents(data []byte, now time.Time, ids alert.Identity) ([]amend.Event, error) {
	var probe struct {
		SpecVersion string `json:"specversion"`
	}
	if json.Unmarshal(data, &probe) == nil && probe.SpecVersion != "" {
		var ce event.Event
		if err := json.Unmarshal(data, &ce); err != nil {
			return nil, amend.Errorf(amend.Invalid, "read CloudEvent", "%w", err)
		}
		a, err := alert.DecodeCloudEvent(ce, alert.DefaultLimits())
		if err != nil {
			return nil, err
		}
		if !ce.Time().IsZero() {
			now = ce.Time()
		}
		return []amend.Event{alert.NewEvent(a, now, ids)}, nil
	}
	alerts, group, err := alert.DecodeAlertmanager(bytes.NewReader(data), alert.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("%w; expected %s, or a CloudEvent", err, alert.Expected)
	}
	for _, r := range group.Rejected {
		return nil, amend.Errorf(amend.Invalid, "read alerts", "alerts[%d]: %s", r.Index, r.Reason)
	}
	events := make([]amend.Event, 0, len(alerts))
	for _, a := range alerts {
		events = append(events, alert.NewEvent(a, now, ids))
	}
	return events, nil
}

// simulate decides about each event by itself, on the folder as it is.
func simulate(dir string, events []amend.Event, now time.Time) ([]amend.Decision, error) {
	files, err := tree.Dir(dir)
	if err != nil {
		return nil, err
	}
	past, err := readPast(dir)
	if err != nil {
		return nil, err
	}
	p := pipeline.New(withJsonnet())
	decisions := make([]amend.Decision, 0, len(events))
	for _, e := range events {
		d, err := p.Decide(pipeline.World{Tree: files, Past: past, Now: now}, e)
		if err != nil {
			return nil, err
		}
		decisions = append(decisions, d)
	}
	return decisions, nil
}

// A clonePast is the history of a clone, or of nothing when clone is nil.
type clonePast struct {
	clone *git.Clone
	head  string
	index ledger.Index
	files fs.FS
}

func readPast(dir string) (*clonePast, error) {
	p := &clonePast{}
	files, err := tree.Dir(dir)
	if err != nil {
		return nil, err
	}
	p.files = files
	clone, err := git.OpenDir(dir)
	if amend.KindOf(err) == amend.NotFound {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.head, err = clone.Head(checkedOut)
	if amend.KindOf(err) == amend.NotFound {
		return p, nil // nothing is committed yet
	}
	if err != nil {
		return nil, err
	}
	p.clone = clone
	for c, err := range commits(clone.Log(p.head, "")) {
		if errors.Is(err, git.ErrShallow) {
			break // what there is of the history is true
		}
		if err != nil {
			return nil, err
		}
		p.index.Add(c)
	}
	return p, nil
}

// Episodes implements pipeline.Past.
func (p *clonePast) Episodes(incident string, _ amend.Mode) ([]amend.Episode, error) {
	return p.index.Episodes(incident), nil
}

// Records implements pipeline.Past: what landed.
func (p *clonePast) Records(since time.Time, _ amend.Mode) ([]amend.Record, error) {
	return p.index.Since(since), nil
}

// Reviews implements pipeline.Past: a clone knows no pull requests.
func (p *clonePast) Reviews(time.Time) ([]time.Duration, error) { return nil, nil }

// Versions implements pipeline.Past: what the folder holds now, which may not
// be committed, and then the history.
func (p *clonePast) Versions(path amend.RepoPath) iter.Seq2[pipeline.Version, error] {
	return func(yield func(pipeline.Version, error) bool) {
		now, err := fs.ReadFile(p.files, path.String())
		if err != nil || !yield(pipeline.Version{Content: now}, nil) || p.clone == nil {
			if err != nil {
				yield(pipeline.Version{}, err)
			}
			return
		}
		for v, err := range p.clone.Versions(p.head, path) {
			if !yield(pipeline.Version{Content: v.Content, Ours: p.index.Ours(v.Commit)}, unshallow(err)) {
				return
			}
		}
	}
}

// Commits implements pipeline.Past.
func (p *clonePast) Commits() iter.Seq2[pipeline.Commit, error] {
	return func(yield func(pipeline.Commit, error) bool) {
		if p.clone == nil {
			return
		}
		for c, err := range ledger.FirstParents(p.head, commits(p.clone.Log(p.head, ""))) {
			var files fs.FS
			if err == nil {
				files, err = p.clone.Tree(c.SHA)
			}
			if !yield(pipeline.Commit{SHA: c.SHA, At: c.At, Tree: files, Ours: p.index.Ours(c.SHA)}, unshallow(err)) || err != nil {
				return
			}
		}
	}
}

// unshallow tells a person what to do about a history that is cut off.
func unshallow(err error) error {
	if errors.Is(err, git.ErrShallow) {
		return amend.Refusef(amend.ReasonNoHistory, "%w; get it with git fetch --unshallow", err)
	}
	return err
}

// printDecisions prints the decisions; a refusal among them is the outcome.
func printDecisions(w io.Writer, decisions []amend.Decision, out cli.Format) error {
	refused := 0
	for _, d := range decisions {
		if d.Refused() {
			refused++
		}
	}
	if out == cli.JSON {
		if err := cli.PrintJSON(w, decisions); err != nil {
			return err
		}
	} else {
		for _, d := range decisions {
			fmt.Fprint(w, describe(d))
		}
	}
	if refused > 0 {
		return cli.Printed(amend.Errorf(amend.Refused, "simulate", "%d of %d alerts refused", refused, len(decisions)))
	}
	return nil
}

// describe tells a decision to a person at a terminal.
func describe(d amend.Decision) string {
	var b strings.Builder
	line := func(key, format string, args ...any) { fmt.Fprintf(&b, "%-9s %s\n", key, fmt.Sprintf(format, args...)) }
	line("alert", "%s", message.Plain(d.Alert, 200))
	line("decision", "%s", d.Reason)
	if d.Detail != "" {
		line("why", "%s", message.Plain(strings.ReplaceAll(d.Detail, "\n", "; "), 2000))
	}
	if d.Playbook != "" {
		line("playbook", "%s (%s, %s)", d.Playbook, d.Action, d.Mode)
	}
	switch {
	case d.Incident == "":
	case d.Episode == 0:
		line("incident", "%s", d.Incident)
	default:
		line("incident", "%s, episode %d", d.Incident, d.Episode)
	}
	if d.Plan != nil {
		for _, e := range d.Plan.Edits {
			line("edit", "%s:%d %s of %s: %s → %s", e.Target.Path, e.Target.Line, e.Field, e.Object, orNone(plain(e.Old)), plain(e.New))
		}
		b.WriteString("\n" + d.Plan.Diff)
	}
	b.WriteByte('\n')
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "(not set)"
	}
	return s
}
