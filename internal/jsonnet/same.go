package jsonnet

import "slices"

// Same reports whether a file says the same after an edit that replaced the
// bytes from begin to end by so many others: outside of them every literal is as
// it was, and inside are those with these values alone.
func Same(before, after Outline, begin, end, length int, inside []Literal) bool {
	var left, right []Literal
	for _, l := range before.Literals {
		if l.Begin < begin {
			left = append(left, l)
		} else if l.Begin >= end {
			l.Begin += begin + length - end
			right = append(right, l)
		}
	}
	return slices.EqualFunc(slices.Concat(left, inside, right), after.Literals, func(a, b Literal) bool {
		return a.Kind == b.Kind && a.Value == b.Value && slices.Equal(a.Path, b.Path) &&
			(a.Begin == b.Begin || a.Begin >= begin && a.Begin < begin+length)
	})
}
