// Command amend-step does one step of a Workflow: amend step as a program of its own,
// which is all that a container of a Workflow starts.
package main

import (
	"os"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/steps"
)

func main() {
	os.Exit(cli.Run(steps.New("amend-step"), os.Args[1:], os.Stdout, os.Stderr))
}
