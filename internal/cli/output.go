package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/atomicfile"
)

// A Format is the value of -o.
type Format string

// The formats of results: for people, and for programs.
const (
	Human Format = "human"
	JSON  Format = "json"
)

// String implements pflag.Value.
func (f *Format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *Format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *Format) Set(s string) error {
	switch Format(s) {
	case Human, JSON:
		*f = Format(s)
		return nil
	}
	return fmt.Errorf("%q is neither human nor json", s)
}

// OutputFlag adds -o to a command, and returns where its value will be.
func OutputFlag(cmd *cobra.Command) *Format {
	f := Human
	cmd.Flags().VarP(&f, "output", "o", "output format: human or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"human", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return &f
}

// PrintJSON writes v as JSON that people can read too.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return amend.Errorf(amend.Internal, "print", "%w", err)
	}
	return nil
}

// WriteFile puts a file in place whole or not at all, so that whoever waits for it
// never reads half of it. Where it cannot, the name is taken to be wrong: the error is
// amend.Invalid.
func WriteFile(name string, data []byte, mode os.FileMode) error {
	if err := atomicfile.Write(name, data, mode); err != nil {
		return amend.Errorf(amend.Invalid, "write file", "%w", err)
	}
	return nil
}
