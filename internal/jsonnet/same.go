package jsonnet

import "slices"

// A Splice says which bytes of a file were replaced, and by how many.
type Splice struct{ Begin, End, Length int }

// Same reports whether a file says the same after an edit: outside of the splice
// every literal is as it was, and inside are those with these values alone.
func Same(before, after Outline, at Splice, inside []Literal) bool {
	var left, right []Literal
	for _, l := range before.Literals {
		if l.Begin < at.Begin {
			left = append(left, l)
		} else if l.Begin >= at.End {
			l.Begin += at.Begin + at.Length - at.End
			right = append(right, l)
		}
	}
	return slices.EqualFunc(slices.Concat(left, inside, right), after.Literals, func(a, b Literal) bool {
		within := a.Begin >= at.Begin && a.Begin < at.Begin+at.Length
		return a.Kind == b.Kind && a.Value == b.Value && slices.Equal(a.Path, b.Path) && (a.Begin == b.Begin || within)
	})
}
