// Command amend-gateway takes alerts in and hands them to Argo Events: amend gateway as a
// program of its own, which is what the pods of the gateway run.
package main

import (
	"os"

	"github.com/amendhq/amend/internal/cli"
	"github.com/amendhq/amend/internal/intake"
)

func main() {
	os.Exit(cli.Run(intake.New("amend-gateway"), os.Args[1:], os.Stdout, os.Stderr))
}
