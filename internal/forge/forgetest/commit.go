// Package forgetest plays the people who commit to the repositories of a forge.
package forgetest

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/amendhq/amend/internal/forge/store"
)

// A Change is a commit that somebody makes.
type Change struct {
	By      string            // whose account it is: author and committer
	Message string            // of the commit
	Files   map[string]string // their paths, and what they hold then
	Removed []string          // paths of files that are no more
}

// Commit makes a commit on top of another in the bare repository of a folder, and
// returns it. No reference names it.
func Commit(t testing.TB, dir, parent string, c Change) string {
	t.Helper()
	const ref = "refs/made"
	who := fmt.Sprintf("%s <%s@users.noreply.localhost> %d +0000", c.By, c.By, time.Now().Unix())
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit %s\nmark :1\nauthor %s\ncommitter %s\ndata %d\n%s\nfrom %s\n", ref, who, who, len(c.Message), c.Message, parent)
	for path, content := range c.Files {
		fmt.Fprintf(&in, "M 100644 inline %s\ndata %d\n%s\n", path, len(content), content)
	}
	for _, path := range c.Removed {
		fmt.Fprintf(&in, "D %s\n", path)
	}
	fmt.Fprintf(&in, "\nget-mark :1\nreset %s\nfrom %040d\n\n", ref, 0) // which takes the reference away
	cmd := exec.CommandContext(t.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Env, cmd.Stdin = dir, store.Environ(), &in
	var stderr strings.Builder
	cmd.Stderr = &stderr
	sha, err := cmd.Output()
	if err != nil {
		t.Fatalf("git fast-import: %v: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(sha))
}
