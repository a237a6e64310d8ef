package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/manifest"
)

func newEdit() *cobra.Command {
	var flags fieldFlags
	var value string
	var write bool
	cmd := &cobra.Command{
		Use:   "edit",
		Short: "Change a field of a live object at the line that controls it, and prove it",
		Long: `Find the line as amend locate does, change it to a value of the type that the
field has, and prove the change by rendering: the diff and all that differs in
the renders is printed. No byte outside of the changed value changes. The file
is written only with --write, after the proof. Where another program sets the
field or writes the line, standard error says so: amend itself refuses that.

A refusal is printed with its reason and has exit code 3. A field that has the
value already is no change, with exit code 0.`,
		Example: `  amend edit --repo . --resource Deployment/shop/web --field spec.replicas --set 5
  amend edit --repo . --application web --resource Deployment/shop/web \
    --field 'spec.template.spec.containers[name=app].resources.limits.memory' --set 1Gi --write`,
	}
	out := cli.OutputFlag(cmd)
	flags.register(cmd)
	cmd.Flags().StringVar(&value, "set", "", "value that the field is to have (required)")
	cmd.Flags().BoolVar(&write, "write", false, "write the file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.Required(cmd, "set"); err != nil {
			return err
		}
		q, files, err := flags.query(cmd)
		if err != nil {
			return err
		}
		defer quiet()()
		hops, err := flags.cluster.owner(cmd.Context(), &q)
		var res locate.Result
		if err == nil {
			res, err = locate.New(withJsonnet()).EditText(files, q, value)
		}
		res.Hops = slices.Concat(hops, res.Hops)
		for _, b := range res.Bots {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: this belongs to %s, known %s, which may undo the edit or fight with it\n", b.Name, plain(b.Claim))
		}
		if res.Edit.Added && res.RenderDiff[0].Old == "" {
			warnNew(cmd.ErrOrStderr(), q)
		}
		answer := editAnswer(res, err)
		if answer == nil {
			return err
		}
		if err == nil && write {
			if err := writeEdit(flags.repo, res); err != nil {
				return err
			}
		}
		return answer.done(cmd.OutOrStdout(), *out, err)
	}
	return cmd
}

// An edited is what edit prints with -o json; tools outside of this repository
// read it (docs/locate.md). Status and reason are those of a refusal.
type edited struct {
	Status     string       `json:"status,omitempty"`
	Reason     string       `json:"reason,omitempty"`
	Diff       string       `json:"diff"`
	RenderDiff []fieldDelta `json:"renderDiff"`
	hops       []locate.Hop
}

// A fieldDelta is one field that differs between the renders.
type fieldDelta struct {
	Object string `json:"object"`
	Field  string `json:"field"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// editAnswer returns nil for an error that is neither a refusal nor says that
// there is nothing to do.
func editAnswer(res locate.Result, err error) *edited {
	a := &edited{RenderDiff: []fieldDelta{}, hops: res.Hops}
	switch {
	case amend.ReasonOf(err) == amend.ReasonNoChange:
		return a
	case err != nil:
		if a.Status, a.Reason = "refused", reasonText(err); a.Reason == "" {
			return nil
		}
		return a
	}
	a.Diff = manifest.Diff(res.Path.String(), res.Old, res.Content)
	for _, c := range res.RenderDiff {
		a.RenderDiff = append(a.RenderDiff, fieldDelta{Object: c.Object.String(), Field: c.Field, Old: c.Old, New: c.New})
	}
	return a
}

// done prints the answer and returns what the command ends with.
func (a *edited) done(w io.Writer, out cli.Format, err error) error {
	if amend.ReasonOf(err) == amend.ReasonNoChange {
		err = nil
	}
	if out == cli.JSON {
		return errors.Join(cli.PrintJSON(w, a), refusal(err))
	}
	var b strings.Builder
	switch {
	case err != nil:
		fmt.Fprintf(&b, "refused: %s\n", plain(a.Reason))
	case a.Diff == "":
		b.WriteString("nothing to do: the field has the value already\n")
	default:
		writeHops(&b, a.hops)
		b.WriteString(a.Diff + "\nrendered:\n")
		for _, c := range a.RenderDiff {
			fmt.Fprintf(&b, "  %s %s: %s → %s\n", c.Object, c.Field, orNone(plain(c.Old)), orNone(plain(c.New)))
		}
	}
	_, werr := io.WriteString(w, b.String())
	return errors.Join(werr, refusal(err))
}

// writeEdit puts the proved content in place of what it was proved from.
func writeEdit(repo string, res locate.Result) error {
	name := filepath.Join(repo, filepath.FromSlash(res.Path.String()))
	info, err := os.Lstat(name)
	if err != nil {
		return amend.Errorf(amend.Transient, "write", "%w", err)
	}
	now, err := os.ReadFile(name)
	if err != nil || !info.Mode().IsRegular() || !bytes.Equal(now, res.Old) {
		return amend.Errorf(amend.Transient, "write", "%s changed while the edit was proved", res.Path)
	}
	return cli.WriteFile(name, res.Content, info.Mode().Perm())
}
