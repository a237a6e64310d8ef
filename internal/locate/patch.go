package locate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// placeholder stands for a patch while the list item around it is inserted.
const placeholder = "amend-inline-patch"

// addPatch adds an item with an inline patch to the kustomization's patches. A
// patch that does not say what it patches needs a target. The text becomes a
// literal block, as people write it, so that the patch can be read, reviewed
// and edited again.
func (d document) addPatch(text string, target *identity) (manifest.Result, error) {
	item := []manifest.KeyValue{{Key: "patch", Value: amend.Scalar{Text: placeholder}}}
	res, err := d.file.InsertItem(d.index, amend.Field("patches"), item)
	if err != nil {
		return manifest.Result{}, err
	}
	data, ok := expand(res.Data, text, target)
	if !ok || !expanded(res.Data, data, text, target) {
		return manifest.Result{}, amend.Refusef(amend.ReasonUnproven, "%s has no room for a block of text", d.path)
	}
	end := res.EndLine + bytes.Count(data, []byte("\n")) - bytes.Count(res.Data, []byte("\n"))
	return manifest.Result{Data: data, Line: res.Line, EndLine: end}, nil
}

// expand replaces the placeholder, which must end its line, by a literal block,
// and puts the target below.
func expand(data []byte, text string, target *identity) ([]byte, bool) {
	at := bytes.Index(data, []byte(placeholder))
	if at < 0 || bytes.Count(data, []byte(placeholder)) != 1 {
		return nil, false
	}
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	key := bytes.Index(data[start:at], []byte("patch"))
	if key < 0 {
		return nil, false
	}
	eol := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		eol = "\r\n"
	}
	pad := eol + strings.Repeat(" ", key+2)
	block := "|-" + pad + strings.ReplaceAll(text, "\n", pad)
	if target != nil {
		block += pad[:len(pad)-2] + "target:" + pad + "kind: " + quoted(target.Kind) + pad + "name: " + quoted(target.Name)
	}
	return bytes.Replace(data, []byte(placeholder), []byte(block), 1), true
}

// expanded proves that the file means the same as with the placeholder, but
// for the text in its place and the target.
func expanded(with, data []byte, text string, target *identity) bool {
	before, err1 := yaml.YAMLToJSON(with)
	after, err2 := yaml.YAMLToJSON(data)
	quoted, err3 := json.Marshal(text)
	if err1 != nil || err2 != nil || err3 != nil {
		return false
	}
	if target != nil {
		quoted = fmt.Appendf(quoted, `,"target":{"kind":%q,"name":%q}`, target.Kind, target.Name)
	}
	return bytes.Equal(bytes.Replace(before, []byte(strconv.Quote(placeholder)), quoted, 1), after)
}

// patchText writes a strategic merge patch of one field of an object with this
// body.
func patchText(id identity, body any, field amend.FieldPath, v amend.Scalar) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n", quoted(id.apiVersion), quoted(id.Kind), quoted(id.Name))
	if id.Namespace != "" {
		fmt.Fprintf(&b, "  namespace: %s\n", quoted(id.Namespace))
	}
	if field[0].Key == "metadata" && field[0].Select == "" {
		body, _ = get(body, field[:1])
		writeField(&b, body, field[1:], v, 2)
	} else {
		writeField(&b, body, field, v, 0)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func writeField(b *strings.Builder, body any, field amend.FieldPath, v amend.Scalar, indent int) {
	for i, step := range field {
		pad := strings.Repeat(" ", indent)
		if i > 0 && field[i-1].Select != "" {
			pad = "" // the key goes on the list item's line below
			b.WriteString(strings.Repeat(" ", indent))
		}
		if step.Select != "" {
			// What a patch names comes first in the list, so those before the item are
			// named too, to stay before it.
			list, _ := get(body, field[:i])
			for _, before := range itemsBefore(list, step) {
				fmt.Fprintf(b, "%s- %s: %s\n", pad, quoted(step.Select), identityText(before))
			}
			fmt.Fprintf(b, "%s- %s: %s\n", pad, quoted(step.Select), identityText(step))
		} else {
			fmt.Fprintf(b, "%s%s:", pad, quoted(step.Key))
			if i < len(field)-1 {
				b.WriteString("\n")
			}
		}
		indent += 2
	}
	b.WriteString(" " + valueOf(v) + "\n")
}

// valueOf writes a value as YAML.
func valueOf(v amend.Scalar) string {
	if v.IsText() {
		return quoted(v.Text)
	}
	return v.Text
}

// plainPointer matches a JSON pointer that YAML reads as it is.
var plainPointer = regexp.MustCompile(`^/[\w./~-]+$`)

// pointerTo returns the JSON pointer to a field that the object has, with items
// by their index, as YAML.
func pointerTo(body any, field amend.FieldPath) (string, bool) {
	var b strings.Builder
	for i, step := range field {
		token := step.Key
		if step.Select != "" {
			list, _ := get(body, field[:i])
			items, _ := list.([]any)
			token = strconv.Itoa(itemIndex(items, step))
		}
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	_, set := get(body, field)
	if !plainPointer.MatchString(b.String()) {
		return strconv.Quote(b.String()), set
	}
	return b.String(), set
}

// itemsBefore returns the steps to the items of a list that come before one, as
// far as each is named by the same key.
func itemsBefore(v any, step amend.FieldStep) []amend.FieldStep {
	list, _ := v.([]any)
	var before []amend.FieldStep
	for _, item := range list[:max(0, itemIndex(list, step))] {
		m, _ := item.(map[string]any)
		if id, ok := m[step.Select]; ok && isScalar(id) {
			before = append(before, amend.FieldStep{Select: step.Select, Key: scalarText(id)})
		}
	}
	return before
}

// identityText writes the value that identifies a list item. Ports are the
// numbers that lists of the Kubernetes API are keyed by.
func identityText(step amend.FieldStep) string {
	if _, err := strconv.Atoi(step.Key); err == nil && strings.HasSuffix(strings.ToLower(step.Select), "port") {
		return step.Key
	}
	return quoted(step.Key)
}

// wordy matches text that YAML reads as a string without quotes: words, and
// quantities with a unit.
var wordy = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_./-]*|\d+([KMGTP]i?|[mk]))$`)

// quoted returns text as a YAML string.
func quoted(s string) string {
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return strconv.Quote(s)
	}
	if wordy.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
