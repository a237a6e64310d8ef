package mask_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/mask"
)

// logs is what a pod of a web application logs, and some of it about tokens.
func logs(lines int) string {
	var b strings.Builder
	for i := range lines {
		switch i % 8 {
		case 0:
			fmt.Fprintf(&b, "2026-03-01T12:00:%02dZ INFO http: GET /v1/orders/%d 200 %dms from 10.1.2.%d\n", i%60, i, i%90, i%250)
		case 7:
			fmt.Fprintf(&b, "2026-03-01T12:00:%02dZ WARN auth: the token of session %d has expired, user=u%d retry=3\n", i%60, i, i)
		default:
			fmt.Fprintf(&b, `{"level":"info","ts":"2026-03-01T12:00:%02dZ","msg":"order stored","order":%d,"took":"12ms","shard":"eu-%d"}`+"\n", i%60, i, i%4)
		}
	}
	return b.String()
}

func BenchmarkText(b *testing.B) {
	for name, text := range map[string]string{"logs": logs(500), "quiet": strings.ReplaceAll(logs(500), "token", "parcel"), "word": "web-7d9c4b9f5-x2x8k"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				mask.Masker{}.Text(text)
			}
		})
	}
}

// BenchmarkDeep masks the labels and the log of an evidence.
func BenchmarkDeep(b *testing.B) {
	e := amend.Evidence{Logs: []amend.Log{{Pod: "web-1", Text: logs(200)}}}
	e.Event.Alert.Labels = map[string]string{}
	for i := range 30 {
		e.Event.Alert.Labels[fmt.Sprintf("label_%d", i)] = fmt.Sprintf("some value of a label, number %d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		mask.Deep(mask.Masker{}, e)
	}
}
