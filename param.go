package amend

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
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

// ParamType is the closed set of what a parameter may hold. Text travels from a
// policy, which people review, into a manifest, but never from an alert: see
// Param.Acceptable.
type ParamType string

// The parameter types.
const (
	ParamInt      ParamType = "integer"  // a whole number ≥ 0
	ParamFactor   ParamType = "factor"   // a decimal number > 1
	ParamQuantity ParamType = "quantity" // a Kubernetes resource.Quantity > 0
	ParamName     ParamType = "name"     // a DNS-1123 label
	ParamDuration ParamType = "duration" // > 0, in the notation of Prometheus
	ParamKey      ParamType = "key"      // names a setting that is no credential
	ParamText     ParamType = "text"     // one line that is no credential
	ParamTag      ParamType = "tag"      // of an image, by the OCI distribution spec
	ParamVersion  ParamType = "version"  // of a chart, by Semantic Versioning 2.0.0
)

// The notations of the parameter types. Their lengths and exponents are
// bounded, because "1e-999999999" is a quantity too and computing with it
// never ends.
var (
	wholeForm    = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
	factorForm   = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)
	quantityForm = regexp.MustCompile(`^([0-9]{1,19}(?:\.[0-9]{1,9})?)([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$`)
	nameForm     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	durationForm = regexp.MustCompile(`^([0-9]{1,4}w)?([0-9]{1,4}d)?([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,4}s)?$`)
	keyForm      = lazy(`^[A-Za-z0-9_]([-._A-Za-z0-9]{0,251}[A-Za-z0-9_])?$`)
	textForm     = lazy(`^[^\p{C}\p{Zl}\p{Zp}]{0,1000}$`)
	tagForm      = lazy(`^[A-Za-z0-9_][-._A-Za-z0-9]{0,127}$`)
	versionForm  = lazy(`^v?(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}(-[-.0-9A-Za-z]{1,64})?(\+[-.0-9A-Za-z]{1,64})?$`)
)

// lazy compiles an expression when it is first used. Every program links this
// package, and those with many repetitions are a megabyte together.
func lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// What names or holds a credential. Policies and pull requests are read by more
// people than credentials are meant for.
var (
	secretName = regexp.MustCompile(`(?i)pass[-._]?(word|wd|phrase)|secret|token|credential|(api|access|private|signing|encryption)[-._]?key`)
	secretText = regexp.MustCompile(`://[^/\s:@]*:[^/\s@]+@|PRIVATE KEY`)
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
	case ParamDuration:
		return durationForm.MatchString(value) && strings.Trim(value, "0wdhms") != ""
	case ParamKey:
		return keyForm().MatchString(value) && !SecretName(value)
	case ParamText:
		return utf8.ValidString(value) && textForm().MatchString(value) && !secretText.MatchString(value)
	case ParamTag:
		return tagForm().MatchString(value)
	case ParamVersion:
		return versionForm().MatchString(value)
	}
	return false
}

// Acceptable reports whether a playbook may let alerts set the parameter. What
// ends up in a manifest as text is the policy's alone.
func (p Param) Acceptable() bool {
	switch p.Type {
	case ParamInt, ParamFactor, ParamQuantity, ParamName, ParamDuration:
		return true
	}
	return false
}

// SecretName reports whether a setting of this name is likely to hold a
// credential, which amend neither writes nor shows.
func SecretName(name string) bool { return secretName.MatchString(name) }

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
	case ParamDuration:
		return "a duration greater than 0, such as 30m or 1h30m"
	case ParamKey:
		return "a name of letters, digits and inner . _ - that is not one of a credential"
	case ParamText:
		return "one line of text, at most 1000 long, that holds no credential; true, false and numbers are put in quotes"
	case ParamTag:
		return `the tag of an image in quotes, such as "1.4.2"`
	case ParamVersion:
		return "a version of three numbers, such as 1.4.2 or v2.0.0-rc.1"
	}
	return "nothing: the type " + string(p.Type) + " is unknown"
}
