package platform

import (
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestFilesAreFilledIn(t *testing.T) {
	l := testLayout(t)
	entries, err := files.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := l.expand(e.Name())
		if err != nil {
			t.Errorf("%s: %v", e.Name(), err)
			continue
		}
		if strings.Contains(string(text), "{{") || strings.Contains(string(text), "<no value>") {
			t.Errorf("%s has a hole:\n%s", e.Name(), text)
		}
		switch {
		case strings.HasSuffix(e.Name(), ".yaml"):
			if _, err := decode(text); err != nil {
				t.Errorf("%s: %v", e.Name(), err)
			}
		case strings.HasSuffix(e.Name(), ".conflist"):
			var any any
			if err := yaml.UnmarshalStrict(text, &any); err != nil {
				t.Errorf("%s: %v", e.Name(), err)
			}
		}
	}
}

// Nothing listens where another machine could reach it.
func TestServersListenHereOnly(t *testing.T) {
	p := &Platform{at: testLayout(t)}
	daemons := []daemon{
		p.etcd(), p.apiServer(), p.controllerManager(), p.scheduler(), p.dns(), p.proxy(), p.bus(), p.repoServer(t.TempDir()),
	}
	flag := regexp.MustCompile(`^-{1,2}((?:[a-z]+-)*(?:bind-address|address|listen[a-z-]*|advertise[a-z-]*|initial-advertise-peer-urls|nodeport-addresses))=(.*)$`)
	seen := 0
	for _, d := range daemons {
		for _, arg := range d.argv {
			m := flag.FindStringSubmatch(arg)
			if m == nil {
				continue
			}
			seen++
			if !ownOrLoopback(hostOf(m[2])) {
				t.Errorf("%s: %s", d.name, arg)
			}
		}
	}
	if seen < 14 {
		t.Errorf("only %d flags with an address were found", seen)
	}
	for name, want := range map[string]string{
		"kubelet.yaml": "address: " + address, "nats.conf": `listen: "` + address, "containerd.toml": `stream_server_address = "127.0.0.1"`,
	} {
		text, err := p.at.expand(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not hold %s", name, want)
		}
	}
}

// hostOf is the host of a URL, a host with a port, a range or a plain host.
func hostOf(text string) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return u.Hostname()
	}
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	host, _, _ := strings.Cut(text, "/")
	return host
}
