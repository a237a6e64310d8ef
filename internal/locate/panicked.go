package locate

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// PanickedIn names the function that panicked and its line. It is called by a
// deferred function while that panic is recovered.
func PanickedIn() string {
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
