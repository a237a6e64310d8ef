package locate

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// generated proposes, for a value that a ConfigMap generator makes, the lines
// of env files and the files that hold it. Literals are leaves of the
// kustomization.
func (t *target) generated(layers []layer) []candidate {
	if !t.set {
		return nil
	}
	var found []candidate
	for _, l := range layers {
		for _, g := range l.kust.ConfigMapGenerator {
			for _, env := range append(slices.Clone(g.EnvSources), g.EnvSource) {
				found = append(found, t.envLines(path.Join(l.dir, env), l.level)...)
			}
			for _, source := range g.FileSources {
				found = append(found, t.sourceFile(l, source)...)
			}
		}
	}
	return found
}

// envLines proposes the values in a file of KEY=VALUE lines.
func (t *target) envLines(file string, level int) []candidate {
	data, err := t.view.read(file)
	if err != nil {
		return nil
	}
	var found []candidate
	next := 0
	for i, line := range slices.Collect(strings.Lines(string(data))) {
		start, number := next, i+1
		next += len(line)
		key, value, ok := envLine(line)
		if !ok || t.rankOf(key) > rankSameKey && value == "" {
			continue
		}
		if _, ok := rewrite(value, t, t.sentinel().Text); !ok {
			continue
		}
		start += strings.Index(line, "=") + 1
		end := start + len(value)
		s := site{path: file, yamlPath: key, via: "a line of a generator's env file"}
		s.write = func(v amend.Scalar) (manifest.Result, error) {
			text, ok := rewrite(value, t, v.Text)
			if !ok || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n") {
				return manifest.Result{}, amend.Refusef(amend.ReasonUnsupported, "%s:%d is one line, and the value does not fit in it", file, number)
			}
			return manifest.Result{Data: slices.Concat(data[:start], []byte(text), data[end:]), Line: number, EndLine: number}, nil
		}
		found = append(found, candidate{site: s, rank: t.rankOf(key), level: level})
	}
	return found
}

// envLine splits a line of an env file as Kustomize does: the value is all that
// comes after the first equals sign, quotes and spaces too.
func envLine(line string) (key, value string, ok bool) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	line = strings.TrimLeftFunc(strings.TrimPrefix(line, "\ufeff"), unicode.IsSpace)
	key, value, ok = strings.Cut(line, "=")
	return key, value, ok && !strings.HasPrefix(line, "#")
}

// sourceFile proposes the whole of a file that is [KEY=]FILE in a generator.
func (t *target) sourceFile(l layer, source string) []candidate {
	key, name, named := strings.Cut(source, "=")
	if !named {
		key, name = path.Base(source), source
	}
	file := path.Join(l.dir, name)
	data, err := t.view.read(file)
	if err != nil || len(data) == 0 || string(data) != t.current() {
		return nil
	}
	s := site{path: file, yamlPath: key, via: "a file of a generator"}
	s.write = func(v amend.Scalar) (manifest.Result, error) { return wholeText(v.Text), nil }
	return []candidate{{site: s, rank: t.rankOf(key), level: l.level}}
}

// The ranks of values of generators, among those that rank gives.
const (
	rankSameKey = 1
	rankCopied  = 5
)

// rankOf ranks a value of a generator by its key.
func (t *target) rankOf(key string) int {
	if last := t.field[len(t.field)-1]; last.Select == "" && last.Key == key {
		return rankSameKey
	}
	return rankCopied
}

// unquoted returns the value of a literal as Kustomize reads it: without the
// quotes around it, which escape nothing.
func unquoted(value string) string {
	if n := len(value); n > 1 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		return value[1 : n-1]
	}
	return value
}

// rewriteLiteral returns what KEY=VALUE must become so that the value is want.
func rewriteLiteral(leaf, current, want string) (string, bool) {
	key, value, ok := strings.Cut(leaf, "=")
	if !ok || unquoted(value) != current {
		return "", false
	}
	if value != current {
		return key + "=" + value[:1] + want + value[:1], true
	}
	return key + "=" + want, unquoted(want) == want
}
