package github

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode"

	"github.com/amendhq/amend"
)

// The host says in prose what a 403, 409 or 422 means. First match wins.
var meanings = []struct {
	text string
	kind amend.Kind
}{
	{"protected branch", amend.Refused},
	{"protected ref", amend.Refused},
	{"rule violation", amend.Refused},
	{"gh006", amend.Refused}, // protected branch
	{"gh013", amend.Refused}, // ruleset
	{"must be made through a pull request", amend.Refused},
	{"archived", amend.Refused},
	{"reference does not exist", amend.NotFound},
	{"repository is empty", amend.NotFound},
	{"already exists", amend.Conflict},
	{"not a fast forward", amend.Conflict},
	{"expected branch to point to", amend.Conflict},
	{"but expected", amend.Conflict},
}

// classify returns the error that an answer means, nil for a success. Limits
// were recognised before.
func classify(status int, message string) error {
	if status/100 == 2 {
		return nil
	}
	kind := kindOf(status)
	switch status {
	case http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity:
		lower := strings.ToLower(message)
		for _, m := range meanings {
			if strings.Contains(lower, m.text) {
				kind = m.kind
				break
			}
		}
	}
	err := amend.Errorf(kind, "", "the host answered %d %s: %s", status, http.StatusText(status), message)
	if kind == amend.Refused {
		err.Reason = amend.ReasonFailed
	}
	return err
}

// kindOf is what a status means when the message adds nothing.
func kindOf(status int) amend.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusGone, http.StatusUnavailableForLegalReasons:
		return amend.Refused
	case http.StatusNotFound:
		return amend.NotFound
	case http.StatusConflict:
		return amend.Conflict
	case http.StatusRequestTimeout:
		return amend.Transient
	}
	switch {
	case status/100 == 3: // renamed or moved: somebody has to confirm the new address
		return amend.Refused
	case status >= 500:
		return amend.Transient
	}
	return amend.Invalid
}

// aboutLimit recognises a 403 that names no time.
func aboutLimit(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "rate limit") || strings.Contains(m, "abuse detection")
}

// maxMessage bounds the host's words in errors and logs, in bytes.
const maxMessage = 500

// hostMessage returns what an error body says, on one line.
func hostMessage(body []byte) string {
	var answer struct {
		Message string            `json:"message"`
		Errors  []json.RawMessage `json:"errors"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	parts := []string{answer.Message}
	for _, raw := range answer.Errors {
		var detail struct {
			Message, Resource, Field, Code string
		}
		if json.Unmarshal(raw, &detail) != nil {
			_ = json.Unmarshal(raw, &detail.Message) // sometimes a plain string
		}
		if detail.Message == "" {
			detail.Message = strings.TrimSpace(detail.Resource + " " + detail.Field + " " + detail.Code)
		}
		parts = append(parts, detail.Message)
	}
	message := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.Join(parts, "; "))
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}
