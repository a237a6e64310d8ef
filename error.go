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

// private is an error whose text is not for everybody; see Private.
type private struct{ error }

func (p private) Unwrap() error { return p.error }

// Private marks the text of an error that somebody else's code made: of the files of
// the env repo, when a build failed or a file does not parse, or of a connection to a
// service of the cluster. Such text quotes what is in the files, and so may quote a
// secret, or names hosts of the inside. It is for whoever has the files, and for the
// log; Public leaves it out. Private of nil is nil.
func Private(err error) error {
	if err == nil {
		return nil
	}
	return private{err}
}

// hidden stands for the text of a private error.
const hidden = "(what it says is not for everybody; amend locate in a clone says it, or the log)"

// Public returns the text of an error without what is private in it.
func Public(err error) string {
	if err == nil {
		return ""
	}
	text, lost := err.Error(), false
	each(err, func(p private) {
		said := p.Error()
		lost = lost || !strings.Contains(text, said) && !strings.Contains(text, hidden)
		if said != "" {
			text = strings.ReplaceAll(text, said, hidden)
		}
	})
	if lost { // somebody has changed the text on its way
		return hidden
	}
	return text
}

// each calls visit with the outermost private errors of a tree.
func each(err error, visit func(private)) {
	switch e := err.(type) {
	case private:
		visit(e)
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			each(inner, visit)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			each(inner, visit)
		}
	}
}
