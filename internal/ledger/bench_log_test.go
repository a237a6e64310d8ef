package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/ledger"
)

// longLog is a log of so many entries.
func longLog(b *testing.B, entries int) []byte {
	b.Helper()
	records := make([]amend.Record, entries)
	for n := range records {
		records[n] = record(fmt.Sprintf("web-%d", n), 1, n+1, noon.Add(time.Duration(n)*time.Second))
	}
	log, err := ledger.Append(ledger.Log{}, records)
	if err != nil {
		b.Fatal(err)
	}
	return log.Bytes()
}

// BenchmarkLog does with logs of several lengths what a run of "amend log" does: it
// reads one and adds an entry, or notes 100 verdicts.
func BenchmarkLog(b *testing.B) {
	for _, entries := range []int{10, 1000, 10_000} {
		data := longLog(b, entries)
		added := []amend.Record{record("new", 1, entries+1, noon.Add(1000*time.Hour))}
		var verdicts []amend.Verdict
		for n := range min(entries, 100) {
			verdicts = append(verdicts, amend.Verdict{State: amend.Worked, Commit: record("", 1, entries-n, noon).Commit, At: noon})
		}
		b.Run(fmt.Sprintf("append/entries=%d", entries), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log, err := ledger.ParseLog(data)
				if err != nil {
					b.Fatal(err)
				}
				if grown, err := ledger.Append(log, added); err != nil || len(grown.Bytes()) <= len(data) {
					b.Fatal("nothing was added: ", err)
				}
			}
		})
		b.Run(fmt.Sprintf("verdicts/entries=%d", entries), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log, err := ledger.ParseLog(data)
				if err != nil {
					b.Fatal(err)
				}
				judged := ledger.Judge(log, verdicts)
				if lines := len(judged.Bytes()) - len(data); lines < 40*len(verdicts) {
					b.Fatalf("%d bytes for %d verdicts", lines, len(verdicts))
				}
			}
		})
	}
}
