package helm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"text/template"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"
)

// functions returns what Helm's templates can call, each of them metered. The
// environment, the cluster and DNS are out of reach as they are for Argo CD.
func (e *engine) functions(t *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	maps.Copy(all, template.FuncMap{
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
		"toYaml": toYAML, "toYamlPretty": toYAMLPretty, "fromYaml": fromYAML, "fromYamlArray": fromYAMLArray,
		"toJson": toJSON, "fromJson": fromJSON, "fromJsonArray": fromJSONArray, "toToml": toTOML, "fromToml": fromTOML,
		"required": required, "fail": func(text string) (string, error) { return "", errors.New(text) },
		"lookup":        func(string, string, string, string) (map[string]any, error) { return map[string]any{}, nil },
		"getHostByName": func(string) string { return "" },
		"keys":          keys, "values": values,
	})
	maps.Copy(all, e.chance.functions(all))
	metered := make(template.FuncMap, len(all)+6)
	for name, f := range all {
		metered[name] = e.meter.guard(name, f)
	}
	maps.Copy(metered, e.late(t))
	metered[turnName], metered[enterName], metered[leaveName], metered[weighName] = e.meter.turn, e.meter.enter, e.meter.leave, e.meter.weigh
	return metered
}

// required fails for nil and for the empty string.
func required(text string, v any) (any, error) {
	if s, ok := v.(string); v == nil || ok && s == "" {
		return v, errors.New(text)
	}
	return v, nil
}

// keys lists the keys of tables. Sprig gives them in a random order; this one
// is as good as any, and the same each time.
func keys(tables ...map[string]any) []string {
	var list []string
	for _, t := range tables {
		list = append(list, sortedKeys(t)...)
	}
	return list
}

// values lists the values of a table in the order of their keys.
func values(table map[string]any) []any {
	list := make([]any, 0, len(table))
	for _, k := range sortedKeys(table) {
		list = append(list, table[k])
	}
	return list
}

// The functions that write and read YAML, JSON and TOML never fail: what does
// not parse gives its error as content, as chart authors know it from Helm.

func toYAML(v any) string {
	data, err := yaml.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

func toYAMLPretty(v any) string {
	var b bytes.Buffer
	enc := goyaml.NewEncoder(&b)
	enc.SetIndent(2)
	if enc.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func fromYAML(text string) map[string]any {
	m := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func fromYAMLArray(text string) []any {
	list := []any{}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		list = []any{err.Error()}
	}
	return list
}

func toJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

func fromJSON(text string) map[string]any {
	m := map[string]any{}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func fromJSONArray(text string) []any {
	list := []any{}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		list = []any{err.Error()}
	}
	return list
}

func toTOML(v any) string {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(v); err != nil {
		return err.Error()
	}
	return b.String()
}

func fromTOML(text string) map[string]any {
	m := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}
