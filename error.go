package amend

import (
	"errors"
	"fmt"
	"strings"
)

// A Kind sorts errors by what the caller can do about them.
type Kind string

// The kinds are closed: adapters sort foreign errors into them at the edge,
// and the exit code of every command follows from them.
const (
	Invalid   Kind = "invalid"   // the input is wrong; the same input fails again
	NotFound  Kind = "not-found" // what was named does not exist
	Refused   Kind = "refused"   // understood, and a person has to decide
	Conflict  Kind = "conflict"  // somebody else was first; read again and decide again
	Transient Kind = "transient" // nothing is known to be wrong; try again later
	Internal  Kind = "internal"  // a mistake of ours
)

// An Error is a failed operation with its kind and, for refusals, the reason
// out of the closed list. It unwraps to its cause.
type Error struct {
	Op     string // what was being done: "locate", "push"
	Kind   Kind
	Reason Reason // set when Kind is Refused
	Err    error
}

// Error joins operation, reason and cause. The kind is for programs and is only
// said when nothing else is known.
func (e *Error) Error() string {
	var parts []string
	for _, s := range []string{e.Op, string(e.Reason)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	} else if e.Reason == "" {
		parts = append(parts, string(e.Kind))
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost Error in err's chain, Internal for
// any other error, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// ReasonOf returns the reason of the first refusal in err's chain, or "".
func ReasonOf(err error) Reason {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Reason != "" {
			return e.Reason
		}
		err = e.Err
	}
	return ""
}

// Errorf makes an Error of the given kind; format may wrap a cause with %w.
func Errorf(kind Kind, op, format string, args ...any) *Error {
	return &Error{Op: op, Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Refusef makes a refusal: the input was understood, and acting on it is not
// safe for the given reason.
func Refusef(reason Reason, format string, args ...any) *Error {
	return &Error{Kind: Refused, Reason: reason, Err: fmt.Errorf(format, args...)}
}
