package ledger

import (
	"slices"

	"github.com/amendhq/amend"
)

// Records returns every change that landed, the earliest first.
func (x *Index) Records() []amend.Record {
	var records []amend.Record
	for _, episodes := range x.landed {
		for _, r := range episodes {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, compare)
	return records
}
