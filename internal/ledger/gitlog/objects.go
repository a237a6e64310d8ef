package gitlog

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// listed is how many entries the message of a commit of ours names.
const listed = 50

// A folder is the root folder of a commit, one line of git ls-tree each. The
// log lies in it, so no other folder is ever read or written.
type folder struct {
	entries []string // "<mode> <type> <id>\t<name>"
	log     int      // index of the log's entry, or -1
}

// root lists the root folder of a commit.
func (c clone) root(ctx context.Context, commit string) (folder, error) {
	out, err := c.run(ctx, nil, "ls-tree", "-z", "--full-tree", commit)
	if err != nil {
		return folder{}, wrap(amend.Internal, "read "+ledger.LogFile, err)
	}
	entries := strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	log := slices.IndexFunc(entries, func(e string) bool { return strings.HasSuffix(e, "\t"+ledger.LogFile) })
	return folder{entries: entries, log: log}, nil
}

// read returns the log in f and the id of its content; no log is an empty one.
func (c clone) read(ctx context.Context, f folder) (data []byte, blob string, err error) {
	if f.log < 0 {
		return nil, "", nil
	}
	head, _, _ := strings.Cut(f.entries[f.log], "\t")
	parts := strings.Fields(head)
	if len(parts) != 3 || (parts[0] != "100644" && parts[0] != "100755") {
		return nil, "", amend.Errorf(amend.Invalid, "read "+ledger.LogFile, "it must be a file, and is %q", head)
	}
	if data, err = c.run(ctx, nil, "cat-file", "blob", parts[2]); err != nil {
		return nil, "", wrap(amend.Transient, "read "+ledger.LogFile, err)
	}
	return data, parts[2], nil
}

// write stores a content of the log and returns its id.
func (c clone) write(ctx context.Context, data []byte) (blob string, err error) {
	if blob, err = c.line(ctx, data, "hash-object", "-w", "--stdin"); err != nil {
		return "", wrap(amend.Internal, "commit", err)
	}
	return blob, nil
}

// with returns f with another content of the log.
func (f folder) with(blob string) folder {
	f.entries = slices.Clone(f.entries)
	if f.log < 0 {
		f.log, f.entries = len(f.entries), append(f.entries, "100644 blob "+blob+"\t"+ledger.LogFile)
		return f
	}
	mode, _, _ := strings.Cut(f.entries[f.log], " ")
	f.entries[f.log] = mode + " blob " + blob + "\t" + ledger.LogFile
	return f
}

// commit writes a commit on top of parent whose root folder is f. Its message is in
// words that are no trailers: it is no remediation.
func (c clone) commit(ctx context.Context, parent string, f folder, message string) (string, error) {
	var list bytes.Buffer
	for _, e := range f.entries {
		list.WriteString(e + "\x00")
	}
	// In a partial clone most of what the folder names is not here.
	tree, err := c.line(ctx, list.Bytes(), "mktree", "-z", "--missing")
	if err != nil {
		return "", wrap(amend.Internal, "commit", err)
	}
	commit, err := c.line(ctx, []byte(message), "commit-tree", tree, "-p", parent, "-F", "-")
	if err != nil {
		return "", wrap(amend.Invalid, "commit", err)
	}
	return commit, nil
}

// recordMessage names what a commit records.
func recordMessage(added []amend.Record) string {
	if len(added) == 0 {
		return "record what became of remediations\n"
	}
	var b strings.Builder
	plural := "s"
	if len(added) == 1 {
		plural = ""
	}
	fmt.Fprintf(&b, "record %d remediation%s\n\n", len(added), plural)
	for i, r := range added {
		if i == listed {
			fmt.Fprintf(&b, "- and %d more\n", len(added)-i)
			break
		}
		fmt.Fprintf(&b, "- %s, episode %d, in %s\n", r.Incident, r.Episode, r.Commit)
	}
	return b.String()
}

// unixTime reads the seconds that git prints.
func unixTime(s string) (time.Time, error) {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("time of a commit: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
