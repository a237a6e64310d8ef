package actions

import (
	"math/big"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/amendhq/amend"
)

// wholeParam reads a parameter of type amend.ParamInt.
func wholeParam(req amend.Request, p amend.Param) (int64, error) {
	n, err := strconv.ParseInt(req.Params[p.Name], 10, 32)
	if err != nil || !p.Accepts(req.Params[p.Name]) {
		return 0, badParam(req, p)
	}
	return n, nil
}

// factorParam reads a parameter of type amend.ParamFactor, exactly.
func factorParam(req amend.Request, p amend.Param) (*big.Rat, error) {
	if text := req.Params[p.Name]; p.Accepts(text) {
		if f, ok := new(big.Rat).SetString(text); ok {
			return f, nil
		}
	}
	return nil, badParam(req, p)
}

// quantityParam reads a parameter of type amend.ParamQuantity.
func quantityParam(req amend.Request, p amend.Param) (resource.Quantity, error) {
	q, ok := parseQuantity(req.Params[p.Name])
	if !ok {
		return q, badParam(req, p)
	}
	return q, nil
}

// parseQuantity reads a quantity greater than 0. It asks amend.Param first,
// whose notation leaves out quantities that take forever to compute with.
func parseQuantity(text string) (resource.Quantity, bool) {
	if !(amend.Param{Type: amend.ParamQuantity}).Accepts(text) {
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil
}

// durationParam reads a parameter of type amend.ParamDuration.
func durationParam(req amend.Request, p amend.Param) (time.Duration, error) {
	d, err := model.ParseDuration(req.Params[p.Name])
	if err != nil || !p.Accepts(req.Params[p.Name]) {
		return 0, badParam(req, p)
	}
	return time.Duration(d), nil
}

// textParam reads a parameter of a type that ends up in a manifest as text.
func textParam(req amend.Request, p amend.Param) (string, error) {
	if text := req.Params[p.Name]; p.Accepts(text) {
		return text, nil
	}
	return "", badParam(req, p)
}

// badParam shows a value that an alert could have set. Any other is the policy's
// and may be a credential.
func badParam(req amend.Request, p amend.Param) error {
	if !p.Acceptable() {
		return amend.Errorf(amend.Invalid, "plan "+req.Action, "parameter %q is wrong, want %s", p.Name, p.Wants())
	}
	return amend.Errorf(amend.Invalid, "plan "+req.Action, "parameter %q is %.60q, want %s", p.Name, req.Params[p.Name], p.Wants())
}
