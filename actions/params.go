package actions

import (
	"math/big"
	"regexp"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/amendhq/amend"
)

// The longest forms that are read. They bound the exponent on purpose:
// "1e-999999999" is a quantity too, and computing with it never ends.
var (
	decimalForm  = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)
	quantityForm = regexp.MustCompile(`^[0-9]{1,19}(\.[0-9]{1,9})?([KMGTPE]i|[mkMGTPE]|[eE][0-9]{1,2})?$`)
)

// wholeParam reads a parameter of type amend.ParamInt.
func wholeParam(req amend.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(req.Params[name], 10, 32)
	if err != nil || n < 1 {
		return 0, badParam(req, name, "a whole number of at least 1")
	}
	return n, nil
}

// factorParam reads a parameter of type amend.ParamFactor, exactly.
func factorParam(req amend.Request, name string) (*big.Rat, error) {
	if text := req.Params[name]; decimalForm.MatchString(text) {
		if f, ok := new(big.Rat).SetString(text); ok && f.Cmp(big.NewRat(1, 1)) > 0 {
			return f, nil
		}
	}
	return nil, badParam(req, name, "a decimal number greater than 1")
}

// quantityParam reads a parameter of type amend.ParamQuantity.
func quantityParam(req amend.Request, name string) (resource.Quantity, error) {
	q, ok := parseQuantity(req.Params[name])
	if !ok {
		return q, badParam(req, name, "a quantity greater than 0, e.g. 2Gi")
	}
	return q, nil
}

// parseQuantity reads a quantity greater than 0.
func parseQuantity(text string) (resource.Quantity, bool) {
	if !quantityForm.MatchString(text) {
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil && q.Sign() > 0
}

func badParam(req amend.Request, name, want string) error {
	return amend.Errorf(amend.Invalid, "plan "+req.Action, "parameter %q is %.60q, want %s", name, req.Params[name], want)
}
