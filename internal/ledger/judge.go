package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/amendhq/amend"
)

// The keys of what an entry gets once its change was verified.
const (
	keyVerdict    = "verdict"
	keyVerifiedAt = "verifiedAt"
)

// optional lists the fields that an entry may have, in the order of the file.
var optional = []field{
	{keyVerdict, func(r amend.Record) string { return strconv.QuoteToASCII(string(r.Verdict)) }, func(r *amend.Record, value string) error {
		if r.Verdict = amend.VerdictState(value); !r.Verdict.Valid() {
			return fmt.Errorf("verdict %q is none", value)
		}
		return nil
	}},
	{keyVerifiedAt, func(r amend.Record) string { return r.VerifiedAt.UTC().Format(time.RFC3339Nano) }, func(r *amend.Record, value string) (err error) {
		if r.VerifiedAt, err = time.Parse(time.RFC3339Nano, value); err != nil {
			return fmt.Errorf("verifiedAt %q is not a time like 2006-01-02T15:04:05Z", value)
		}
		r.VerifiedAt = r.VerifiedAt.UTC()
		return nil
	}},
}

// possible lists all fields of an entry, in the order of the file.
var possible = slices.Concat(required, optional)

// Unjudged returns the entries that may get a verdict or another one, the newest
// first: those of changes that were made after a time.
func Unjudged(log Log, since time.Time) []amend.Record {
	var open []amend.Record
	for _, r := range slices.Backward(log.Records) {
		if !r.At.Before(since) && (amend.Worked.Follows(r.Verdict) || amend.Reverted.Follows(r.Verdict)) {
			open = append(open, r)
		}
	}
	return open
}

// Judge returns log with verdicts noted in the entries of their commits. A verdict
// that does not follow from the one an entry has is left out, and so is one that is
// not final. All other bytes stay as they are. Of an entry whose layout is not that
// of Append nothing is touched.
func Judge(log Log, verdicts []amend.Verdict) Log {
	if len(verdicts) == 0 {
		return log
	}
	entries := map[string]int{}
	for i, r := range slices.Backward(log.Records) {
		entries[r.Commit] = i // the first one of a commit
	}
	log.Records = slices.Clone(log.Records)
	texts := map[int][]byte{}
	for _, v := range verdicts {
		i, ok := entries[v.Commit]
		if !ok {
			continue
		}
		text, ok := texts[i]
		if !ok {
			text = log.entry(i)
		}
		if next, after, ok := judge(text, log.Records[i], v); ok {
			texts[i], log.Records[i] = next, after
		}
	}
	return log.replaced(texts)
}

// entry returns the lines from an entry to the next, nil when it is not known where
// they are.
func (l Log) entry(i int) []byte {
	if i >= len(l.starts) || l.starts[i] < 0 {
		return nil
	}
	if i+1 == len(l.starts) {
		return l.data[l.starts[i]:]
	}
	if l.starts[i+1] < 0 {
		return nil
	}
	return l.data[l.starts[i]:l.starts[i+1]]
}

// replaced returns l with other lines for some entries.
func (l Log) replaced(texts map[int][]byte) Log {
	if len(texts) == 0 {
		return l
	}
	var data bytes.Buffer
	starts := slices.Clone(l.starts)
	done := 0 // of the old bytes
	for i, start := range l.starts {
		starts[i] = moved(start, data.Len()-done)
		if text, ok := texts[i]; ok {
			data.Write(l.data[done:start])
			data.Write(text)
			done = start + len(l.entry(i))
		}
	}
	data.Write(l.data[done:])
	l.data, l.starts = data.Bytes(), starts
	return l
}

// judge notes one verdict in the lines of an entry; it is false when they would say
// anything else then. Lines that say the same by themselves as in the file, with the
// verdict and without it, say so in the file with it: see Append.
func judge(text []byte, r amend.Record, v amend.Verdict) ([]byte, amend.Record, bool) {
	if v.State == amend.Pending || !v.State.Follows(r.Verdict) || !says(text, r) {
		return nil, r, false
	}
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil {
		return nil, r, false
	}
	r.Verdict, r.VerifiedAt = v.State, v.At.UTC().Truncate(time.Second) // as those of commits
	next := noted(text, doc.Content[0].Content[0], r)
	return next, r, says(next, r)
}

// says reports whether a file of these lines would be a log of one record.
func says(text []byte, r amend.Record) bool {
	log, err := ParseLog(text)
	return err == nil && len(log.Records) == 1 && same(log.Records[0], r)
}

// noted puts the two lines of a verdict behind the last line of an entry, and takes
// out those that it had.
func noted(data []byte, entry *yaml.Node, r amend.Record) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	last := 0
	for i := 0; i < len(entry.Content); i += 2 {
		key, value := entry.Content[i], entry.Content[i+1]
		last = max(last, value.Line)
		if key.Value == keyVerdict || key.Value == keyVerifiedAt {
			lines[key.Line-1] = nil
		}
	}
	var text strings.Builder
	if before := lines[last-1]; len(before) > 0 && before[len(before)-1] != '\n' {
		text.WriteByte('\n')
	}
	for _, f := range optional {
		fmt.Fprintf(&text, "%s%s: %s\n", strings.Repeat(" ", entry.Column-1), f.key, f.write(r))
	}
	return bytes.Join(slices.Insert(lines, last, []byte(text.String())), nil)
}
