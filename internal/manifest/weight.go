package manifest

import "bytes"

// MaxWeight bounds the weight of a file that is parsed. A parsed value takes
// more than a kilobyte in some readers; the largest files that people write,
// which hold the definitions of many resources, stay below the bound.
const MaxWeight = 250_000

// Weight estimates how many values a YAML or JSON file holds, without parsing
// it: one for each line, comma and opening bracket. Two values cannot stand
// closer to each other, but for a key and its value.
func Weight(data []byte) int {
	n := 1
	for _, separator := range []byte("\n\r,[{") {
		n += bytes.Count(data, []byte{separator})
	}
	return n
}
