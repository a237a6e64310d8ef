package locate

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
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
	case t.kind() == manifest.Bool: // there are two values only
		return amend.Scalar{Text: strconv.FormatBool(text != "true"), Boolean: true}
	case t.old == nil && t.kind() == manifest.Number:
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
	// A text of many lines changes in each, which tells where all of it is. It keeps
	// the line breaks at its end.
	body := strings.TrimRight(text, "\n")
	return amend.Scalar{Text: strings.ReplaceAll(body, "\n", mark+"\n") + mark + text[len(body):]}
}

// kind returns the type that the field has or, if it is not set, is to have.
func (t *target) kind() manifest.Kind {
	if t.old == nil {
		return typeOf(t.field)
	}
	return kindOf(t.old)
}

// typeOf returns the type that a field has in the Kubernetes API, as far as
// remediations set fields that are no texts.
func typeOf(field amend.FieldPath) manifest.Kind {
	if slices.ContainsFunc(field[:len(field)-1], holdsTexts) {
		return manifest.String
	}
	switch field[len(field)-1].Key {
	case "replicas", "minReplicas", "maxReplicas", "revisionHistoryLimit", "progressDeadlineSeconds", "minReadySeconds",
		"terminationGracePeriodSeconds", "backoffLimit", "parallelism", "completions", "activeDeadlineSeconds",
		"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold", "containerPort", "port":
		return manifest.Number
	case "suspend", "paused", "automountServiceAccountToken", "enableServiceLinks", "hostNetwork", "hostPID", "hostIPC",
		"shareProcessNamespace", "runAsNonRoot", "privileged", "allowPrivilegeEscalation", "readOnlyRootFilesystem",
		"publishNotReadyAddresses", "allocateLoadBalancerNodePorts", "immutable", "optional", "readOnly":
		return manifest.Bool
	}
	return manifest.String
}

// holdsTexts reports whether a step leads to a map of texts, whose keys people
// choose.
func holdsTexts(step amend.FieldStep) bool {
	switch step.Key {
	case "data", "labels", "annotations", "matchLabels", "nodeSelector":
		return step.Select == ""
	}
	return false
}

// retyped returns v as it is to be written over a leaf that a render copies to
// the field: what converts the leaf to the field's type goes on to do so.
func (t *target) retyped(v amend.Scalar, leaf manifest.Leaf) amend.Scalar {
	_, text := t.old.(string)
	switch {
	case !text && leaf.Kind == manifest.String:
		return amend.Scalar{Text: v.Text}
	case text && v.IsText():
		return typed(v.Text, leaf.Kind)
	}
	return v
}
