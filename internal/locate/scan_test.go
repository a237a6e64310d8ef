package locate

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

var (
	dns1123 = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	camel   = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
)

// FuzzScan compares the scan with the parser: whatever object the parser finds
// in a file, the scan must have thought possible, or a duplicate declaration
// could be overlooked.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n",
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web"}}`,
		"kind: A\nmetadata:\n  name:\n    web\n",
		"kind: A\nmetadata:\n  name: |-\n    web\n",
		"kind: A\nmetadata:\n  name: >\n    web\n",
		"kind: A\nmetadata:\n  name: &n web\n",
		"kind: A\nx: &n web\nmetadata:\n  name: *n\n",
		"kind: A\nmetadata:\n  name: !!str web\n",
		"kind: A\nmetadata:\n  'name': 'we''b'\n",
		"kind: A\nmetadata:\n  \"name\": \"w\\x65b\"\n",
		"kind: A\nmetadata:\n  name: # the name\n    web\n",
		"kind: A\nmetadata:\n  name: two words\n",
		"kind: A\nmetadata:\n  ? name\n  : web\n",
		"kind: List\nitems:\n- kind: A\n  metadata: {name: web}\n---\nkind: B\nmetadata: {\"name\":web}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := parseObjects(data)
		if err != nil {
			return
		}
		if bytes.ContainsAny(data, `\\`) {
			return // an escaped key is no way to write a manifest
		}
		facts := scan(none, "a.yaml", data)
		for _, o := range objects {
			if !dns1123.MatchString(o.ref.Name) || !camel.MatchString(o.ref.Kind) {
				continue // no live object has such a name
			}
			if !facts.mayDeclare(wanted{names: []uint32{nameHash(o.ref.Name)}, kind: nameHash(o.ref.Kind)}) {
				t.Errorf("the scan overlooked %q in %q", o.ref.Name, data)
			}
		}
	})
}

// A file that is made to be slow must not be: each of these took minutes when
// the scan looked for the end of a scalar as far as the file goes.
func TestScanLooksNotFar(t *testing.T) {
	for _, unit := range []string{"name:x", "name:|", "name:&", "name:!", "name:\\", `name:"\`} {
		data := bytes.Repeat([]byte(unit), maxFile/16/len(unit))
		scan(none, "a.yaml", data)
	}
	far := strings.Repeat(" ", maxScalar)
	longest := strings.Repeat("w", maxName)
	for _, text := range []string{
		longest, far + "\n    " + longest, "&" + strings.Repeat("a", 900) + " " + longest, "|-" + far + "\n    " + longest, "|-\n" + far + longest,
		`"` + strings.Repeat(`\U00000077`, maxName) + `"`, "\"\\\n" + far + longest + `"`,
	} {
		data := []byte("kind: A\nmetadata:\n  name: " + text + "\n")
		objects, err := parseObjects(data)
		if err != nil || len(objects) != 1 || objects[0].ref.Name != longest {
			t.Fatalf("%.40q is no test: %v", text, err)
		}
		if !scan(none, "a.yaml", data).mayDeclare(wanted{names: []uint32{nameHash(longest)}, kind: nameHash("A")}) {
			t.Errorf("the scan overlooked the name in %.40q", text)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*.yaml", "a/b.yaml", true},
		{"old/*", "old/a/b.yaml", true},
		{"{a,b}.yaml", "b.yaml", true},
		{"{a,b}.yaml", "c.yaml", false},
		{"?.yaml", "ab.yaml", false},
		{"a.yaml", "axyaml", false},
	} {
		if got := glob(c.pattern)(c.name); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestParseImage(t *testing.T) {
	for in, want := range map[string]image{
		"nginx":                          {name: "nginx"},
		"nginx:1.2":                      {name: "nginx", tag: "1.2"},
		"host:5000/nginx":                {name: "host:5000/nginx"},
		"host:5000/nginx:1@sha256:abcde": {name: "host:5000/nginx", tag: "1", digest: "sha256:abcde"},
	} {
		got := parseImage(in)
		if got != want || got.String() != in {
			t.Errorf("parseImage(%q) = %+v, written %q", in, got, got)
		}
	}
}
