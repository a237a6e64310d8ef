package appset

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

type git struct {
	RepoURL     string            `json:"repoURL,omitempty"`
	Directories []gitPath         `json:"directories,omitempty"`
	Files       []gitPath         `json:"files,omitempty"`
	Values      map[string]string `json:"values,omitempty"`
	Prefix      string            `json:"pathParamPrefix,omitempty"`
	Template    json.RawMessage   `json:"template,omitempty"`
}

type gitPath struct {
	Path    string `json:"path"`
	Exclude bool   `json:"exclude,omitempty"`
}

// git yields one set for each folder or for each object in each file.
func (g *generation) git(gen git) ([]map[string]any, error) {
	if len(gen.Directories) > 0 {
		return g.folders(gen)
	}
	return g.files(gen)
}

func (g *generation) folders(gen git) ([]map[string]any, error) {
	var sets []map[string]any
	for _, d := range gen.Directories {
		if _, err := path.Match(d.Path, ""); err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "the pattern %q: %w", d.Path, err)
		}
	}
	for _, dir := range g.repo.Folders() {
		in, out := false, strings.HasPrefix(dir, ".") || strings.Contains(dir, "/.")
		for _, d := range gen.Directories {
			if !strings.HasPrefix(dir, literal(d.Path)) { // faster than a match
				continue
			}
			ok, _ := path.Match(d.Path, dir) // the pattern is well formed
			in, out = in || ok && !d.Exclude, out || ok && d.Exclude
		}
		if !in || out {
			continue
		}
		params := map[string]any{}
		g.addPath(params, gen.Prefix, dir, "")
		if err := g.addValues(params, gen.Values); err != nil {
			return nil, err
		}
		sets = append(sets, params)
	}
	return sets, nil
}

// literal returns what comes before the first wildcard of a pattern.
func literal(pattern string) string {
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

func (g *generation) files(gen git) ([]map[string]any, error) {
	var sets []map[string]any
	patterns := make([]*regexp.Regexp, len(gen.Files))
	for i, f := range gen.Files {
		var err error
		if patterns[i], err = pattern(f.Path); err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "the pattern %q: %w", f.Path, err)
		}
	}
	for _, name := range g.repo.Files() {
		in, out := false, false
		for i, f := range gen.Files {
			if patterns[i].MatchString(name) {
				in, out = in || !f.Exclude, out || f.Exclude
			}
		}
		if !in || out {
			continue
		}
		data, err := g.repo.Read(name)
		if err != nil {
			return nil, err
		}
		objects, err := readObjects(data)
		if err != nil {
			return nil, amend.Refusef(amend.ReasonUnproven, "%s: %w", name, err)
		}
		for _, o := range objects {
			params := map[string]any{}
			if g.spec.GoTemplate {
				maps.Copy(params, o)
			} else {
				flatten(params, "", o)
			}
			g.addPath(params, gen.Prefix, path.Dir(name), path.Base(name))
			if err := g.addValues(params, gen.Values); err != nil {
				return nil, err
			}
			sets = append(sets, params)
		}
	}
	return sets, nil
}

// readObjects reads a list of objects, or one.
func readObjects(data []byte) ([]map[string]any, error) {
	var objects []map[string]any
	if yaml.Unmarshal(data, &objects) == nil {
		if len(objects) == 0 {
			objects = []map[string]any{{}}
		}
		return objects, nil
	}
	var one map[string]any
	err := yaml.Unmarshal(data, &one)
	return []map[string]any{one}, err
}

// addPath adds what a generator says of a folder, and of a file in it.
func (g *generation) addPath(params map[string]any, prefix, dir, file string) {
	about := map[string]string{"basename": path.Base(dir), "basenameNormalized": normalize(path.Base(dir))}
	if file != "" {
		about["filename"], about["filenameNormalized"] = file, normalize(file)
	}
	segments := strings.Split(dir, "/")
	if g.spec.GoTemplate {
		p := map[string]any{"path": dir}
		for key, v := range about {
			p[key] = v
		}
		var list []any
		for _, s := range segments {
			list = append(list, s)
		}
		p["segments"] = list
		if prefix != "" {
			params[prefix] = map[string]any{"path": p}
		} else {
			params["path"] = p
		}
		return
	}
	name := "path"
	if prefix != "" {
		name = prefix + ".path"
	}
	params[name] = dir
	for key, v := range about {
		params[name+"."+key] = v
	}
	for i, s := range segments {
		params[name+"["+strconv.Itoa(i)+"]"] = s
	}
}

// addValues adds the values of a generator, which may hold parameters.
func (g *generation) addValues(params map[string]any, values map[string]string) error {
	filled := map[string]any{}
	for key, v := range values {
		text, err := g.text(v, params)
		if err != nil {
			return err
		}
		filled[key] = text
	}
	switch {
	case len(values) == 0:
	case g.spec.GoTemplate:
		params["values"] = filled
	default:
		for key, v := range filled {
			params["values."+key] = v
		}
	}
	return nil
}

// flatten writes nested maps and lists as a.b.0.
func flatten(params map[string]any, prefix string, v any) {
	join := func(key string) string {
		if prefix == "" {
			return key
		}
		return prefix + "." + key
	}
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			flatten(params, join(key), inner)
		}
	case []any:
		for i, inner := range v {
			flatten(params, join(strconv.Itoa(i)), inner)
		}
	default:
		params[prefix] = fmt.Sprintf("%v", v)
	}
}

var unsafeName = regexp.MustCompile("[^-a-z0-9.]")

// normalize makes a Kubernetes name.
func normalize(name string) string {
	name = unsafeName.ReplaceAllString(strings.ToLower(name), "-")
	return strings.Trim(name[:min(len(name), 253)], "-.")
}

// pattern is the glob language of git files: ** crosses folders.
func pattern(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i++
		case c == '*':
			b.WriteString("[^/]*")
		case c == '?':
			b.WriteString("[^/]")
		case slices.Contains([]byte("[]"), c):
			b.WriteByte(c)
		case c == '{':
			b.WriteString("(?:")
		case c == '}':
			b.WriteString(")")
		case c == ',':
			b.WriteString("|")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.Compile(b.String() + "$")
}
