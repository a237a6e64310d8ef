package locate

import (
	"fmt"
	"testing"
)

// TestFilterLeavesOutNothing: a name that is there is never denied, and few are seen
// that are not.
func TestFilterLeavesOutNothing(t *testing.T) {
	for _, count := range []int{0, 1, fewNames, fewNames + 1, 100, 777, manyNames, manyNames + 1} {
		n := &node{dir: "."}
		for i := range count {
			dir := &node{dir: fmt.Sprint(i), files: []entry{{"a.yaml", &facts{texts: []uint32{nameHash(fmt.Sprint("app-", i))}, kindsAt: 1}}}}
			dir.sum(special{})
			n.children = append(n.children, dir)
		}
		n.sum(special{})
		for i := range count {
			if h := []uint32{nameHash(fmt.Sprint("app-", i))}; !n.names.hasAny(h) || !n.holds(h) {
				t.Errorf("of %d names, number %d is denied", count, i)
			}
		}
		if n.names == nil {
			continue
		}
		wrong := 0
		for i := range 10_000 {
			if n.names.hasAny([]uint32{nameHash(fmt.Sprint("other-", i))}) {
				wrong++
			}
		}
		if wrong > 500 {
			t.Errorf("of %d names, %d of 10000 others are seen", count, wrong)
		}
	}
}
