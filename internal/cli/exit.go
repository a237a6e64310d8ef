package cli

import "github.com/amendhq/amend"

// The exit codes of every command, as docs/steps.md explains them. The retry
// expressions of Workflows test for 75.
const (
	ExitOK        = 0
	ExitInternal  = 1
	ExitInvalid   = 2
	ExitRefused   = 3
	ExitTransient = 75 // EX_TEMPFAIL of sysexits.h
)

// ExitCode maps the kind of an error to the exit code; nothing else does.
func ExitCode(err error) int {
	switch amend.KindOf(err) {
	case "":
		return ExitOK
	case amend.Invalid:
		return ExitInvalid
	case amend.Refused, amend.NotFound, amend.Conflict:
		return ExitRefused
	case amend.Transient:
		return ExitTransient
	}
	return ExitInternal
}

// printed is the error of Printed.
type printed struct{ error }

func (p printed) Unwrap() error { return p.error }

// Printed returns an error that gives the exit code of err and is said nowhere,
// because the result that the command has printed says it.
func Printed(err error) error { return printed{err} }
