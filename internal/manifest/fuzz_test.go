package manifest_test

import (
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

// FuzzSet edits any leaf of any file to any value: it is refused, or exactly
// that leaf changes.
func FuzzSet(f *testing.F) {
	for i, data := range corpus(f) {
		for n := range 4 {
			f.Add(data, uint(i+7*n), texts[(i+n)%len(texts)], n == 3)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, pick uint, text string, number bool) {
		file, leaves := fuzzed(t, data)
		if len(leaves) == 0 || number && !utf8.ValidString(text) {
			t.Skip("nothing to edit")
		}
		checkSet(t, file, leaves[pick%uint(len(leaves))], amend.Scalar{Text: text, Number: number}, false)
	})
}

// FuzzInsert adds a field or a list item to any document: it is refused, or
// exactly that is added.
func FuzzInsert(f *testing.F) {
	for i, data := range corpus(f) {
		f.Add(data, uint(0), "spec.template.metadata.note", texts[i%len(texts)], false)
		f.Add(data, uint(i), `metadata.annotations["a/b"]`, texts[(i+9)%len(texts)], false)
		f.Add(data, uint(0), "spec.containers", "x", true)
		f.Add(data, uint(0), "spec.containers[name=app].resources.limits.memory", "1Gi", false)
	}
	f.Fuzz(func(t *testing.T, data []byte, doc uint, path, text string, list bool) {
		field, err := amend.ParseFieldPath(path)
		if err != nil {
			t.Skip("no field")
		}
		file, _ := fuzzed(t, data)
		index := int(doc % uint(len(file.Documents())))
		v := amend.Scalar{Text: text}
		if !list {
			if res, err := file.Insert(index, field, v); err == nil {
				checkInserted(t, file, index, field, v, res)
			}
			return
		}
		res, err := file.InsertItem(index, field, []manifest.KeyValue{{Key: "name", Value: v}})
		if err != nil {
			return
		}
		names := parse2(t, res.Data).Keys(index, field, "name")
		if len(names) == 0 || names[len(names)-1] != text {
			t.Fatalf("the last item of %s is not %q:\n%s", field, text, res.Data)
		}
		if n := countDifferences(decodeAll(data), decodeAll(res.Data)); n > 1 {
			t.Fatalf("the item changes %d values:\n%s", n, manifest.Diff("f", data, res.Data))
		}
	})
}

// fuzzed parses a file of the size that the fuzzer is quick with.
func fuzzed(t *testing.T, data []byte) (*manifest.File, []manifest.Leaf) {
	if len(data) > 1<<12 {
		t.Skip("large")
	}
	file, err := manifest.Parse(data)
	if err != nil {
		t.Skip("not YAML")
	}
	return file, slices.Collect(file.Leaves())
}
