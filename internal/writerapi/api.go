package writerapi

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"

	"github.com/amendhq/amend"
)

// maxBody bounds what the server reads of one request. The largest event of the
// gateway is well below it.
const maxBody = 256 << 10

// maxAnswer bounds what the client reads of one answer: a decision quotes the
// alert and holds the diff.
const maxAnswer = 8 << 20

// An eventRequest carries an event as it travels through a Workflow: base64 of a
// CloudEvent in structured mode.
type eventRequest struct {
	Event string `json:"event"`
}

// A commitRequest names a change by its commit.
type commitRequest struct {
	Commit string `json:"commit"`
}

type containsRequest struct {
	Revision string `json:"revision"`
	Commit   string `json:"commit"`
}

type containsAnswer struct {
	Contains bool `json:"contains"`
}

// A Change is what is known of a change that landed: one that a commit brought, or
// took back.
type Change struct {
	Record amend.Record `json:"record"`
	// Check is how the policy wants it verified.
	Check amend.Check `json:"check"`
	// Repo is the address of the env repo.
	Repo string `json:"repo"`
	// Reverts says that the commit took the change back.
	Reverts bool `json:"reverts,omitempty"`
	// Trace is the id of the trace that the change is part of; empty without one.
	Trace string `json:"trace,omitempty"`
}

// RecordState says where the log entry of a change stands.
type RecordState string

// The states of a log entry.
const (
	Recorded      RecordState = "recorded"       // the log holds it
	Asked         RecordState = "asked"          // the workflow that adds it was asked to
	UnknownCommit RecordState = "unknown-commit" // the branch holds no such change
	NothingYet    RecordState = "nothing-yet"    // nothing is in the branch that could have an entry
)

// An Entry is what became of the log entry of a change. Record is zero when the
// commit is no change in the branch.
type Entry struct {
	State  RecordState  `json:"state"`
	Record amend.Record `json:"record,omitzero"`
}

// A Problem is the body of every answer that is an error.
type Problem struct {
	Kind    amend.Kind   `json:"kind"`
	Reason  amend.Reason `json:"reason,omitempty"`
	Message string       `json:"message"`
	// RetryAfterSeconds says when trying again makes sense, for Transient.
	RetryAfterSeconds int `json:"retryAfterSeconds,omitempty"`
}

// commitForm is a full Git object name, SHA-1 or SHA-256.
var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// checkCommit fails with amend.Invalid for anything but a full object name: what
// is abbreviated may be ambiguous tomorrow, and a branch may move.
func checkCommit(field, sha string) error {
	if !commitForm.MatchString(sha) {
		return amend.Errorf(amend.Invalid, "read request", "%s is not a full commit id in lower-case hexadecimal digits", field)
	}
	return nil
}

// decodeStrict reads one JSON value with known fields only, and nothing after it.
func decodeStrict(r io.Reader, into any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return amend.Errorf(amend.Invalid, "read request", "%w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return amend.Errorf(amend.Invalid, "read request", "the body goes on after its JSON value")
	}
	return nil
}

// statusOf maps the kind of an error to the status of its answer.
func statusOf(kind amend.Kind) int {
	switch kind {
	case amend.Invalid:
		return http.StatusBadRequest
	case amend.Refused:
		return http.StatusForbidden
	case amend.NotFound:
		return http.StatusNotFound
	case amend.Conflict:
		return http.StatusConflict
	case amend.Transient:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// kindOf maps a status to a kind, for an answer without a Problem in it: one
// that something between the client and the writer gave.
func kindOf(status int) amend.Kind {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return amend.Refused
	case status == http.StatusNotFound:
		return amend.NotFound
	case status == http.StatusConflict:
		return amend.Conflict
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusBadGateway ||
		status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		return amend.Transient
	case status >= 500:
		return amend.Internal
	}
	return amend.Invalid
}
