package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/message"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/replay"
	"github.com/amendhq/amend/internal/tree"
)

// maxEvents bounds what is replayed at a time.
const maxEvents = 100_000

// replayFlags say which events are decided anew, and by which policies.
type replayFlags struct {
	dir, against string
	markdown     bool
}

func (f *replayFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.dir, "replay", "", "folder with recorded events, one or more in each *.json")
	fs.StringVar(&f.against, "against", checkedOut, "with --replay: commit, branch or tag whose policy is compared with the folder's")
	fs.BoolVar(&f.markdown, "markdown", false, "with --replay: print a comment for a pull request")
}

// check refuses a flag that would be overlooked.
func (f *replayFlags) check(cmd *cobra.Command, out cli.Format) error {
	overlooked, why := []string{"against", "markdown"}, "without"
	if f.dir != "" {
		overlooked, why = []string{"alert", "now"}, "with"
	}
	for _, flag := range overlooked {
		if cmd.Flags().Changed(flag) {
			return amend.Errorf(amend.Invalid, "", "--%s means nothing %s --replay; see %s --help", flag, why, cmd.CommandPath())
		}
	}
	if f.markdown && out == cli.JSON {
		return amend.Errorf(amend.Invalid, "", "--markdown and -o json are two forms of one answer; see %s --help", cmd.CommandPath())
	}
	return nil
}

// comparePolicies decides about the recorded events twice on the folder as it
// is: with the policy of another revision, and with its own.
func comparePolicies(repo string, f replayFlags, ids alert.Identity) (replay.Report, error) {
	events, err := readEvents(f.dir, ids)
	if err != nil {
		return replay.Report{}, err
	}
	files, err := tree.Dir(repo)
	if err != nil {
		return replay.Report{}, err
	}
	past, err := readPast(repo)
	if err != nil {
		return replay.Report{}, err
	}
	if past.clone == nil {
		return replay.Report{}, amend.Errorf(amend.Invalid, "replay", "%s is no clone, so it has no other policy to compare with", repo)
	}
	now, err := policyOf(files)
	if err != nil {
		return replay.Report{}, err
	}
	then, err := past.policyAt(f.against)
	if err != nil {
		return replay.Report{}, err
	}
	w := pipeline.World{Tree: files, Past: past}
	before, err := replay.Run(pipeline.New(withJsonnet()), w, then, events)
	if err != nil {
		return replay.Report{}, err
	}
	after, err := replay.Run(pipeline.New(withJsonnet()), w, now, events)
	if err != nil {
		return replay.Report{}, err
	}
	return replay.Compare(before, after), nil
}

// policyAt returns the policy of a commit, named as findCommit takes it.
func (p *clonePast) policyAt(revision string) ([]byte, error) {
	sha, err := findCommit(p.clone, p.head, revision)
	if err != nil {
		return nil, err
	}
	files, err := p.clone.Tree(sha)
	if err != nil {
		return nil, err
	}
	return policyOf(files)
}

// policyOf returns the policy of a tree, nil when it has none.
func policyOf(files fs.FS) ([]byte, error) {
	data, err := fs.ReadFile(files, policy.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read policy", "%w", err)
	}
	return data, nil
}

// readEvents reads all *.json files of a folder: CloudEvents, or bodies of
// webhooks, whose alerts came when they began or ended.
func readEvents(dir string, ids alert.Identity) ([]amend.Event, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(names) == 0 {
		return nil, amend.Errorf(amend.Invalid, "read events", "%s holds no *.json files", dir)
	}
	var events []amend.Event
	for _, name := range names {
		data, err := readInput(nil, name)
		if err != nil {
			return nil, err
		}
		list, err := decodeEvents(data, time.Time{}, ids)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		for _, e := range list {
			if e.Time.IsZero() {
				e.Time = cmp.Or(e.Alert.StartsAt, e.Alert.EndsAt)
				if e.Alert.Status == amend.Resolved {
					e.Time = cmp.Or(e.Alert.EndsAt, e.Alert.StartsAt)
				}
			}
			events = append(events, e)
		}
		if len(events) > maxEvents {
			return nil, amend.Errorf(amend.Invalid, "read events", "%s holds more than %d events", dir, maxEvents)
		}
	}
	return events, nil
}

func printReplay(w io.Writer, r replay.Report, f replayFlags, out cli.Format) error {
	switch {
	case out == cli.JSON:
		return cli.PrintJSON(w, r)
	case f.markdown:
		_, err := io.WriteString(w, r.Markdown())
		return err
	}
	fmt.Fprintf(w, "%d events, %d decided otherwise than by the policy of %s\n\n%-24s %8s %8s\n", r.Events, len(r.Differences), f.against, "decision", "before", "after")
	for _, reason := range r.Reasons() {
		fmt.Fprintf(w, "%-24s %8d %8d\n", reason, r.Before[reason], r.After[reason])
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "\n%s %s\n", d.At.UTC().Format(time.RFC3339), message.Plain(d.Alert, 200))
		for _, side := range []struct {
			name string
			o    replay.Outcome
		}{{"before", d.Before}, {"after", d.After}} {
			fmt.Fprintf(w, "  %-7s %s\n", side.name, message.Plain(side.o.String(), 1000))
			if side.o.Detail != "" {
				fmt.Fprintf(w, "  %-7s %s\n", "", message.Plain(strings.ReplaceAll(side.o.Detail, "\n", "; "), 1000))
			}
		}
	}
	return nil
}

// recordEvent keeps an accepted event in a folder, in a file of its own, so that
// the same event is kept once however often it is handled.
func recordEvent(dir string, e amend.Event) error {
	ce, err := alert.ToCloudEvent(e)
	if err != nil {
		return err
	}
	data, err := json.Marshal(ce)
	if err != nil {
		return amend.Errorf(amend.Internal, "record event", "%w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return amend.Errorf(amend.Transient, "record event", "%w", err)
	}
	// Both parts are words of ours; see alert.ToCloudEvent.
	name := e.Time.UTC().Format("20060102T150405.000000000Z") + "-" + e.ID + ".json"
	return cli.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o600)
}
