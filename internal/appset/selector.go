package appset

import (
	"slices"

	"github.com/amendhq/amend"
)

// A selector keeps some of the sets of parameters that a generator yields. It
// is a label selector of Kubernetes over the flattened parameters.
type selector struct {
	Labels      map[string]string `json:"matchLabels,omitempty"`
	Expressions []expression      `json:"matchExpressions,omitempty"`
}

type expression struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"`
	Values   []string `json:"values,omitempty"`
}

// keep returns the sets that the selector matches.
func (s selector) keep(sets []map[string]any) ([]map[string]any, error) {
	var kept []map[string]any
	for _, params := range sets {
		flat := map[string]any{}
		flatten(flat, "", params)
		ok, err := s.matches(flat)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, params)
		}
	}
	return kept, nil
}

func (s selector) matches(params map[string]any) (bool, error) {
	for key, want := range s.Labels {
		if params[key] != want {
			return false, nil
		}
	}
	for _, e := range s.Expressions {
		v, set := params[e.Key].(string)
		in := set && slices.Contains(e.Values, v)
		var ok bool
		switch e.Operator {
		case "In":
			ok = in
		case "NotIn":
			ok = !in
		case "Exists":
			ok = set
		case "DoesNotExist":
			ok = !set
		default:
			return false, amend.Refusef(amend.ReasonUnproven, "a selector has the operator %q", e.Operator)
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}
