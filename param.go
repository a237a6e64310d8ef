package amend

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// A Param describes one parameter of an action, for linting, for the schema of
// the policy and for the catalogue.
type Param struct {
	Name string
	Type ParamType
	// Default is used when the policy says nothing; a Param without one is required.
	Default string
	// Min is the smallest value of a ParamInt that makes sense.
	Min  int
	Help string
}

// ParamType is the closed set of what a parameter may hold, so that no free
// text travels from a policy or an alert into a manifest.
type ParamType string

// The parameter types.
const (
	ParamInt      ParamType = "integer"  // a whole number ≥ 0
	ParamFactor   ParamType = "factor"   // a decimal number > 1
	ParamQuantity ParamType = "quantity" // a Kubernetes resource.Quantity > 0
	ParamName     ParamType = "name"     // a DNS-1123 label
)

// The notations of the parameter types. Their lengths and exponents are
// bounded, because "1e-999999999" is a quantity too and computing with it
// never ends.
var (
	wholeForm    = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
	factorForm   = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)
	quantityForm = regexp.MustCompile(`^([0-9]{1,19}(?:\.[0-9]{1,9})?)([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$`)
	nameForm     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
)

// Accepts reports whether value is one that the parameter may have. Policies
// are checked with it when they are read, and requests before they are planned.
func (p Param) Accepts(value string) bool {
	switch p.Type {
	case ParamInt:
		n, err := strconv.Atoi(value)
		return err == nil && wholeForm.MatchString(value) && n >= p.Min
	case ParamFactor:
		if !factorForm.MatchString(value) {
			return false
		}
		f, ok := new(big.Rat).SetString(value)
		return ok && f.Cmp(big.NewRat(1, 1)) > 0
	case ParamQuantity:
		m := quantityForm.FindStringSubmatch(value)
		return m != nil && strings.Trim(m[1], "0.") != ""
	case ParamName:
		return nameForm.MatchString(value)
	}
	return false
}

// Wants says, for messages, what Accepts takes.
func (p Param) Wants() string {
	switch p.Type {
	case ParamInt:
		return fmt.Sprintf("a whole number of at least %d", p.Min)
	case ParamFactor:
		return "a decimal number greater than 1, such as 1.5"
	case ParamQuantity:
		return "a quantity greater than 0, such as 512Mi or 2Gi"
	case ParamName:
		return "a name of lower-case letters, digits and inner hyphens, at most 63 long"
	}
	return "nothing: the type " + string(p.Type) + " is unknown"
}
