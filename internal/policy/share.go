package policy

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/invopop/jsonschema"
)

// A Share is a part of a whole, in percent: 1 to 100.
type Share int

var shareForm = regexp.MustCompile(`^([1-9][0-9]?|100)%$`)

// UnmarshalText reads a whole number of percent, such as 20%.
func (s *Share) UnmarshalText(text []byte) error {
	m := shareForm.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("%.60q is not a share; expected 1%% to 100%%, such as 20%%", text)
	}
	n, err := strconv.Atoi(string(m[1]))
	*s = Share(n)
	return err
}

// String writes the share as UnmarshalText reads it.
func (s Share) String() string { return strconv.Itoa(int(s)) + "%" }

// JSONSchema describes the notation.
func (Share) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: shareForm.String(), Examples: []any{"20%"}}
}
