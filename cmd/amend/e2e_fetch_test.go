package main

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/amendhq/amend"
)

// bait writes an address in the ways that a fetcher may take for this machine,
// and those of clouds' metadata services with the same port.
func bait(port string) []string {
	hosts := []string{
		"127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.000.000.001",
		"localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "127.0.0.1.", "①②⑦.0.0.1",
		"user:password@127.0.0.1", "prometheus.example@127.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "100.100.100.200",
	}
	var all []string
	for i, host := range hosts {
		for _, form := range []string{"http://%s:%s/", "https://%s:%s/x.pem?a=b#c"} {
			all = append(all, fmt.Sprintf(form, host, port))
		}
		if i == 0 {
			for _, form := range []string{"ftp://%s:%s/", "git://%s:%s/x.git", "ssh://%s:%s/x", "//%s:%s/", "HTTP://%s:%s", "gopher://%s:%s/_x", "oci://%s:%s/chart", "git::http://%s:%s/x"} {
				all = append(all, fmt.Sprintf(form, host, port))
			}
		}
	}
	return all
}

// TestURLsOfAlertsAreNotFetched: alerts that hold an address wherever an alert
// can hold a text lead to their changes and to no connection.
func TestURLsOfAlertsAreNotFetched(t *testing.T) {
	t.Parallel()
	trap, err := net.Listen("tcp", ":0") // every address of this machine, both families
	if err != nil {
		t.Fatal(err)
	}
	var connections atomic.Int32
	go func() {
		for {
			conn, err := trap.Accept()
			if err != nil {
				return // closed
			}
			connections.Add(1)
			conn.Close()
		}
	}()
	defer trap.Close()
	_, port, err := net.SplitHostPort(trap.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	urls := bait(port)
	if len(urls) != 60 {
		t.Fatalf("there are %d addresses, want 60", len(urls))
	}
	s := newStage(t, len(urls), "", nil)
	s.start("--sweep-interval", "1h")
	var alerts []amend.Alert
	for i, u := range urls {
		a := poisoned([]string{"AppStuck", "AppOutOfMemory"}[i%2], app(i+1), u)
		a.Labels["instance"], a.Labels["url"] = strings.TrimPrefix(u, "http://"), u
		a.Annotations["dashboard_url"], a.Annotations["image"] = u, "![x]("+u+")"
		a.GeneratorURL = u
		alerts = append(alerts, a)
	}
	s.post(alerts...)
	s.decideAll(len(urls), amend.ReasonAct)
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	s.must(err)
	conn.Close()
	s.eventually("the trap sees this test", func() bool { return connections.Load() > 0 })
	if n := connections.Load() - 1; n != 0 {
		t.Errorf("%d connections to addresses of alerts", n)
	}
}
