package main

import (
	_ "embed" // for the first policy
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/policy"
)

//go:embed firstpolicy.yaml
var firstPolicy []byte

// The files of amend.EnvRepo.
const (
	recordWorkflowFile = ".github/workflows/record-remediation.yml"
	recordActionFile   = ".github/actions/record-remediation/action.yml"
)

func newInit() *cobra.Command {
	var repo string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a first policy and the record workflow into an env repo",
		Long: `Write what an env repo needs for amend into a clone of it: a first policy with
comments, .amend/policy.yaml, and the workflow and the action under .github that keep
remediation-log.yaml. A file that is there already stays as it is, and nothing is
committed.`,
		Example: "  amend init\n  amend init --repo envs",
	}
	out := cli.OutputFlag(cmd)
	cmd.Flags().StringVar(&repo, "repo", ".", "folder of the clone")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		version, _, _ := strings.Cut(cli.Version(), "+") // what a dirty one was made from
		if !strings.HasPrefix(version, "v") {
			version = ""
		}
		done, err := initRepo(repo, version)
		if err != nil {
			return err
		}
		if *out == cli.JSON {
			return cli.PrintJSON(cmd.OutOrStdout(), done)
		}
		return done.print(cmd.OutOrStdout(), version)
	}
	return cmd
}

// An initiated is what init did with each file.
type initiated struct {
	Wrote []string `json:"wrote"`
	Kept  []string `json:"kept"`
}

// initRepo writes the files that are not there. The action installs the version.
func initRepo(dir, version string) (initiated, error) {
	done := initiated{Wrote: []string{}, Kept: []string{}}
	root, err := os.OpenRoot(dir)
	if err == nil {
		defer root.Close()
		_, err = root.Stat(".git")
	}
	if err != nil {
		return done, noClone(dir)
	}
	workflow, werr := amend.EnvRepo.ReadFile(recordWorkflowFile)
	action, aerr := amend.EnvRepo.ReadFile(recordActionFile)
	if err := errors.Join(werr, aerr); err != nil {
		return done, err
	}
	action = []byte(strings.Replace(string(action), `default: ""`, fmt.Sprintf("default: %q", version), 1)) // the first is that of version
	for _, f := range []struct {
		name string
		data []byte
	}{{policy.Path, firstPolicy}, {recordWorkflowFile, workflow}, {recordActionFile, action}} {
		switch err := writeNew(root, f.name, f.data); {
		case errors.Is(err, fs.ErrExist):
			done.Kept = append(done.Kept, f.name)
		case err != nil:
			return done, amend.Errorf(amend.Invalid, "init", "%w", err)
		default:
			done.Wrote = append(done.Wrote, f.name)
		}
	}
	return done, nil
}

// writeNew makes a file below root, and fails where there is one.
func writeNew(root *os.Root, name string, data []byte) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return errors.Join(err, f.Close(), root.Remove(name))
	}
	return f.Close()
}

// print tells a person what was done, and what is left to do.
func (d initiated) print(w io.Writer, version string) error {
	var b strings.Builder
	for _, name := range d.Wrote {
		fmt.Fprintf(&b, "wrote %s\n", name)
	}
	for _, name := range d.Kept {
		fmt.Fprintf(&b, "kept  %s, which is there already\n", name)
	}
	b.WriteString("\nNext:\n- adapt " + policy.Path + " to your alerts, and check it: amend lint\n" +
		"- try it on an alert; nothing is written: amend simulate --alert alert.json\n" +
		"- set login in " + recordWorkflowFile + " to the account that amend writes as\n")
	if version == "" {
		b.WriteString("- set the default of version in " + recordActionFile + " to the commit that this amend is built from\n")
	}
	b.WriteString("- commit the files, and have them reviewed\n")
	_, err := io.WriteString(w, b.String())
	return err
}
