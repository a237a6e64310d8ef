package bus

import (
	"fmt"
	"log/slog"
)

// serverLog writes what the embedded server says to our log. Its notices are
// about itself (ports, clusters) and of use for debugging only.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("bus server", "text", text(format, v))
}
func (l serverLog) Warnf(format string, v ...any) { l.log.Warn("bus server", "text", text(format, v)) }
func (l serverLog) Errorf(format string, v ...any) {
	l.log.Error("bus server", "text", text(format, v))
}
func (l serverLog) Debugf(format string, v ...any) {
	l.log.Debug("bus server", "text", text(format, v))
}
func (l serverLog) Tracef(format string, v ...any) {
	l.log.Debug("bus server", "text", text(format, v))
}

// Fatalf does not end the process: Open notices that the server did not start.
func (l serverLog) Fatalf(format string, v ...any) {
	l.log.Error("bus server", "text", text(format, v))
}

func text(format string, v []any) string { return fmt.Sprintf(format, v...) }
