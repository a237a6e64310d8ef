package cli

import (
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
)

// LogFlags say what a process logs.
type LogFlags struct{ logLevel, logFormat string }

// Register adds the flags to a command.
func (f *LogFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	cmd.Flags().StringVar(&f.logFormat, "log-format", "json", "json or text")
}

// Logger returns the log that the flags ask for, written to w.
func (f LogFlags) Logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, amend.Errorf(amend.Invalid, "--log-level", "%w", err)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	}
	return nil, amend.Errorf(amend.Invalid, "--log-format", "%q is neither json nor text", f.logFormat)
}
