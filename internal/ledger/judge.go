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
func optional(r *amend.Record) []field {
	return []field{
		{keyVerdict, func() string { return strconv.QuoteToASCII(string(r.Verdict)) }, func(n *yaml.Node) error {
			if r.Verdict = amend.VerdictState(n.Value); !r.Verdict.Valid() {
				return fmt.Errorf("verdict %q is none", n.Value)
			}
			return nil
		}},
		{keyVerifiedAt, func() string { return r.VerifiedAt.UTC().Format(time.RFC3339Nano) }, func(n *yaml.Node) (err error) {
			if r.VerifiedAt, err = time.Parse(time.RFC3339Nano, n.Value); err != nil {
				return fmt.Errorf("verifiedAt %q is not a time like 2006-01-02T15:04:05Z", n.Value)
			}
			r.VerifiedAt = r.VerifiedAt.UTC()
			return nil
		}},
	}
}

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

// Judge returns data with verdicts noted in the entries of their commits. A verdict
// that does not follow from the one an entry has is left out, and so is one that is
// not final. All other bytes stay as they are. Of an entry whose layout is not that
// of Append nothing is touched.
func Judge(data []byte, verdicts []amend.Verdict) []byte {
	for _, v := range verdicts {
		if next, ok := judge(data, v); ok {
			data = next
		}
	}
	return data
}

// judge notes one verdict; it is false when the file would say anything else then.
func judge(data []byte, v amend.Verdict) ([]byte, bool) {
	log, err := ParseLog(data)
	if err != nil || v.State == amend.Pending {
		return nil, false
	}
	i := slices.IndexFunc(log.Records, func(r amend.Record) bool { return r.Commit == v.Commit })
	if i < 0 || !v.State.Follows(log.Records[i].Verdict) {
		return nil, false
	}
	want := slices.Clone(log.Records)
	want[i].Verdict, want[i].VerifiedAt = v.State, v.At.UTC()
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil {
		return nil, false
	}
	next := noted(data, doc.Content[0].Content[i], &want[i])
	after, err := ParseLog(next)
	return next, err == nil && slices.Equal(after.Records, want)
}

// noted puts the two lines of a verdict behind the last line of an entry, and takes
// out those that it had.
func noted(data []byte, entry *yaml.Node, r *amend.Record) []byte {
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
	for _, f := range optional(r) {
		fmt.Fprintf(&text, "%s%s: %s\n", strings.Repeat(" ", entry.Column-1), f.key, f.write())
	}
	return bytes.Join(slices.Insert(lines, last, []byte(text.String())), nil)
}
