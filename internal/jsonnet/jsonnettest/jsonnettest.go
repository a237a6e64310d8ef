// Package jsonnettest lets tests evaluate Jsonnet as amend does, in processes of
// the tests' own program.
package jsonnettest

import (
	"fmt"
	"os"
	"testing"

	"github.com/amendhq/amend/internal/jsonnet"
)

const workerArg = "jsonnet-worker"

// Main is the body of a TestMain: it runs the tests, or answers the question of an
// Engine that NewEngine returned to them.
func Main(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		if err := jsonnet.Work(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// NewEngine returns an Engine for tests whose TestMain calls Main.
func NewEngine() *jsonnet.Engine { return jsonnet.NewEngine(workerArg) }
