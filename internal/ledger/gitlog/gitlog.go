// Package gitlog keeps remediation-log.yaml of an env repo in step with its
// history, through the git program and a clone on disk.
//
// It works on objects, not on the working copy: an entry is a commit that is
// made on top of the head it was read from and pushed, and if somebody else
// pushed first, it is dropped and made anew on the new head. So a run may stop
// at any moment and leaves nothing behind that the next run would trust, and
// uncommitted work of a person is never touched. What it has read of the history
// it says in the commit itself, see claim.
package gitlog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

const (
	tries    = 20
	logBytes = 1 << 20 // hosts stop showing files not far above
)

// Options say which clone to bring up to date, and how.
type Options struct {
	Dir    string // a folder of the clone
	Remote string // its name; "origin" when empty
	Branch string // the branch to record; the current one when empty
	// Push records the branch as the remote has it and pushes the result.
	// Otherwise the commit at HEAD is recorded and nothing leaves the clone.
	Push bool
	// Name and Email sign the commit; when empty, whom Git would name.
	Name, Email string
	// Verdicts says what the host shows beside the commit of a change, the zero
	// value for nothing; nil when no host is asked. An error leaves the verdicts to
	// the next run.
	Verdicts func(ctx context.Context, commit string) (amend.Verdict, error)
	Log      *slog.Logger // may be nil
}

// How old a change is that nobody verifies any more, and how many a run asks the
// host about at most, the newest first.
const (
	judgedWithin = 7 * 24 * time.Hour
	mostJudged   = 100
)

// Reconcile adds the entries that remediation-log.yaml lacks for the changes
// in the history, and the verdicts that its entries lack, in one commit, and
// returns how many entries. Nothing missing is success without a commit. Running it in any number of clones at once (one at
// a time in each), or again after it was interrupted, adds each change once.
//
// The local branch follows a successful push if that disturbs no local work.
// An error is Transient when trying again may help, Conflict when local work
// is in the way, Refused when the host forbids the push, NotFound without the
// branch, and Invalid for a clone or a log that cannot be read.
func Reconcile(ctx context.Context, opt Options) (added int, err error) {
	if opt.Remote == "" {
		opt.Remote = "origin"
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	c := newClone(opt)
	if !opt.Push {
		head, err := c.localHead(ctx, opt)
		if err != nil {
			return 0, err
		}
		return c.recordLocally(ctx, opt, head)
	}
	if opt.Branch, err = c.branch(ctx, opt); err != nil {
		return 0, err
	}
	for try := range tries {
		added, err = c.recordRemotely(ctx, opt)
		if amend.KindOf(err) != amend.Conflict {
			return added, err
		}
		opt.Log.InfoContext(ctx, "somebody pushed first", "try", try+1, "branch", opt.Branch)
		if err := pause(ctx, try); err != nil {
			return 0, err
		}
	}
	return 0, amend.Errorf(amend.Transient, "record", "lost the race for the branch %d times: %w", tries, err)
}

// branch returns the branch to record, checked to be the name of one.
func (c clone) branch(ctx context.Context, opt Options) (string, error) {
	if opt.Branch == "" {
		ref, err := c.line(ctx, nil, "symbolic-ref", "--quiet", "HEAD")
		name, ok := strings.CutPrefix(ref, "refs/heads/")
		if err == nil && !ok {
			err = fmt.Errorf("HEAD is %q", ref)
		}
		if err != nil {
			return "", wrap(amend.Invalid, "find the branch to record, which nobody named", err)
		}
		return name, nil
	}
	if _, err := c.run(ctx, nil, "check-ref-format", "refs/heads/"+opt.Branch); err != nil {
		return "", wrap(amend.Invalid, "check branch "+strconv.Quote(opt.Branch), err)
	}
	return opt.Branch, nil
}

func (c clone) recordLocally(ctx context.Context, opt Options, head string) (int, error) {
	commit, added, err := c.record(ctx, opt, head)
	if err != nil || commit == "" {
		return 0, err
	}
	if err := c.forward(ctx, commit); err != nil {
		return 0, wrap(amend.Conflict, "update the working copy", err)
	}
	return added, nil
}

func (c clone) recordRemotely(ctx context.Context, opt Options) (int, error) {
	head, err := c.remoteHead(ctx, opt)
	if err != nil {
		return 0, err
	}
	commit, added, err := c.record(ctx, opt, head)
	if err != nil || commit == "" {
		return 0, err
	}
	if err := c.push(ctx, opt, commit); err != nil {
		return 0, err
	}
	opt.Log.InfoContext(ctx, "recorded", "entries", added, "commit", commit, "branch", opt.Branch)
	if current, err := c.line(ctx, nil, "symbolic-ref", "--quiet", "HEAD"); err != nil || current != "refs/heads/"+opt.Branch {
		return added, nil
	}
	if err := c.forward(ctx, commit); err != nil {
		opt.Log.InfoContext(ctx, "the local branch stays behind the remote", "error", err)
	}
	return added, nil
}

// forward moves the current branch and the working copy on to commit, if that
// takes nothing away.
func (c clone) forward(ctx context.Context, commit string) error {
	_, err := c.run(ctx, nil, "merge", "--quiet", "--ff-only", "--no-autostash", "--no-verify-signatures", commit)
	return err
}

// record makes a commit on top of head that adds the missing entries and verdicts,
// and returns how many entries those are; there is no commit if there is nothing.
func (c clone) record(ctx context.Context, opt Options, head string) (commit string, added int, err error) {
	root, err := c.root(ctx, head)
	if err != nil {
		return "", 0, err
	}
	data, blob, err := c.read(ctx, root)
	if err != nil {
		return "", 0, err
	}
	if len(data) > logBytes {
		opt.Log.WarnContext(ctx, ledger.LogFile+" is large: hosts may not show it, and each run reads and writes all of it", "bytes", len(data))
	}
	log, err := ledger.ParseLog(data)
	if err != nil {
		return "", 0, err
	}
	before, err := c.claimed(ctx, head, blob, time.Now())
	if err != nil {
		return "", 0, err
	}
	records, err := c.history(ctx, head, before)
	if err != nil {
		return "", 0, err
	}
	missing := ledger.Missing(log, records)
	grown, err := ledger.Append(log, missing)
	if err != nil {
		return "", 0, err
	}
	next := ledger.Judge(grown, verdicts(ctx, opt, grown)).Bytes()
	if bytes.Equal(next, data) {
		return "", 0, nil
	}
	if blob, err = c.write(ctx, next); err != nil {
		return "", 0, err
	}
	message := recordMessage(missing)
	if ledger.Holds(grown, records) {
		message += "\n" + claim{blob: blob, commit: head, read: before.read}.String()
	}
	commit, err = c.commit(ctx, head, root.with(blob), message)
	return commit, len(missing), err
}

// verdicts asks the host about the entries that may get one.
func verdicts(ctx context.Context, opt Options, log ledger.Log) []amend.Verdict {
	if opt.Verdicts == nil {
		return nil
	}
	open := ledger.Unjudged(log, time.Now().Add(-judgedWithin))
	var found []amend.Verdict
	for _, r := range open[:min(len(open), mostJudged)] {
		v, err := opt.Verdicts(ctx, r.Commit)
		if err != nil {
			opt.Log.WarnContext(ctx, "verdicts are left to the next run", "error", err)
			break
		}
		if v.State != "" {
			v.Commit = r.Commit
			found = append(found, v)
		}
	}
	return found
}

// history returns the records of all changes up to head that the claim leaves open. The
// entries alone cannot say where to begin: one may be lost in a merge by hand, or name
// any commit.
func (c clone) history(ctx context.Context, head string, before claim) ([]amend.Record, error) {
	args := []string{"log", "-z", "--encoding=UTF-8", "--no-show-signature", "--no-color",
		"--format=tformat:%H%x00%P%x00%ct%x00%ce%x00%B", "--basic-regexp", "--grep=^Amend-Incident: ", "--ignore-missing", head}
	if before.commit != "" {
		args = append(args, "^"+before.commit+"^{commit}")
	}
	out, err := c.run(ctx, nil, append(args, "--")...)
	if err != nil {
		return nil, wrap(amend.Internal, "read history", err)
	}
	return parseHistory(out)
}

// parseHistory reads commits of five fields, each of which ends in a NUL.
func parseHistory(out []byte) ([]amend.Record, error) {
	var changes ledger.Index
	fields := strings.Split(string(bytes.TrimSuffix(out, []byte{0})), "\x00")
	for ; len(fields) >= 5; fields = fields[5:] {
		at, err := unixTime(fields[2])
		if err != nil {
			return nil, wrap(amend.Internal, "read history", err)
		}
		changes.Add(ledger.Commit{SHA: fields[0], Parents: strings.Fields(fields[1]), At: at, Committer: fields[3], Message: fields[4]})
	}
	return changes.Records(), nil
}

// pause waits a random time, longer after each try, so that those who collided
// do not collide again.
func pause(ctx context.Context, try int) error {
	limit := min(50*time.Millisecond<<try, 2*time.Second)
	select {
	case <-ctx.Done():
		return amend.Errorf(amend.Transient, "record", "%w", context.Cause(ctx))
	case <-time.After(rand.N(limit)):
		return nil
	}
}
