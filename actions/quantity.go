package actions

import (
	"math/big"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/amendhq/amend"
)

// The steps that raised quantities are rounded up to, so that people can read
// them.
var (
	wholeMebibytes = resource.MustParse("1Mi")
	wholeGibibytes = resource.MustParse("1Gi")
	tenMillicores  = resource.MustParse("10m")
)

// A limit is what the actions differ in that raise a limit of a container.
type limit struct {
	resource        string
	step            resource.Quantity
	factor, ceiling amend.Param
	instead         string // of going beyond the ceiling
}

// planRaiseLimit leaves the request as it is: it was at most the old limit, so
// it is below the new one. A container without a request gets its limit as
// request from Kubernetes, so there both go up.
func planRaiseLimit(req amend.Request, view View, l limit) ([]Set, error) {
	by, err := growthParams(req, l.factor, l.ceiling, l.step)
	if err != nil {
		return nil, err
	}
	c, err := container(req, view)
	if err != nil {
		return nil, err
	}
	return by.plan(req, view, c.Then("resources", "limits", l.resource), l.instead)
}

// A growth says by how much a quantity may be raised.
type growth struct {
	factor        *big.Rat
	ceiling, step resource.Quantity
}

func growthParams(req amend.Request, factor, ceiling amend.Param, step resource.Quantity) (growth, error) {
	f, err := factorParam(req, factor)
	if err != nil {
		return growth{}, err
	}
	most, err := quantityParam(req, ceiling)
	return growth{f, most, step}, err
}

// plan raises the quantity at field. At the ceiling it refuses, and says what a
// person can do instead of raising that.
func (g growth) plan(req amend.Request, view View, field amend.FieldPath, instead string) ([]Set, error) {
	v, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "write it there first, or take the playbook out")
	}
	now, ok := parseQuantity(v.Text)
	if !ok {
		return nil, unreadable(req, field, v.Text, "a quantity greater than 0")
	}
	if now.Cmp(g.ceiling) >= 0 {
		return nil, amend.Refusef(amend.ReasonBound, "%s of %s is %s and the playbook's ceiling is %s; raise the ceiling, or %s",
			field, req.Workload.ObjectRef, v.Text, g.ceiling.String(), instead)
	}
	raised := g.raise(now)
	return []Set{{Field: field, Value: amend.Scalar{Text: raised.String()}}}, nil
}

// raise multiplies a quantity that is below the ceiling, rounds it up to whole
// steps and returns at most the ceiling.
func (g growth) raise(now resource.Quantity) resource.Quantity {
	times := new(big.Rat).Mul(exact(now), g.factor)
	times.Quo(times, exact(g.step))
	steps, rest := new(big.Int).QuoRem(times.Num(), times.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		steps.Add(steps, big.NewInt(1))
	}
	raised := g.step.DeepCopy()
	if !steps.IsInt64() || !raised.Mul(steps.Int64()) || raised.Cmp(g.ceiling) > 0 {
		return g.ceiling
	}
	return raised
}

// exact returns a quantity as a number.
func exact(q resource.Quantity) *big.Rat {
	r, _ := new(big.Rat).SetString(q.AsDec().String())
	return r
}
