package platform

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed files
var files embed.FS

// What belongs to the platform on the machine. Everything that it leaves
// outside of its folder carries one of these names, so that down can find it.
const (
	address      = "10.88.0.1" // on lo, of every server that pods talk to
	podRange     = "10.89.0.0/24"
	serviceRange = "10.90.0.0/24"
	bridge       = "amend0"
	network      = "amend-platform" // in the file names of CNI
	cgroup       = "amend-platform"
	nodeName     = "platform"
)

// layout is where things lie, and what the templates of files may name.
type layout struct {
	Module string // the e2e module
	Bin    string // built programs; kept by down
	Source string // a copied module that cannot be built where it lies; kept by down
	Run    string // everything of a running platform; deleted by down
	Log    string // one file a program; kept by down
}

func newLayout(root, base string) layout {
	return layout{
		Module: filepath.Join(root, "e2e"),
		Bin:    filepath.Join(base, "bin"),
		Source: filepath.Join(base, "src"),
		Run:    filepath.Join(base, "run"),
		Log:    filepath.Join(base, "log"),
	}
}

func (layout) Address() string    { return address }
func (layout) PodRange() string   { return podRange }
func (layout) Bridge() string     { return bridge }
func (layout) Network() string    { return network }
func (layout) Cgroup() string     { return cgroup }
func (layout) PauseImage() string { return pauseImage }

func (l layout) ContainerdSocket() string { return filepath.Join(l.Run, "containerd.sock") }

func (l layout) bin(name string) string { return filepath.Join(l.Bin, name) }
func (l layout) run(names ...string) string {
	return filepath.Join(append([]string{l.Run}, names...)...)
}
func (l layout) pki(name string) string        { return l.run("pki", name) }
func (l layout) kubeconfig(user string) string { return l.run("kubeconfig-" + user) }

// render fills the named file of files and writes it to path, whose folder it
// creates.
func (l layout) render(name, path string) error {
	text, err := l.expand(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func (l layout) expand(name string) ([]byte, error) {
	t, err := template.ParseFS(files, "files/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, l); err != nil {
		return nil, fmt.Errorf("filling in %s: %w", name, err)
	}
	return out.Bytes(), nil
}
