package actions

import (
	"math/big"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/amendhq/amend"
)

var (
	memoryFactor  = amend.Param{Name: "factor", Type: amend.ParamFactor, Default: "1.5", Help: "what to multiply the limit by"}
	memoryCeiling = amend.Param{Name: "ceiling", Type: amend.ParamQuantity, Help: "the highest limit that the container may get"}
)

func init() {
	register(Action{
		Name:    "raise-memory-limit",
		Summary: "Raise the memory limit of a container, up to a ceiling.",
		Kinds:   []string{"Deployment", "StatefulSet", "DaemonSet"},
		Params:  []amend.Param{memoryFactor, memoryCeiling},
		Plan:    planRaiseMemoryLimit,
	})
}

// planRaiseMemoryLimit leaves the request as it is: it was at most the old
// limit, so it is below the new one. A container without a request gets its
// limit as request from Kubernetes, so there both go up.
func planRaiseMemoryLimit(req amend.Request, view View) ([]Set, error) {
	factor, err := factorParam(req, memoryFactor)
	if err != nil {
		return nil, err
	}
	ceiling, err := quantityParam(req, memoryCeiling)
	if err != nil {
		return nil, err
	}
	c, err := container(req, view)
	if err != nil {
		return nil, err
	}
	field := c.Then("resources", "limits", "memory")
	text, ok := view.Value(field)
	if !ok {
		return nil, unset(req, field, "write a limit there first, or take the playbook out")
	}
	now, ok := parseQuantity(text)
	if !ok {
		return nil, unreadable(req, field, text, "an amount of memory")
	}
	if now.Cmp(ceiling) >= 0 {
		return nil, amend.Refusef(amend.ReasonBound, "%s of %s is %s and the playbook's ceiling is %s; raise the ceiling, or look for the leak",
			field, req.Workload.ObjectRef, text, ceiling.String())
	}
	raised := raise(now, factor, ceiling)
	return []Set{{field, amend.Scalar{Text: raised.String()}}}, nil
}

// raise multiplies a quantity, rounds it up to whole mebibytes, which people
// can read, and returns at most ceiling.
func raise(now resource.Quantity, factor *big.Rat, ceiling resource.Quantity) resource.Quantity {
	step := big.NewInt(1 << 20)
	bytes := new(big.Rat).Mul(new(big.Rat).SetInt64(now.Value()), factor)
	steps := new(big.Int).Add(bytes.Num(), new(big.Int).Sub(new(big.Int).Mul(bytes.Denom(), step), big.NewInt(1)))
	steps.Div(steps, new(big.Int).Mul(bytes.Denom(), step))
	wanted := steps.Mul(steps, step)
	if !wanted.IsInt64() {
		return ceiling
	}
	if q := resource.NewQuantity(wanted.Int64(), resource.BinarySI); q.Cmp(ceiling) <= 0 {
		return *q
	}
	return ceiling
}
