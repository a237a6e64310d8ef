// Package actions is the catalogue of remediations: what amend can do about an
// alert, one file per action.
//
// An action is pure. It sees a request and the object as the env repo renders
// it, and answers with the fields to set; where those fields are written is
// found elsewhere. It has no clock, no I/O and no log, so the same request
// against the same repo gives the same bytes, however often it is delivered.
//
// docs/actions.md lists the catalogue and says how to add to it; the test of
// this package holds every action to that.
package actions

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// An Action is one remediation of the catalogue.
type Action struct {
	// Name is kebab-case and imperative, as policies write it: "scale-replicas".
	Name string
	// Summary is one line, equal to the action's row in docs/actions.md.
	Summary string
	// Kinds are the workload kinds that the action can change.
	Kinds []string
	// Group is the API group of Kinds where other groups have kinds of the same
	// name; "" means any.
	Group string
	// Fields are those that the action may write in a manifest of the workload, and
	// what amend audit holds its changes to.
	Fields []amend.FieldPattern
	// Params are what a playbook may, or must, say under "with".
	Params []amend.Param
	// By and UpTo name the parameters of an action that raises a number by steps up
	// to a bound: how large a step is, and the bound. They are "" for others.
	By, UpTo string
	// Plan returns the fields to set. It refuses with a reason of the closed
	// list when acting would be a guess, and fails as amend.Invalid when a
	// parameter is missing or not what Params says. Plan of a registered
	// action also refuses a workload whose kind is not in Kinds.
	Plan func(amend.Request, View) ([]Set, error)
	// Absent says what a person can do when no file declares the object; ""
	// when there is nothing to say about the kinds of this action.
	Absent string
}

// A Set asks for one field of the workload to get a value.
type Set struct {
	Field amend.FieldPath
	Value amend.Scalar
	// Along says that the field need not get the value, and may when a line
	// moves it together with another one that is asked for.
	Along bool
}

// A View is the workload as the env repo renders it, and its past.
type View interface {
	// Value returns the scalar at field, false when there is none.
	Value(field amend.FieldPath) (amend.Scalar, bool)
	// Names returns the name of every item of a list, in the order rendered, or
	// the keys of a map.
	Names(field amend.FieldPath) []string
	Past
}

// A Past is what the history of the env repo tells about the workload.
type Past interface {
	// Previous returns the last value that the field had before the present
	// one, leaving out values that a remediation took away: rolling back
	// twice must not bring the first trouble back. Without such a value it
	// refuses with amend.ReasonNoHistory.
	Previous(field amend.FieldPath) (string, error)
	// Cause returns the commit of the branch after from, and not after to, that
	// is most likely to be behind a trouble that began at to: it changed how the
	// workload is rendered, and not only labels and annotations of the object
	// itself. A merge stands for all that it brought. Where a remediation changed
	// the workload too, that is returned. Without such a commit Cause refuses with
	// amend.ReasonNoHistory, with amend.ReasonAmbiguous when several are as likely,
	// and with amend.ReasonChangedSince when the workload was not rendered before it.
	Cause(from, to time.Time) (Commit, error)
}

// A Commit is what one commit of the branch did to the workload.
type Commit struct {
	SHA string
	// Ours says that a remediation made it.
	Ours    bool
	Changes []Change
}

// A Change is one rendered field that a commit changed. Before and After are
// nil where the field was not set, or held a list or a map.
type Change struct {
	Field         amend.FieldPath
	Before, After *amend.Scalar
	// Aside says that the field is a label or an annotation of the object
	// itself, which tells something about it and does not change what runs.
	Aside bool
}

// catalogue is filled by the init functions of this package and only read
// afterwards.
var catalogue = map[string]Action{}

// register adds an action when the program starts; a second action of the same
// name is a mistake in the source and panics.
func register(a Action) {
	if _, taken := catalogue[a.Name]; taken {
		panic("actions: two actions are named " + a.Name)
	}
	plan := a.Plan
	a.Plan = func(req amend.Request, view View) ([]Set, error) {
		if !slices.Contains(a.Kinds, req.Workload.Kind) {
			return nil, amend.Refusef(amend.ReasonNoWorkload, "%s changes a %s, not a %.60q; let the playbook name another action or workload",
				a.Name, strings.Join(a.Kinds, ", "), req.Workload.Kind)
		}
		return plan(req, view)
	}
	catalogue[a.Name] = a
}

// Lookup returns the action of the given name.
func Lookup(name string) (Action, bool) {
	a, ok := catalogue[name]
	return a, ok
}

// All returns the catalogue sorted by name.
func All() []Action {
	return slices.SortedFunc(maps.Values(catalogue), func(a, b Action) int { return cmp.Compare(a.Name, b.Name) })
}
