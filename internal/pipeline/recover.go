package pipeline

import (
	"fmt"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
)

// errPanic is the error of an event on which amend or a library panicked. The
// YAML of an env repo goes through parsers that others wrote, and what one of
// them cannot take must not end the process for all other events. What they say
// of it may quote the YAML.
func errPanic(value any) error {
	return amend.Errorf(amend.Internal, "decide", "panic in %s: %w", locate.PanickedIn(), amend.Private(fmt.Errorf("%.200q", fmt.Sprint(value))))
}
