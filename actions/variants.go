package actions

import (
	"fmt"
	"maps"

	"github.com/amendhq/amend"
)

// A Variant is an action with other parameters than its playbook has for it.
type Variant struct {
	Params map[string]string
	Why    string // it is not what the playbook does, as a sentence
}

// Variants returns what a person may prefer to a step of an action with these
// parameters: all that its bound allows at once, and the whole step where the
// bound cuts it short. Some of them may come to the same. There are none of an
// action without steps.
func (a Action) Variants(params map[string]string) []Variant {
	if a.UpTo == "" {
		return nil
	}
	with := func(name, value string) map[string]string {
		p := map[string]string{}
		maps.Copy(p, params)
		p[name] = value
		return p
	}
	return []Variant{
		{with(a.By, "999999999"), fmt.Sprintf("It goes all the way to the %s of the playbook, %s, in one step.", a.UpTo, params[a.UpTo])},
		{with(a.UpTo, a.highest()), fmt.Sprintf("It is the whole step; the %s of the playbook, %s, cuts that short.", a.UpTo, params[a.UpTo])},
	}
}

// highest is a bound that no step reaches.
func (a Action) highest() string {
	for _, p := range a.Params {
		if p.Name == a.UpTo && p.Type == amend.ParamQuantity {
			return "1000P"
		}
	}
	return "999999999"
}
