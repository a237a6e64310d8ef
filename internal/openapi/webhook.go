package openapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// CheckWebhook returns what in the body of a webhook contradicts GitHub's
// description, or nil. The event is the X-GitHub-Event header; together with
// the action in the body it names the schema.
func (c *Contract) CheckWebhook(event string, body []byte) error {
	var head struct {
		Action string `json:"action"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	name := "webhook-" + strings.ReplaceAll(event+"-"+head.Action, "_", "-")
	schema := c.doc.Components.Schemas[name]
	if schema == nil {
		return fmt.Errorf("GitHub describes no %s, or trim does not keep it", name)
	}
	value, err := decode(body)
	if err != nil {
		return err
	}
	return schema.Value.VisitJSON(value, openapi3.MultiErrors())
}
