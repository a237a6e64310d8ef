package mask

import (
	"slices"
	"testing"
)

// What is compiled late has to be right all the same.
func TestEveryExpressionCompiles(t *testing.T) {
	all := slices.Concat(pairs, []expression{
		sensitive, named, header, quoteOf, plainValue, card, address, entryForm, prefixForm, documentForm, loneName, loneColon,
		blockForm, openQuote, flatList, ofSecret, isSecret,
	})
	for _, f := range slices.Concat(whole, lines) {
		all = append(all, f.is)
	}
	for _, is := range all {
		if is() == nil {
			t.Error("an expression is missing")
		}
	}
}
