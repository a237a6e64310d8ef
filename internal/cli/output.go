package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
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
	const op = "write file"
	tmp, err := os.CreateTemp(filepath.Dir(name), ".amend-*")
	if err != nil {
		return amend.Errorf(amend.Invalid, op, "%w", err)
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return amend.Errorf(amend.Invalid, op, "%w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}
