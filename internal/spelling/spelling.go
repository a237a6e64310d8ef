// Package spelling finds the word that was probably meant.
package spelling

import "strings"

// Nearest returns the option that was probably meant by a word that is none of them,
// or "" when none is near: up to a third of the letters may differ, of a short word two,
// and never more than half.
func Nearest(word string, options []string) string {
	best, distance := "", max(len(word)/3, min(len(word)/2, 2))+1
	for _, o := range options {
		if d := editDistance(strings.ToLower(word), strings.ToLower(o)); d < distance {
			best, distance = o, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, delete or replace to get from a to
// b. A word longer than any option can be is not worth the count.
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
