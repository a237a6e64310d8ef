package alert

import (
	"errors"
	"io"

	"github.com/amendhq/amend"
)

// ErrTooLarge marks the errors of bodies that exceed a Limit on bytes or
// alerts. The same body can never be accepted, so sending it again is no use.
var ErrTooLarge = errors.New("larger than the limit")

// Limits bound what one delivery may make us do.
type Limits struct {
	// Bytes is the most that is read of one body.
	Bytes int64
	// Depth is how deep JSON arrays and objects may nest.
	Depth int
	// Alerts is the most alerts of one delivery.
	Alerts int
	// Pairs is the most labels, and the most annotations, of one alert.
	Pairs int
	// ValueBytes is the longest name or value that is kept whole.
	ValueBytes int
	// AlertBytes is the most that all the text of one alert may add up to
	// after long values were cut; annotations are cut further to get there. On
	// the wire it may become eight times that: six by JSON escapes, a third more
	// by base64.
	AlertBytes int
	// NoRequests rejects alerts that stand for a RemediationRequest: they come
	// from the cluster's API, which knows who asks, and from nowhere else. It also
	// rejects those that name a tenant themselves.
	NoRequests bool
}

// DefaultLimits returns limits that let the largest groups seen in practice
// through (10,000 alerts are about 4.4 MB) and keep one event well below the
// size at which an Argo Events bus stalls (about 0.75 MB, base64 included).
func DefaultLimits() Limits {
	return Limits{
		Bytes:      16 << 20,
		Depth:      16,
		Alerts:     50_000,
		Pairs:      128,
		ValueBytes: 4 << 10,
		AlertBytes: 64 << 10,
	}
}

// ArgoLimits returns limits for alerts that travel as a parameter of a Workflow:
// the kernel takes no environment variable above 128 KiB, and an envelope makes
// eleven bytes out of one in the worst case.
func ArgoLimits() Limits {
	l := DefaultLimits()
	l.ValueBytes = 1 << 10
	l.AlertBytes = 4 << 10
	return l
}

// Reader returns r bounded by the limits on bytes and depth. Its Read fails
// with an amend.Error: Invalid when a limit is passed, wrapping ErrTooLarge
// for bytes, and Transient when r itself fails, because a sender whose
// connection broke did nothing wrong.
func (l Limits) Reader(r io.Reader) io.Reader {
	return &limitReader{r: r, most: l.Bytes, left: l.Bytes, maxDepth: l.Depth}
}

// A limitReader follows just enough of the JSON syntax to know the depth, so
// that no parser behind it ever sees a deep document.
type limitReader struct {
	r        io.Reader
	most     int64
	left     int64
	depth    int
	maxDepth int
	inString bool
	escaped  bool
	err      error
}

func (l *limitReader) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	switch {
	case l.left < 0:
		l.err = amend.Errorf(amend.Invalid, "read body", "%w of %d bytes", ErrTooLarge, l.most)
	case !l.scan(p[:n]):
		l.err = amend.Errorf(amend.Invalid, "read body", "JSON is nested deeper than %d levels", l.maxDepth)
	case err == io.EOF:
		l.err = io.EOF
		return n, io.EOF
	case err != nil:
		l.err = amend.Errorf(amend.Transient, "read body", "%w", err)
	default:
		return n, nil
	}
	return 0, l.err
}

// scan reports whether the document is still within the depth after b.
func (l *limitReader) scan(b []byte) bool {
	for _, c := range b {
		switch {
		case l.escaped:
			l.escaped = false
		case l.inString:
			l.escaped = c == '\\'
			l.inString = c != '"'
		case c == '"':
			l.inString = true
		case c == '{' || c == '[':
			if l.depth++; l.depth > l.maxDepth {
				return false
			}
		case c == '}' || c == ']':
			l.depth--
		}
	}
	return true
}
