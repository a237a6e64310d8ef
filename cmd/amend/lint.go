package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/pipeline"
	"github.com/amendhq/amend/internal/policy"
)

func newLint() *cobra.Command {
	var schema bool
	cmd := &cobra.Command{
		Use:   "lint [FILE]",
		Short: "Check a policy; say where each mistake is and what was expected",
		Long: `Check a policy file, .amend/policy.yaml of the current folder by default. Every
mistake is printed as file:line:column: message. Exit code 2 when there is one.`,
		Example: `  amend lint
  amend lint envs/.amend/policy.yaml -o json
  amend lint --schema > policy.schema.json   # for editors`,
		Args: cobra.MaximumNArgs(1),
	}
	out := cli.OutputFlag(cmd)
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of the policy file instead")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if schema {
			s, err := policy.Schema(pipeline.Catalogue())
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", s)
			}
			return err
		}
		file := filepath.FromSlash(policy.Path)
		if len(args) == 1 {
			file = args[0]
		}
		return lint(cmd, file, *out)
	}
	return cmd
}

func lint(cmd *cobra.Command, file string, out cli.Format) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return amend.Errorf(amend.Invalid, "lint", "there is no %s here; run this in the root of the env repo, or name the file. amend init writes a first one", file)
	}
	if err != nil {
		return amend.Errorf(amend.Invalid, "lint", "%w", err)
	}
	p, err := policy.Parse(file, data, pipeline.Catalogue())
	var problems policy.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	w := cmd.OutOrStdout()
	switch {
	case out == cli.JSON:
		if problems == nil {
			problems = policy.Problems{}
		}
		if perr := cli.PrintJSON(w, problems); perr != nil {
			return perr
		}
	case err != nil:
		for _, p := range problems {
			fmt.Fprintln(w, p)
		}
	default:
		fmt.Fprintf(w, "%s: no problems in %d playbook(s)\n", file, len(p.Playbooks))
	}
	if err != nil {
		return cli.Printed(amend.Errorf(amend.Invalid, "lint", "%d problems", len(problems)))
	}
	return nil
}
