package policy

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/invopop/jsonschema"

	"github.com/amendhq/amend"
)

// The bounds of a condition. A label that is compared in a loop with every
// other one costs some hundreds.
const (
	maxCondition = 2000 // bytes
	maxCost      = 100_000
)

// A Condition is an expression in CEL, the language of Kubernetes' own
// admission rules, that is true or false of an alert and its workload. It has
// no loops but those over labels, and its cost is bounded.
type Condition struct {
	program cel.Program
	text    string
}

// environment declares what a condition may speak of.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	texts := cel.MapType(cel.StringType, cel.StringType)
	return cel.NewEnv(
		cel.Variable("labels", texts),
		cel.Variable("annotations", texts),
		cel.Variable("workload", texts),
		cel.Variable("startsAt", cel.TimestampType),
		cel.Variable("now", cel.TimestampType),
	)
})

// UnmarshalText checks and compiles an expression.
func (c *Condition) UnmarshalText(text []byte) error {
	if len(text) > maxCondition {
		return fmt.Errorf("the condition is longer than %d bytes", maxCondition)
	}
	env, err := environment()
	if err != nil {
		return err
	}
	ast, issues := env.Compile(string(text))
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return fmt.Errorf("not a condition: %s (at %d:%d of it); it may use labels, annotations, workload, startsAt and now", first.Message, first.Location.Line(), first.Location.Column()+1)
	}
	if ast.OutputType() != cel.BoolType {
		return fmt.Errorf("the condition is %s; expected one that is true or false", ast.OutputType())
	}
	if c.program, err = env.Program(ast, cel.CostLimit(maxCost)); err != nil {
		return err
	}
	c.text = string(text)
	return nil
}

// String writes the condition as it was read.
func (c Condition) String() string { return c.text }

// JSONSchema describes a condition as text.
func (Condition) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", MinLength: &[]uint64{1}[0], MaxLength: &[]uint64{maxCondition}[0], Examples: []any{`labels.severity == "critical" && now - startsAt > duration("10m")`}}
}

// holds evaluates the condition; no condition always holds. The cause of a
// failure is not told, because it may quote the alert.
func (c Condition) holds(req amend.Request, now time.Time) (bool, error) {
	if c.program == nil {
		return true, nil
	}
	a, w := req.Event.Alert, req.Workload
	out, _, err := c.program.Eval(map[string]any{
		"labels": a.Labels, "annotations": a.Annotations, "startsAt": a.StartsAt, "now": now,
		"workload": map[string]string{"kind": w.Kind, "namespace": w.Namespace, "name": w.Name, "container": w.Container},
	})
	if err != nil {
		return false, amend.Refusef(amend.ReasonCondition, "the condition of the playbook %s cannot be evaluated for this alert; ask whether a label is there before its value, as in: \"team\" in labels && labels.team == \"pay\"", req.Playbook)
	}
	holds, ok := out.Value().(bool)
	return ok && holds, nil
}
