package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/forge"
)

func repoCreate() *cobra.Command {
	var dir, from string
	cmd := &cobra.Command{
		Use:   "create OWNER/NAME",
		Short: "Make a repository, empty or with the files of a folder",
		Long: `Make a repository in the folder of a forge, which may be running or not. Its
default branch is main. With --from the first commit holds the files of a
folder as they are. Prints the path of the clone URL.`,
		Example: `  forge repo create acme/env --dir .build/forge --from demo/env
  forge repo create acme/empty --dir .build/forge`,
		Args: cli.OneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := forge.Open(dir)
			if err != nil {
				return err
			}
			var path string
			if from == "" {
				path, err = server.CreateRepo(cmd.Context(), args[0])
			} else {
				path, err = server.ImportRepo(cmd.Context(), args[0], from)
			}
			if err := errors.Join(err, server.Close()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", ".forge", "folder of the forge's state")
	cmd.Flags().StringVar(&from, "from", "", "folder whose files become the first commit")
	return cmd
}
