package helm

import (
	"encoding/base64"
	"path"
	"strings"

	"github.com/gobwas/glob"
)

// files is what templates see as .Files: the files of a chart that are neither
// templates nor values. A template may loop over it, so it is a plain map.
type files map[string][]byte

// maxPattern bounds a pattern, whose cost grows with its length.
const maxPattern = 256

func newFiles(list []File) files {
	f := make(files, len(list))
	for _, file := range list {
		f[file.Name] = file.Data
	}
	return f
}

// GetBytes returns a file's content, empty if there is no such file.
func (f files) GetBytes(name string) []byte {
	if data, ok := f[name]; ok {
		return data
	}
	return []byte{}
}

// Get returns a file's content as text, empty if there is no such file.
func (f files) Get(name string) string { return string(f[name]) }

// Glob returns the files whose names match. A pattern that is none matches all,
// as in Helm.
func (f files) Glob(pattern string) files {
	if len(pattern) > maxPattern {
		panic(errBudget)
	}
	g, err := glob.Compile(pattern, '/')
	if err != nil {
		g = glob.MustCompile("**")
	}
	found := files{}
	for name, data := range f {
		if g.Match(name) {
			found[name] = data
		}
	}
	return found
}

// AsConfig writes the files as the data of a ConfigMap, by their base names.
func (f files) AsConfig() string {
	data := map[string]string{}
	for _, name := range sortedKeys(f) {
		data[path.Base(name)] = string(f[name])
	}
	return toYAML(data)
}

// AsSecrets writes the files as the data of a Secret, by their base names.
func (f files) AsSecrets() string {
	data := map[string]string{}
	for _, name := range sortedKeys(f) {
		data[path.Base(name)] = base64.StdEncoding.EncodeToString(f[name])
	}
	return toYAML(data)
}

// Lines returns the lines of a file.
func (f files) Lines(name string) []string {
	text := string(f[name])
	if text == "" {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
