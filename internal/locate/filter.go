package locate

import "slices"

// A filter is a Bloom filter over the names that are written in a folder and below
// it: it may say yes wrongly, never no. None at all always says yes.
//
// A filter of all names of a large repo would say yes to everything, or be made
// anew with every commit. So only folders with a moderate number of names have
// one, and those above them leave it to their children.
type filter struct{ bits []uint64 }

// The number of names for which there is a filter: below it is as fast to look at
// the names themselves. filterBits is the size of one for each of them, with which
// one folder in sixty is looked into in vain.
const (
	fewNames, manyNames = 8, 2048
	filterBits          = 16
)

// filter makes the one of a folder.
func (n *node) filter() *filter {
	if n.count <= fewNames || n.count > manyNames {
		return nil
	}
	words := 1
	for words*64 < int(n.count)*filterBits {
		words *= 2
	}
	f := &filter{make([]uint64, words)}
	f.addAll(n)
	return f
}

func (f *filter) addAll(n *node) {
	for _, file := range n.files {
		for _, h := range file.names() {
			one, two := f.at(h)
			f.bits[one>>6] |= 1 << (one & 63)
			f.bits[two>>6] |= 1 << (two & 63)
		}
	}
	for _, c := range n.children {
		f.addAll(c)
	}
}

// at returns the two bits of a name.
func (f *filter) at(h uint32) (one, two uint32) {
	mask := uint32(len(f.bits)*64 - 1)
	return h & mask, h * 2654435761 >> 15 & mask
}

// hasAny reports whether one of the names may be there.
func (f *filter) hasAny(names []uint32) bool {
	if f == nil {
		return true
	}
	return slices.ContainsFunc(names, func(h uint32) bool {
		one, two := f.at(h)
		return f.bits[one>>6]&(1<<(one&63)) != 0 && f.bits[two>>6]&(1<<(two&63)) != 0
	})
}
