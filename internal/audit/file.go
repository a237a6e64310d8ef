package audit

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// A file is one file that a change edited.
type file struct {
	path          string
	before, after *content
	change        *commit
	fields        []amend.FieldPattern // that its action may write
}

// A span is the lines between what both sides of a file begin and end with:
// from first, 1-based, so many of them out and so many in.
type span struct{ first, out, in int }

func (f file) span() span {
	a, b := bytes.SplitAfter(f.before.data, []byte("\n")), bytes.SplitAfter(f.after.data, []byte("\n"))
	start := 0
	for start < len(a) && start < len(b) && bytes.Equal(a[start], b[start]) {
		start++
	}
	a, b = a[start:], b[start:]
	for len(a) > 0 && len(b) > 0 && bytes.Equal(a[len(a)-1], b[len(b)-1]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return span{first: start + 1, out: len(a), in: len(b)}
}

// covers reports whether a line of the file after the change is one that it
// wrote. Lines that are added may equal those around them, so that the span
// begins one of them later.
func (s span) covers(line int) bool { return line >= s.first-s.in && line < s.first+s.in }

// judge says in what a file broke its bounds, or nothing.
func (f file) judge() string {
	switch path.Ext(f.path) {
	case ".yaml", ".yml", ".json", ".tpl":
		return f.judgeManifest()
	case ".jsonnet", ".libsonnet":
		return f.judgeProgram()
	}
	return f.judgeText()
}

func (f file) judgeManifest() string {
	before, after := f.before.parse(), f.after.parse()
	switch {
	case before.err != nil && after.err != nil && bytes.Contains(f.before.data, []byte("{{")):
		return f.judgeTemplate()
	case before.err != nil || after.err != nil:
		return fmt.Sprintf("%q is not readable YAML on both sides of it", f.path)
	case !slices.Equal(before.docs, after.docs):
		return fmt.Sprintf("it adds, removes or renames an object in %q", f.path)
	}
	return f.judgeLeaves(after.docs, before.leaves, after.leaves)
}

func keyed(leaves []leaf) map[leafKey]leaf {
	all := make(map[leafKey]leaf, len(leaves))
	for _, l := range leaves {
		all[l.leafKey] = l
	}
	return all
}

// judgeLeaves looks at every value that was changed, added or removed, in the
// order of the file.
func (f file) judgeLeaves(docs []manifest.Document, before, after []leaf) string {
	then, changed := keyed(before), false
	for _, l := range after {
		old, was := then[l.leafKey]
		if was && old.value == l.value && old.kind == l.kind {
			continue
		}
		changed = true
		if !isSetting(docs[l.doc].Object, l.path) && !f.allows(l, was) {
			return fmt.Sprintf("it sets %q in %q, which no change may", l.path, f.path)
		}
		if !f.writes(docs[l.doc].Object, l) {
			return fmt.Sprintf("it sets %q in %q, which the action %s does not write", l.path, f.path, f.change.trailers.Action)
		}
		if text := f.judgeObject(docs[l.doc].Object); text != "" {
			return text
		}
	}
	now := keyed(after)
	for _, l := range before {
		if _, is := now[l.leafKey]; !is && l.value != "" {
			return fmt.Sprintf("it removes %q from %q; a change sets values", l.path, f.path)
		}
	}
	if !changed {
		return fmt.Sprintf("it changes no value of %q", f.path)
	}
	return ""
}

// allows reports whether a change may write a value, which was there before or not.
func (f file) allows(l leaf, was bool) bool {
	if names(l.path) != "" {
		return !was && f.namesWorkload(l.path, l.value)
	}
	return !privileged(l.path) && !points(l.path, l.value)
}

// listItem begins the path of a field of an object in a List.
var listItem = regexp.MustCompile(`^items\[[0-9]+\]\.`)

// writes reports whether the action writes a field. That is known of manifests and
// patches of the workload's kind, in which fields are at their place: not of text
// inside a value, and not of a value that is shared by an anchor, which stands
// where its author put it.
func (f file) writes(o amend.ObjectRef, l leaf) bool {
	field := listItem.ReplaceAllString(string(l.path), "")
	if f.fields == nil || o.Kind != f.change.trailers.Workload.Kind || l.shared || names(l.path) != "" || strings.Contains(field, "|") {
		return true
	}
	return slices.ContainsFunc(f.fields, func(p amend.FieldPattern) bool { return p.Matches(field) })
}

// isSetting reports whether a value is one of a ConfigMap, whose keys are names
// that people chose and no fields.
func isSetting(o amend.ObjectRef, p manifest.Path) bool {
	return o.Kind == "ConfigMap" && (strings.HasPrefix(string(p), "data.") || strings.HasPrefix(string(p), "data[")) && !strings.Contains(string(p), "|")
}

// sources are the kinds by which a value gets into a workload.
var sources = [...]string{"", "Kustomization", "Component", "Application", "ApplicationSet"}

// judgeObject says why an object is none that the change may touch, or nothing.
// An overlay may add to a name, so the one in the file is a part of the real one.
func (f file) judgeObject(o amend.ObjectRef) string {
	w := f.change.trailers.Workload
	switch {
	case slices.Contains(sources[:], o.Kind):
		return ""
	case o.Kind != w.Kind:
		return fmt.Sprintf("it changes a %q in %q, and is about a %s", o.Kind, f.path, w.Kind)
	case !strings.Contains(w.Name, o.Name):
		return fmt.Sprintf("it changes %q in %q, and is about %s", o.Name, f.path, w.Name)
	}
	return ""
}

// privileged reports whether no change may set the value at p.
func privileged(p manifest.Path) bool {
	keys := strings.FieldsFunc(string(p), func(r rune) bool { return strings.ContainsRune(".[]|", r) })
	return slices.ContainsFunc(keys, amend.PrivilegedKey)
}

// points reports whether a value is where a JSON patch (RFC 6902) writes to, and
// that is no place for a change.
func points(p manifest.Path, value string) bool {
	return strings.HasSuffix(string(p), "].path") && slices.ContainsFunc(strings.Split(value, "/"), amend.PrivilegedKey)
}

// patchTarget matches what selects the object of a patch in a Kustomization.
var patchTarget = regexp.MustCompile(`^patches(?:Json6902)?\[[0-9]+\]\.target\.(.*)$`)

// names returns which part of an object's name a path holds: of an object of the
// file, of one inside a patch, or of one that a patch is for; "" when it holds none.
func names(p manifest.Path) string {
	inner := string(p)[strings.LastIndexByte(string(p), '|')+1:]
	if m := patchTarget.FindStringSubmatch(string(p)); m != nil {
		switch m[1] {
		case "name", "namespace":
			return "metadata." + m[1]
		case "group", "version":
			return "apiVersion"
		}
		inner = m[1]
	}
	if slices.Contains([]string{"apiVersion", "kind", "metadata.name", "metadata.namespace"}, inner) {
		return inner
	}
	return ""
}

// namesWorkload reports whether a part of a name that a change adds, as it does
// with a whole patch, is the workload's.
func (f file) namesWorkload(p manifest.Path, value string) bool {
	w := f.change.trailers.Workload
	switch names(p) {
	case "kind":
		return value == w.Kind
	case "metadata.name":
		return value != "" && strings.Contains(w.Name, value)
	case "metadata.namespace":
		return value == w.Namespace
	}
	return strings.Contains(string(p), "|") || patchTarget.MatchString(string(p))
}
