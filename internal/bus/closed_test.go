package bus_test

import (
	"os"
	"regexp"
	"testing"
)

// listening matches a TCP socket of this process's network that waits for others
// (proc(5), /proc/net/tcp): its state is 0A, and its inode is the tenth field.
var listening = regexp.MustCompile(`(?m)^ *\d+: \S+ \S+ 0A(?: +\S+){5} +(\d+)`)

// listeners returns the sockets on which this process waits for connections.
func listeners(t *testing.T) map[string]bool {
	t.Helper()
	waiting, own := map[string]bool{}, map[string]bool{}
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		table, err := os.ReadFile(name)
		if err != nil {
			t.Skipf("this system does not list its sockets: %v", err)
		}
		for _, m := range listening.FindAllSubmatch(table, -1) {
			waiting["socket:["+string(m[1])+"]"] = true
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && waiting[name] {
			own[name] = true
		}
	}
	return own
}

// TestNobodyElseReachesTheBus: the embedded bus opens no socket, so there is
// nowhere to publish to but through this package.
func TestNobodyElseReachesTheBus(t *testing.T) {
	open(t)
	if own := listeners(t); len(own) > 0 {
		t.Errorf("the process listens on %v", own)
	}
}
