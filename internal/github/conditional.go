package github

import (
	"net/http"

	"github.com/amendhq/amend/internal/cache"
)

// maxKept bounds what is kept of answers, in bytes.
const maxKept = 8 << 20

// An answer is what the host said to a question, and its name for that.
type answer struct {
	tag     string
	header  http.Header
	content []byte
}

// answers are kept by what was asked. The host is asked each time, and says either
// that its answer is the same, which it does not count (GitHub, "Use conditional
// requests"), or the new one: nothing is ever answered from here alone.
type answers struct{ *cache.Map[string, answer] }

func newAnswers() answers {
	return answers{cache.New[string](maxKept, func(a answer) int { return len(a.content) + 1<<10 })}
}

// question is what an answer belongs to, "" for what is no reading.
func question(req *http.Request) string {
	if req.Method != http.MethodGet {
		return ""
	}
	return req.Header.Get("Accept") + " " + req.URL.String()
}

// ask adds to a question which answer is known to it.
func (k answers) ask(req *http.Request) {
	if known, ok := k.Get(question(req)); ok {
		req.Header.Set("If-None-Match", known.tag)
	}
}

// hear puts the answer that is known in the place of word that it is the same, and
// keeps a new one. It returns the content that counts.
func (k answers) hear(resp *http.Response, content []byte) []byte {
	q, tag := question(resp.Request), resp.Header.Get("ETag")
	switch known, ok := k.Get(q); {
	case q == "":
	case resp.StatusCode == http.StatusNotModified && ok && resp.Request.Header.Get("If-None-Match") == known.tag:
		for name, values := range known.header {
			if _, told := resp.Header[name]; !told {
				resp.Header[name] = values // Link, for one, leads to the next page
			}
		}
		resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
		return known.content
	case resp.StatusCode == http.StatusOK && tag != "":
		k.Put(q, answer{tag: tag, header: resp.Header.Clone(), content: content})
	}
	return content
}
