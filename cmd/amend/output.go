package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
)

// format is the value of -o.
type format string

const (
	human  format = "human"
	asJSON format = "json"
)

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "format" }

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	switch format(s) {
	case human, asJSON:
		*f = format(s)
		return nil
	}
	return fmt.Errorf("%q is neither human nor json", s)
}

// outputFlag adds -o to a command.
func outputFlag(cmd *cobra.Command) *format {
	f := human
	cmd.Flags().VarP(&f, "output", "o", "output format: human or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"human", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return &f
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return amend.Errorf(amend.Internal, "print", "%w", err)
	}
	return nil
}
