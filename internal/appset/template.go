package appset

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
)

// decode reads JSON; numbers keep their text.
func decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// fill returns a copy of decoded JSON with the parameters in its texts and keys.
func (g *generation) fill(v any, params map[string]any) (any, error) {
	if len(params) == 0 {
		return v, nil
	}
	if g.filled++; g.filled > maxFilled {
		return nil, errFilled()
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			name, err := g.text(key, params)
			if err != nil {
				return nil, err
			}
			if out[name], err = g.fill(inner, params); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			var err error
			if out[i], err = g.fill(inner, params); err != nil {
				return nil, err
			}
		}
		return out, nil
	case string:
		return g.text(v, params)
	}
	return v, nil
}

// text fills parameters into one text.
func (g *generation) text(s string, params map[string]any) (string, error) {
	if !strings.Contains(s, "{{") {
		return s, nil
	}
	var out string
	var err error
	if g.spec.GoTemplate {
		out, err = g.goText(s, params)
	} else {
		out = fastText(s, params)
	}
	if g.filled += len(out); err == nil && g.filled > maxFilled {
		return "", errFilled()
	}
	return out, err
}

// maxFilled bounds the values that are copied, plus the bytes of the texts that
// are filled, over all Applications.
const maxFilled = 32 << 20

func errFilled() error {
	return amend.Refusef(amend.ReasonUnproven, "its Applications are too large together")
}

var tag = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// fastText replaces {{name}}; what names no parameter stays.
func fastText(s string, params map[string]any) string {
	return tag.ReplaceAllStringFunc(s, func(found string) string {
		name := strings.TrimSpace(found[2 : len(found)-2])
		if v, ok := params[name].(string); ok && name != "" {
			return v
		}
		return found
	})
}

// goText runs a Go template with the functions that ApplicationSets have.
func (g *generation) goText(s string, params map[string]any) (string, error) {
	t, err := template.New("").Funcs(functions()).Parse(s)
	if err != nil {
		return "", amend.Refusef(amend.ReasonUnproven, "the template %q: %w", s, err)
	}
	if what := looping(t.Root); what != "" {
		return "", amend.Refusef(amend.ReasonUnsupported, "a template has a %s", what)
	}
	for _, option := range g.spec.GoTemplateOptions {
		if option == "missingkey=error" || option == "missingkey=zero" || option == "missingkey=default" || option == "missingkey=invalid" {
			t = t.Option(option)
		}
	}
	var b strings.Builder
	if err := t.Execute(&b, params); err != nil {
		return "", amend.Refusef(amend.ReasonUnproven, "the template %q: %w", s, err)
	}
	return b.String(), nil
}

// looping names a part of a template that can make it run long.
func looping(n parse.Node) string {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return ""
		}
		for _, inner := range n.Nodes {
			if what := looping(inner); what != "" {
				return what
			}
		}
	case *parse.IfNode:
		return branches(n.BranchNode)
	case *parse.WithNode:
		return branches(n.BranchNode)
	case *parse.RangeNode:
		return "range"
	case *parse.TemplateNode:
		return "template"
	}
	return ""
}

func branches(n parse.BranchNode) string {
	if what := looping(n.List); what != "" {
		return what
	}
	return looping(n.ElseList)
}

// functions are sprig's without those that depend on the machine, on the time
// or on chance, or that make much of little.
func functions() template.FuncMap {
	all := template.FuncMap{}
	maps.Copy(all, sprig.TxtFuncMap())
	for _, name := range []string{
		"env", "expandenv", "getHostByName", "now", "ago", "date", "dateInZone", "date_in_zone", "dateModify", "date_modify",
		"mustDateModify", "must_date_modify", "htmlDate", "htmlDateInZone", "randAlphaNum", "randAlpha", "randAscii", "randNumeric",
		"randBytes", "randInt", "shuffle", "uuidv4", "until", "untilStep", "seq", "repeat", "bcrypt", "htpasswd",
		"derivePassword", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert",
		"genSignedCertWithKey", "buildCustomCert", "encryptAES", "decryptAES", "keys", "values",
	} {
		delete(all, name)
	}
	all["normalize"] = normalize
	all["indent"] = indent
	all["nindent"] = func(spaces int, text string) (string, error) {
		text, err := indent(spaces, text)
		return "\n" + text, err
	}
	all["toYaml"] = func(v any) (string, error) {
		data, err := yaml.Marshal(v)
		return strings.TrimSuffix(string(data), "\n"), err
	}
	all["fromYaml"] = func(s string) (m map[string]any, err error) {
		err = yaml.Unmarshal([]byte(s), &m)
		return m, err
	}
	all["fromYamlArray"] = func(s string) (list []any, err error) {
		err = yaml.Unmarshal([]byte(s), &list)
		return list, err
	}
	return all
}

func indent(spaces int, text string) (string, error) {
	const most = 200
	if spaces < 0 || spaces > most {
		return "", amend.Refusef(amend.ReasonUnproven, "a template indents by %d", spaces)
	}
	pad := strings.Repeat(" ", spaces)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad), nil
}
