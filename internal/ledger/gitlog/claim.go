package gitlog

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/amendhq/amend"
)

// claimedFor is for how long a run believes what others before it have read.
const claimedFor = 24 * time.Hour

// A claim says that a log has every change in the history of a commit, so that the next
// run reads only what came later. The message of the commit that changed the log carries
// it. It names the log by its content: whatever a person does to the file, by hand, in a
// merge or by taking a commit back, makes it a log of which nothing is claimed, and once
// true a claim is true forever, on whatever branch. Who may push can write a false one.
// So it is believed for a day, and then some run reads all of the history again.
type claim struct {
	blob   string    // the content of the log
	commit string    // up to which it has every change
	read   time.Time // when the whole history was read, on which the claim rests
}

// claimText is what git finds a claim by, and claimPattern what it is.
const claimText = "has every change up to"

var claimPattern = regexp.MustCompile(`(?m)^Log ([0-9a-f]{40,64}) ` + claimText + ` ([0-9a-f]{40,64}); the whole history was read at (\S+)\.$`)

// String returns the line of a message that parseClaim reads.
func (c claim) String() string {
	return fmt.Sprintf("Log %s %s %s; the whole history was read at %s.\n", c.blob, claimText, c.commit, c.read.UTC().Format(time.RFC3339))
}

// parseClaim returns the claim in the message of a commit.
func parseClaim(message string) (claim, bool) {
	m := claimPattern.FindStringSubmatch(message)
	if m == nil {
		return claim{}, false
	}
	read, err := time.Parse(time.RFC3339, m[3])
	return claim{blob: m[1], commit: m[2], read: read}, err == nil
}

// claimed returns the last claim in the history of head if it is about this content of
// the log, and else one that leaves everything open and is made now.
func (c clone) claimed(ctx context.Context, head, blob string, now time.Time) (claim, error) {
	since := now.Add(-claimedFor)
	message, err := c.run(ctx, nil, "log", "--max-count=1", "--encoding=UTF-8", "--no-show-signature", "--no-color", "--format=tformat:%B",
		"--max-age="+strconv.FormatInt(since.Unix(), 10), "--basic-regexp", "--grep=^Log [0-9a-f]* "+claimText, head, "--")
	if err != nil {
		return claim{}, wrap(amend.Internal, "read history", err)
	}
	last, ok := parseClaim(string(message))
	if !ok || last.blob != blob || last.read.Before(since) || last.read.After(now) {
		return claim{read: now}, nil
	}
	return last, nil
}
