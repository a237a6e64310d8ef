package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Each container of a workflow starts the program anew, and pays for what its
// packages do before main.
const (
	mostOfOurs = 512 << 10 // bytes that one of our packages may allocate, tests included
	mostOfAll  = 12 << 20  // that all packages may, most of them those of libraries
)

// initForm is a line of GODEBUG=inittrace=1.
var initForm = regexp.MustCompile(`(?m)^init (\S+) @.* ms clock, (\d+) bytes, `)

// TestInitWork: the start of a step does not grow by an expression with a thousand
// repetitions, or a table, that a package builds whether it is needed or not.
func TestInitWork(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "amend", "step", "decide", "--help")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	all, packages := 0, initForm.FindAllStringSubmatch(trace.String(), -1)
	for _, m := range packages {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		all += n
		if strings.HasPrefix(m[1], "github.com/amendhq/amend") && n > mostOfOurs {
			t.Errorf("%s allocates %d bytes before main, allowed are %d; sync.OnceValue builds what is not always needed", m[1], n, mostOfOurs)
		}
	}
	if all > mostOfAll || len(packages) < 10 {
		t.Errorf("%d packages allocate %d bytes before main, allowed are %d", len(packages), all, mostOfAll)
	}
}
