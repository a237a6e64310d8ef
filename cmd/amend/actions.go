package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
	"github.com/amendhq/amend/internal/cli"
)

// An actionDoc is an action of the catalogue as it is printed.
type actionDoc struct {
	Name    string     `json:"name"`
	Summary string     `json:"summary"`
	Kinds   []string   `json:"kinds"`
	Params  []paramDoc `json:"params,omitempty"`
}

type paramDoc struct {
	Name     string          `json:"name"`
	Type     amend.ParamType `json:"type"`
	Default  string          `json:"default,omitempty"`
	Required bool            `json:"required,omitempty"`
	Help     string          `json:"help"`
}

func newActions() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "actions",
		Short:   "List what a playbook can do: the catalogue of actions",
		Example: "  amend actions\n  amend actions -o json",
	}
	out := cli.OutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		docs := catalogue()
		if *out == cli.JSON {
			return cli.PrintJSON(cmd.OutOrStdout(), docs)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, d := range docs {
			fmt.Fprintf(w, "%s\t%s\n\tfor %s\n", d.Name, d.Summary, strings.Join(d.Kinds, ", "))
			for _, p := range d.Params {
				need := "default " + p.Default
				if p.Required {
					need = "required"
				}
				fmt.Fprintf(w, "\twith %s (%s, %s): %s\n", p.Name, p.Type, need, p.Help)
			}
		}
		return w.Flush()
	}
	return cmd
}

func catalogue() []actionDoc {
	var docs []actionDoc
	for _, a := range actions.All() {
		d := actionDoc{Name: a.Name, Summary: a.Summary, Kinds: a.Kinds}
		for _, p := range a.Params {
			d.Params = append(d.Params, paramDoc{p.Name, p.Type, p.Default, p.Default == "", p.Help})
		}
		docs = append(docs, d)
	}
	return docs
}
