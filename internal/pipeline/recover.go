package pipeline

import (
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/amendhq/amend"
)

// errPanic is the error of an event on which amend or a library panicked. The
// YAML of an env repo goes through parsers that others wrote, and what one of
// them cannot take must not end the process for all other events.
func errPanic(value any) error {
	return amend.Errorf(amend.Internal, "decide", "panic in %s: %.200q", panickedIn(), fmt.Sprint(value))
}

// panickedIn names the function that panicked and its line. It is called by a
// deferred function while that panic is recovered.
func panickedIn() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	for panicked, more := false, true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if panicked && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s (%s:%d)", f.Function, path.Base(f.File), f.Line)
		}
		panicked = panicked || f.Function == "runtime.gopanic"
	}
	return "an unknown function"
}
