package manifest

import (
	"strings"
	"testing"

	"github.com/amendhq/amend"
)

// TestSetChecksTheOldText proves that nothing is written over text that is not
// the old value, before the edited file is looked at: a parser that gives the
// position of another value is found out by what stands there. It is inside the
// package because no file is known with which the parser does so.
func TestSetChecksTheOldText(t *testing.T) {
	for _, in := range []string{
		"a: x\nb: y\n", "a: 'x'\nb: 'y'\n", "a: \"x\"\nb: \"y\"\n", "a: \"\\x78\"\nb: \"\\x79\"\n", "a: 'it''s'\nb: 'its'\n",
	} {
		f, err := Parse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		l, _ := f.Leaf(0, amend.Field("a"))
		other, _ := f.Leaf(0, amend.Field("b"))
		l.node.Line, l.node.Column = other.node.Line, other.node.Column
		_, err = f.Set(l, amend.Scalar{Text: "new"})
		if amend.ReasonOf(err) != amend.ReasonUnproven || !strings.Contains(err.Error(), "was not found where the parser saw it") {
			t.Errorf("%q: %v", in, err)
		}
	}
}
