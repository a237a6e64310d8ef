package helm

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/amendhq/amend"
)

var errElsewhere = errors.New("the schema is not in the chart")

// nowhere loads no schema that another one refers to.
type nowhere struct{}

// Load is refused: a schema could name any file or host.
func (nowhere) Load(string) (any, error) { return nil, errElsewhere }

// validate checks the values of the chart and of its subcharts against their
// schemas. What a schema forbids, Argo CD could not render either.
func (c *Chart) validate(values map[string]any) error {
	if len(c.schema) > 0 {
		if err := c.check(values); err != nil {
			return err
		}
	}
	for _, sub := range c.deps {
		own, _ := values[sub.name].(map[string]any)
		if err := sub.validate(own); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chart) check(values map[string]any) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.schema))
	if err != nil {
		return refuse("values.schema.json of %s: %w", c.name, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nowhere{})
	const name = "chart:///values.schema.json"
	if err := compiler.AddResource(name, doc); err != nil {
		return refuse("values.schema.json of %s: %w", c.name, err)
	}
	schema, err := compiler.Compile(name)
	if missing := (*jsonschema.LoadURLError)(nil); errors.As(err, &missing) {
		return amend.Refusef(amend.ReasonRemote, "values.schema.json of %s refers to a schema that is not in the chart", c.name)
	}
	if err != nil {
		return refuse("values.schema.json of %s: %w", c.name, err)
	}
	data, err := json.Marshal(values)
	if err != nil {
		return refuse("the values of %s: %w", c.name, amend.Private(err))
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return refuse("the values of %s: %w", c.name, amend.Private(err))
	}
	if schema.Validate(instance) != nil { // its error quotes the values
		return refuse("values.schema.json of %s does not allow the values", c.name)
	}
	return nil
}
