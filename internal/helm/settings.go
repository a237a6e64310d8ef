package helm

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/ignore"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"
)

// ParseValues reads a values file as Helm does.
func ParseValues(data []byte) (map[string]any, error) {
	values := map[string]any{}
	err := yaml.Unmarshal(data, &values)
	return values, err
}

// bareComma matches a comma that --set would take for the end of a value.
var bareComma = regexp.MustCompile(`(^|[^\\]),`)

// Set puts a parameter of an Application into the values as Argo CD does with
// --set, or with --set-string, where a comma does not end a value.
func Set(values map[string]any, name, value string, forceString bool) error {
	if !strings.HasPrefix(value, "{") || !strings.HasSuffix(value, "}") {
		value = bareComma.ReplaceAllString(value, `$1\,`)
	}
	if forceString {
		return strvals.ParseIntoString(name+"="+value, values)
	}
	return strvals.ParseInto(name+"="+value, values)
}

// SetFile puts the content of a file into the values, as --set-file does.
func SetFile(values map[string]any, name string, content []byte) error {
	return strvals.ParseIntoFile(name+"=file", values, func([]rune) (any, error) { return string(content), nil })
}

// Ignored reads a .helmignore and returns which files and folders of the chart
// it leaves out. The names are relative to the chart.
func Ignored(data []byte) (func(name string, isDir bool) bool, error) {
	rules, err := ignore.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, refuse(".helmignore: %w", err)
	}
	rules.AddDefaults()
	return func(name string, isDir bool) bool { return rules.Ignore(name, entry{name, isDir}) }, nil
}

// entry is the little that the rules ask of a file.
type entry struct {
	name string
	dir  bool
}

func (e entry) Name() string       { return e.name[strings.LastIndexByte(e.name, '/')+1:] }
func (e entry) Size() int64        { return 0 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.dir }
func (e entry) Sys() any           { return nil }
func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir
	}
	return 0
}
