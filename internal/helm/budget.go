package helm

import (
	"errors"
	"reflect"
)

// MaxSteps bounds one render. A step is a call of a function or a turn of a loop;
// bytes that a function reads or makes cost steps too. Charts that people write
// stay far below.
const MaxSteps = 2_000_000

// The other bounds of one render.
const (
	stepBytes   = 256
	maxValue    = 4 << 20   // bytes of one argument or result
	maxMade     = 128 << 20 // bytes of all results together
	maxOutput   = 16 << 20  // bytes of all manifests together
	maxNesting  = 500       // templates in templates
	maxTemplate = 5 << 20   // bytes, Helm's own bound
	maxActions  = 50_000    // in one template, each of which may nest in the one before
	cyclic      = 200       // tables in tables
)

var errBudget = errors.New("the templates do more than any chart needs")

// A Budget bounds what one or several renders may cost together.
type Budget struct{ steps int }

// NewBudget returns a budget of so many steps.
func NewBudget(steps int) *Budget { return &Budget{steps: steps} }

// meter counts the cost of one render. It ends the render with a panic that
// text/template turns into an error, because no template can catch that.
type meter struct {
	total   *Budget
	steps   int
	made    int
	nesting int
}

func newMeter(total *Budget) *meter { return &meter{total: total, steps: min(MaxSteps, total.steps)} }

func (m *meter) spend(steps int) {
	if steps < 0 || steps > m.steps {
		m.total.steps -= m.steps
		m.steps = 0
		panic(errBudget)
	}
	m.steps -= steps
	m.total.steps -= steps
}

// turn is called by the templates once for each turn of a loop.
func (m *meter) turn() string {
	m.spend(1)
	return ""
}

func (m *meter) enter() string {
	if m.nesting++; m.nesting > maxNesting {
		panic(errBudget)
	}
	m.spend(1)
	return ""
}

func (m *meter) leave() string {
	m.nesting--
	return ""
}

// weigh is put behind what a template prints or takes from a method: it charges
// for the value and passes it on.
func (m *meter) weigh(v any) any {
	if f, ok := v.(files); ok { // its content is not copied
		m.spend(1 + len(f))
		return v
	}
	m.charge(m.size(reflect.ValueOf(v), 0))
	return v
}

// charge pays for reading bytes.
func (m *meter) charge(bytes int) {
	if bytes > maxValue {
		panic(errBudget)
	}
	m.spend(1 + bytes/stepBytes)
}

// produced pays for new bytes.
func (m *meter) produced(bytes int) {
	if m.made += bytes; m.made > maxMade {
		panic(errBudget)
	}
	m.charge(bytes)
}

// size is about how many bytes a value has when it is written out, so a table
// that stands in many places counts each time. One that contains itself is over
// any budget.
func (m *meter) size(v reflect.Value, depth int) int {
	if depth > cyclic {
		panic(errBudget)
	}
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return 1
		}
		return m.size(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Len()
		}
		n := 8 * v.Len()
		for i := 0; i < v.Len() && n <= maxValue; i++ {
			n += m.size(v.Index(i), depth+1)
		}
		return n
	case reflect.Map:
		n := 16 * v.Len()
		for it := v.MapRange(); n <= maxValue && it.Next(); {
			n += m.size(it.Key(), depth+1) + m.size(it.Value(), depth+1)
		}
		return n
	}
	return 8
}

// shallow is the size of a value without what it contains.
func shallow(v reflect.Value) int {
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Slice, reflect.Array, reflect.Map:
		return 16 * v.Len()
	}
	return 8
}

// Spend takes steps for what else a query costs, and reports whether there were
// as many.
func (b *Budget) Spend(steps int) bool {
	b.steps = max(0, b.steps-steps)
	return b.steps > 0
}

// Spent reports whether nothing is left, so that a refusal says nothing about
// the chart.
func (b *Budget) Spent() bool { return b.steps <= 0 }
