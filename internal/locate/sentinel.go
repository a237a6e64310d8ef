package locate

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
)

// leadingNumber splits a quantity such as 500Mi.
var leadingNumber = regexp.MustCompile(`^(\d{1,9})([A-Za-z]{0,2})$`)

// sentinel returns a value of the same type as the field's that cannot be
// there by chance. If it arrives in the render, the place it was written to
// controls the field.
func (t *target) sentinel() amend.Scalar {
	const mark = "amend"
	text := t.current()
	switch {
	case t.old == nil && numericField(t.field):
		return amend.Scalar{Text: "7", Number: true}
	case t.old == nil:
		return amend.Scalar{Text: mark}
	case isImage(t.field):
		return amend.Scalar{Text: parseImage(text).sentinel()}
	}
	_, number := t.old.(json.Number)
	if m := leadingNumber.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return amend.Scalar{Text: strconv.Itoa(n+7) + m[2], Number: number}
		}
	}
	if number {
		return amend.Scalar{Text: "7", Number: true}
	}
	// A block of text keeps the line breaks at its end.
	body := strings.TrimRight(text, "\n")
	return amend.Scalar{Text: body + mark + text[len(body):]}
}

// numericField reports whether an unset field of the Kubernetes API takes a
// number, as far as remediations set such fields.
func numericField(field amend.FieldPath) bool {
	switch field[len(field)-1].Key {
	case "replicas", "minReplicas", "maxReplicas", "revisionHistoryLimit", "progressDeadlineSeconds", "minReadySeconds",
		"terminationGracePeriodSeconds", "backoffLimit", "parallelism", "completions", "activeDeadlineSeconds",
		"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold", "containerPort", "port":
		return true
	}
	return false
}
