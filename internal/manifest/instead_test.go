package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/manifest"
)

func TestInstead(t *testing.T) {
	path, err := amend.ParseRepoPath("apps/web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		base, chosen, other string
		want                *amend.Replacement
	}{
		"another value":         {"a: 1\nb: 2\nc: 3\n", "a: 1\nb: 4\nc: 3\n", "a: 1\nb: 8\nc: 3\n", &amend.Replacement{Path: path, Line: 2, EndLine: 2, Text: "b: 8\n"}},
		"added lines":           {"a: 1\n", "a: 1\nb:\n  c: 2\n", "a: 1\nb:\n  c: 3\n", &amend.Replacement{Path: path, Line: 3, EndLine: 3, Text: "  c: 3\n"}},
		"more lines than there": {"a: 1\nz: 1\n", "a: 2\nz: 1\n", "a:\n- 3\nz: 1\n", &amend.Replacement{Path: path, Line: 1, EndLine: 1, Text: "a:\n- 3\n"}},
		"the same":              {"a: 1\n", "a: 2\n", "a: 2\n", nil},
		"another line":          {"a: 1\nb: 2\n", "a: 2\nb: 2\n", "a: 1\nb: 3\n", nil},
		"a line more":           {"a: 1\nb: 2\n", "a: 2\nb: 2\n", "a: 2\nb: 2\nc: 3\n", nil},
		"no line left":          {"a: 1\n", "a: 1\nb: 2\n", "a: 1\n", nil},
		"between two changes":   {"a: 1\nb: 1\nc: 1\n", "a: 2\nb: 1\nc: 2\n", "a: 3\nb: 1\nc: 3\n", nil},
		"no line feed":          {"a: 1", "a: 2", "a: 3", nil},
		"carriage returns":      {"a: 1\r\n", "a: 2\r\n", "a: 3\r\n", nil},
	} {
		if got := manifest.Instead(path, []byte(c.base), []byte(c.chosen), []byte(c.other)); !cmp.Equal(got, c.want, cmp.AllowUnexported(amend.RepoPath{})) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
