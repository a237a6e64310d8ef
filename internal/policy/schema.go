package policy

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/invopop/jsonschema"

	"github.com/amendhq/amend"
)

// Schema returns the JSON Schema (2020-12) of a policy file, for editors. It is
// made from the same types and the same catalogue as Parse, and everything that
// Parse accepts is valid by it. The same input gives the same bytes.
func Schema(cat Catalogue) ([]byte, error) {
	reflector := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true}
	s := reflector.Reflect(&Policy{})
	s.Title = "amend policy, " + Path
	for _, definition := range []string{"Playbook", "Rung"} {
		typeByAction(s.Definitions[definition], cat)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "write schema", "%w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, amend.Errorf(amend.Internal, "write schema", "%w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// typeByAction completes what names an action: which there are, and what each
// makes of the parameters.
func typeByAction(s *jsonschema.Schema, cat Catalogue) {
	if action, ok := s.Properties.Get("action"); ok {
		for _, name := range cat.names() {
			action.Enum = append(action.Enum, name)
		}
	}
	if with, ok := s.Properties.Get("with"); ok {
		with.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}}}
	}
	for _, name := range cat.names() {
		action, _ := cat.lookup(name)
		s.AllOf = append(s.AllOf, forAction(action))
	}
}

// forAction narrows a playbook, or a rung of one, of one action to its kinds and
// parameters; a rung has no kinds of its own.
func forAction(a Action) *jsonschema.Schema {
	kind := &jsonschema.Schema{}
	for _, k := range a.Kinds {
		kind.Enum = append(kind.Enum, k)
	}
	kinds := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{kind, object("allowed", &jsonschema.Schema{Items: kind})}}
	kinds.AnyOf[1].Type = "object"

	accept := &jsonschema.Schema{Items: jsonschema.FalseSchema}
	if slices.ContainsFunc(a.Params, amend.Param.Acceptable) {
		accept.Items = &jsonschema.Schema{}
	}
	with := &jsonschema.Schema{Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema}
	for _, p := range a.Params {
		with.Properties.Set(p.Name, paramSchema(p))
		if p.Acceptable() {
			accept.Items.Enum = append(accept.Items.Enum, p.Name)
		}
		if p.Default == "" {
			with.Required = append(with.Required, p.Name)
		}
	}
	then := object("with", with)
	then.Properties.Set("accept", accept)
	then.Properties.Set("workload", object("kind", kinds))
	if len(with.Required) > 0 {
		then.Required = []string{"with"}
	}
	return &jsonschema.Schema{If: object("action", &jsonschema.Schema{Const: a.Name}), Then: then}
}

// object describes one property and leaves all others open.
func object(property string, s *jsonschema.Schema) *jsonschema.Schema {
	o := &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	o.Properties.Set(property, s)
	return o
}

// paramSchema describes what checkParam accepts, and for quantities a little
// more, and for keys and text too: the bounds that keep computing with them short
// are no help to editors, and what is a credential is no regular language.
func paramSchema(p amend.Param) *jsonschema.Schema {
	s := &jsonschema.Schema{Description: p.Help}
	if p.Default != "" {
		s.Description += "; " + p.Default + " when left out"
	}
	switch p.Type {
	case amend.ParamInt:
		s.Type, s.Minimum = "integer", json.Number(strconv.Itoa(p.Min))
	case amend.ParamFactor:
		s.Type, s.ExclusiveMinimum = "number", "1"
	case amend.ParamQuantity:
		s.AnyOf = []*jsonschema.Schema{{Type: "string", Pattern: `^[0-9.]*[1-9][0-9.]*([KMGTPE]i|[mkMGTPE]|[eE][0-9]+)?$`}, {Type: "integer", ExclusiveMinimum: "0"}}
	case amend.ParamName:
		s.Type, s.Pattern = "string", `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`
	case amend.ParamDuration:
		s.Type, s.Pattern = "string", `^([0-9]+[smhdw])+$`
	case amend.ParamKey:
		s.Type, s.Pattern = "string", `^[A-Za-z0-9_]([-._A-Za-z0-9]*[A-Za-z0-9_])?$`
	case amend.ParamText:
		s.Type, s.MaxLength = "string", &[]uint64{1000}[0]
	case amend.ParamTag:
		s.Type, s.Pattern = "string", `^[A-Za-z0-9_][-._A-Za-z0-9]{0,127}$`
	case amend.ParamVersion:
		s.Type, s.Pattern = "string", `^v?[0-9]+\.[0-9]+\.[0-9]+([-+][-+.0-9A-Za-z]+)?$`
	}
	return s
}

// JSONSchemaExtend adds the short form, a kind by itself.
func (KindSource) JSONSchemaExtend(s *jsonschema.Schema) {
	long := *s
	*s = jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", MinLength: &[]uint64{1}[0]}, &long}}
}
