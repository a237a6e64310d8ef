package jsonnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	gojsonnet "github.com/google/go-jsonnet"
)

// evaluate returns the JSON that each file of the program evaluates to.
func evaluate(p Program, read func(string) ([]byte, bool, error)) ([]json.RawMessage, error) {
	files := &importer{read: read, paths: p.Paths, known: map[string]*gojsonnet.Contents{}}
	outputs := make([]json.RawMessage, 0, len(p.Files))
	size := 0
	for _, name := range p.Files {
		out, err := p.machine(files).EvaluateFile(name)
		if err != nil {
			what, _, _ := strings.Cut(err.Error(), "\n") // and a stack trace
			return nil, fmt.Errorf("%s: %s", name, what)
		}
		if size += len(out); size > maxOutput {
			return nil, fmt.Errorf("%s: the output is larger than %d bytes", name, maxOutput)
		}
		outputs = append(outputs, json.RawMessage(out))
	}
	return outputs, nil
}

// machine returns a new machine for each file, as Argo CD does.
func (p Program) machine(files *importer) *gojsonnet.VM {
	vm := gojsonnet.MakeVM()
	vm.SetTraceOut(io.Discard)
	vm.Importer(files)
	set := func(vars []Var, text, code func(string, string)) {
		for _, v := range vars {
			if v.Code {
				code(v.Name, v.Value)
			} else {
				text(v.Name, v.Value)
			}
		}
	}
	set(p.TLAs, vm.TLAVar, vm.TLACode)
	set(p.ExtVars, vm.ExtVar, vm.ExtCode)
	return vm
}

// An importer finds files as the library's own does in a checkout, but reads
// them through a function and nothing outside of the repo.
type importer struct {
	read  func(string) ([]byte, bool, error)
	paths []string
	known map[string]*gojsonnet.Contents // nil for what is not there
}

var errAbsolute = errors.New("the import of an absolute path leaves the env repo")

// Import looks beside the importing file and then in the search paths, the last
// one first.
func (i *importer) Import(from, name string) (gojsonnet.Contents, string, error) {
	if path.IsAbs(name) {
		return gojsonnet.Contents{}, "", fmt.Errorf("%q: %w", name, errAbsolute)
	}
	places := []string{path.Dir(from)}
	for n := len(i.paths) - 1; n >= 0; n-- {
		places = append(places, i.paths[n])
	}
	for _, dir := range places {
		at := path.Join(dir, name)
		if !fs.ValidPath(at) {
			continue
		}
		c, err := i.contents(at)
		if err != nil {
			return gojsonnet.Contents{}, "", err
		}
		if c != nil {
			return *c, at, nil
		}
	}
	return gojsonnet.Contents{}, "", fmt.Errorf("the env repo has no file %q beside %q or in the search paths", name, from)
}

func (i *importer) contents(at string) (*gojsonnet.Contents, error) {
	if c, ok := i.known[at]; ok {
		return c, nil
	}
	data, found, err := i.read(at)
	if err != nil {
		return nil, err
	}
	var c *gojsonnet.Contents
	if found {
		made := gojsonnet.MakeContentsRaw(data)
		c = &made
	}
	i.known[at] = c
	return c, nil
}
