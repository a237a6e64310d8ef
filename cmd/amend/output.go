package main

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

// writeFile puts a file in place whole or not at all, so that whoever waits for
// it never reads half of it.
func writeFile(name string, data []byte, mode os.FileMode) error {
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
