package cause

import (
	"fmt"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/mask"
)

// A change is one field that differs between two states.
type change struct {
	object        amend.ObjectRef
	stable        string // the object's name without a generator's hash
	field         amend.FieldPath
	before, after *amend.Scalar
}

// overwrites reports whether c sets the field of an older change, or one that
// holds it, anew.
func (c change) overwrites(older change) bool {
	return c.object.Kind == older.object.Kind && c.stable == older.stable &&
		len(c.field) <= len(older.field) && slices.Equal(c.field, older.field[:len(c.field)])
}

// since lists what differs from an earlier state. It is empty when either is
// not known.
func (s state) since(before state) []change {
	switch {
	case s.object != nil && before.object != nil:
		return append(s.objectSince(before), s.configsSince(before)...)
	case s.object != nil && before.absent:
		return []change{{object: s.object.Ref(), stable: s.object.StableName(), after: &amend.Scalar{Text: "exists"}}}
	case before.object != nil && s.absent:
		return []change{{object: before.object.Ref(), stable: before.object.StableName(), before: &amend.Scalar{Text: "exists"}}}
	case s.app != nil && before.app != nil && s.object == nil && before.object == nil:
		return sourceChanges(s.app.Object(), before.app.Object())
	}
	return nil
}

// objectSince lists what differs in the workload, without what only follows from
// a ConfigMap: its name with the hash, and an annotation with its checksum.
func (s state) objectSince(before state) []change {
	follows := map[string]string{}
	for name, after := range s.configs {
		if was := before.configs[name]; was != nil && was.Ref().Name != after.Ref().Name {
			follows[was.Ref().Name] = after.Ref().Name
		}
	}
	explained := len(s.configsSince(before)) > 0
	var list []change
	for _, d := range s.object.Since(before.object) {
		c := change{s.object.Ref(), s.object.StableName(), d.Field, d.Before, d.After}
		if explained && (c.renamed(follows) || checksum(d.Field)) {
			continue
		}
		list = append(list, c)
	}
	return list
}

// renamed reports whether a name became the one that it is mapped to.
func (c change) renamed(names map[string]string) bool {
	if c.before == nil || c.after == nil {
		return false
	}
	to, ok := names[c.before.Text]
	return ok && to == c.after.Text
}

func checksum(field amend.FieldPath) bool {
	n := len(field)
	return n > 1 && field[n-2].Key == "annotations" && strings.Contains(field[n-1].Key, "checksum")
}

// configsSince lists what differs in what the ConfigMaps hold.
func (s state) configsSince(before state) []change {
	var list []change
	for name, after := range s.configs {
		was := before.configs[name]
		if was == nil {
			continue
		}
		for _, d := range after.Since(was) {
			if d.Field[0].Key == "data" || d.Field[0].Key == "binaryData" {
				list = append(list, change{after.Ref(), name, d.Field, d.Before, d.After})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b change) int { return strings.Compare(a.stable, b.stable) })
	return list
}

// sourceChanges lists what differs in the sources of an Application.
func sourceChanges(after, before *locate.Object) []change {
	var list []change
	for _, d := range after.Since(before) {
		if len(d.Field) > 1 && d.Field[0].Key == "spec" && (d.Field[1].Key == "source" || d.Field[1].Key == "sources") {
			list = append(list, change{after.Ref(), after.StableName(), d.Field, d.Before, d.After})
		}
	}
	return list
}

// shown is the change for people.
func (c change) shown() Change {
	out := Change{FieldChange: amend.FieldChange{Object: c.object, Field: c.field.String()}, Kind: kindOf(c.object, c.field)}
	if len(c.field) == 0 {
		out.Field = "*"
	}
	out.Old, out.New = shownValue(c.field, c.before), shownValue(c.field, c.after)
	return out
}

// shownValue masks what may be a credential, by any name on the way to it, and
// counts the lines of a text that has many.
func shownValue(field amend.FieldPath, v *amend.Scalar) string {
	if v == nil {
		return ""
	}
	if lines := strings.Count(strings.TrimSuffix(v.Text, "\n"), "\n"); lines > 0 {
		return fmt.Sprintf("(a text of %d lines)", lines+1)
	}
	text := v.Text
	for _, step := range field {
		text = masker.Value(step.Key, text)
	}
	return text
}

var masker = mask.New(mask.Options{KeepAddresses: true})
