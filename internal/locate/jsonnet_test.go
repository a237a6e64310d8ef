package locate_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/amendhq/amend/internal/jsonnet"
	"github.com/amendhq/amend/internal/locate"
)

const workerArg = "jsonnet-worker"

// TestMain lets Jsonnet be evaluated by these tests, started again.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		if err := jsonnet.Work(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// newLocator returns a Locator that knows all source types.
func newLocator() *locate.Locator {
	return locate.New(locate.WithJsonnet(jsonnet.NewEngine(workerArg)))
}
