package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// LogFile is the path of the log in an env repo.
const LogFile = "remediation-log.yaml"

const header = `# Every change that amend made to this repository, one entry each.
# Entries are only ever added, at the end, and get their verdict later. The commits
# are the truth and this is their index: "amend log" adds whatever is missing.
`

// isSHA reports whether it is a commit id as Git prints it, SHA-1 or SHA-256.
func isSHA(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}

// A Log is the content of remediation-log.yaml. The zero value is an empty one.
type Log struct {
	Records []amend.Record // in the order of the file

	data   []byte
	indent int   // of the list, which a person may have changed
	starts []int // of the line of each entry in data, or -1 as startsOf says
}

// Bytes returns the file. The caller must not change it.
func (l Log) Bytes() []byte { return l.data }

// A change is what an entry is about, under whatever commit.
type change struct {
	incident string
	episode  int
}

func changeOf(r amend.Record) change { return change{r.Incident, r.Episode} }

// Missing returns those records that log lacks, oldest first and each change
// once. A change is in the log if its commit is, or its incident and episode:
// the same change under another commit was rebased or cherry-picked.
func Missing(log Log, records []amend.Record) []amend.Record {
	// Whether the log has them: a run asks about few of many entries.
	commits, changes := make(map[string]bool, len(records)), make(map[change]bool, len(records))
	for _, r := range records {
		commits[r.Commit], changes[changeOf(r)] = false, false
	}
	for _, r := range log.Records {
		if _, asked := commits[r.Commit]; asked {
			commits[r.Commit] = true
		}
		if _, asked := changes[changeOf(r)]; asked {
			changes[changeOf(r)] = true
		}
	}
	var missing []amend.Record
	for _, r := range slices.SortedFunc(slices.Values(records), compare) {
		if commits[r.Commit] || changes[changeOf(r)] {
			continue
		}
		commits[r.Commit], changes[changeOf(r)] = true, true
		missing = append(missing, r)
	}
	return missing
}

// Holds reports whether log has the incident and episode of each record. That is more
// than that none is missing: an entry whose incident somebody changed by hand is that of
// its commit, but not of the same change under another one.
func Holds(log Log, records []amend.Record) bool {
	lacks := make(map[change]bool, len(records))
	for _, r := range records {
		lacks[changeOf(r)] = true
	}
	for _, r := range log.Records {
		delete(lacks, changeOf(r))
	}
	return len(lacks) == 0
}

// Append returns log with records added at its end, oldest first. The bytes that it
// has stay as they are, and every value reads back equal; an error is Invalid and says
// why the layout of the file does not allow that. The log must be one of ParseLog,
// Append or Judge, or the zero value.
func Append(log Log, records []amend.Record) (Log, error) {
	if len(records) == 0 {
		return log, nil
	}
	added := slices.SortedFunc(slices.Values(records), compare)
	grown := Log{Records: slices.Concat(log.Records, added), indent: log.indent, data: written(log, added)}
	if last := len(log.starts) - 1; last >= 0 && log.starts[last] >= 0 {
		// What is before the last entry is as it was, and a list of plain values
		// leaves nothing behind that could change how its next line is read: so what
		// the end says by itself, it says in the file.
		from := log.starts[last]
		end, err := ParseLog(grown.data[from:])
		if err == nil && slices.EqualFunc(end.Records, grown.Records[last:], same) {
			grown.starts = slices.Clone(log.starts[:last])
			for _, start := range end.starts {
				grown.starts = append(grown.starts, moved(start, from))
			}
			return grown, nil
		}
	}
	all, err := ParseLog(grown.data)
	if err == nil && !slices.EqualFunc(all.Records, grown.Records, same) {
		err = errors.New("entries would be lost or say something else")
	}
	if err != nil {
		return Log{}, amend.Errorf(amend.Invalid, "append to "+LogFile, "its layout does not allow it: %w", err)
	}
	return all, nil
}

// same reports whether two records say the same, in whatever zone their times are.
func same(a, b amend.Record) bool {
	if !a.At.Equal(b.At) || !a.VerifiedAt.Equal(b.VerifiedAt) {
		return false
	}
	a.At, a.VerifiedAt = b.At, b.VerifiedAt
	return a == b
}

// entryBytes is more than most entries have.
const entryBytes = 1 << 10

// written returns the file of log with records behind it.
func written(log Log, records []amend.Record) []byte {
	indent := strings.Repeat(" ", log.indent)
	out := bytes.NewBuffer(make([]byte, 0, len(log.data)+len(header)+len(records)*entryBytes))
	out.Write(log.data)
	switch {
	case len(bytes.TrimSpace(log.data)) == 0:
		out.WriteString(header)
	case log.data[len(log.data)-1] != '\n':
		out.WriteByte('\n')
	}
	for _, r := range records {
		all := required
		if r.Verdict != "" {
			all = possible
		}
		for i, f := range all {
			bullet := "  "
			if i == 0 {
				bullet = "- "
			}
			fmt.Fprintf(out, "%s%s%s: %s\n", indent, bullet, f.key, f.write(r))
		}
	}
	return out.Bytes()
}

// A field is one field of an entry: how to write it and how to read its value.
type field struct {
	key   string
	write func(amend.Record) string
	read  func(*amend.Record, string) error
}

// required lists the fields that every entry has, in the order of the file.
var required = []field{
	text("incident", func(r *amend.Record) *string { return &r.Incident }),
	{"episode", func(r amend.Record) string { return strconv.Itoa(r.Episode) }, func(r *amend.Record, value string) (err error) {
		if r.Episode, err = strconv.Atoi(value); err != nil || r.Episode < 1 {
			return fmt.Errorf("episode %q is not a number from 1", value)
		}
		return nil
	}},
	text("action", func(r *amend.Record) *string { return &r.Action }),
	text("target", func(r *amend.Record) *string { return &r.Target }),
	text("playbook", func(r *amend.Record) *string { return &r.Playbook }),
	text("alert", func(r *amend.Record) *string { return &r.Alert }),
	text("edited", func(r *amend.Record) *string { return &r.Edited }),
	{"commit", func(r amend.Record) string { return strconv.QuoteToASCII(r.Commit) }, func(r *amend.Record, value string) error {
		if r.Commit = value; !isSHA(value) {
			return fmt.Errorf("commit %q is not a full commit id", value)
		}
		return nil
	}},
	{"at", func(r amend.Record) string { return r.At.UTC().Format(time.RFC3339Nano) }, func(r *amend.Record, value string) (err error) {
		if r.At, err = time.Parse(time.RFC3339Nano, value); err != nil {
			return fmt.Errorf("at %q is not a time like 2006-01-02T15:04:05Z", value)
		}
		r.At = r.At.UTC()
		return nil
	}},
}

// text is a field that holds any text but none. It is quoted with the escapes of Go,
// in ASCII, all of which YAML reads alike.
func text(key string, of func(*amend.Record) *string) field {
	return field{key, func(r amend.Record) string { return strconv.QuoteToASCII(*of(&r)) }, func(r *amend.Record, value string) error {
		if value == "" {
			return fmt.Errorf("%s is empty", key)
		}
		*of(r) = value
		return nil
	}}
}
