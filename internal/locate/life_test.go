package locate_test

import (
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/amendhq/amend/internal/locate"
)

// variants are a repo with one of its files gone, changed in nothing but a comment,
// or about something else.
func variants(files fstest.MapFS, pick int) []fs.FS {
	name := slices.Sorted(maps.Keys(files))[pick%len(files)]
	with := func(data []byte) fs.FS {
		other := maps.Clone(files)
		delete(other, name)
		if data != nil {
			other[name] = &fstest.MapFile{Data: data}
		}
		return other
	}
	data := string(files[name].Data)
	return []fs.FS{with(nil), with([]byte(data + "\n# later\n")), with([]byte(strings.ReplaceAll(data, "web", "api")))}
}

// TestALongLifeChangesNoAnswer asks one Locator about each scenario, about the same
// with a file that is another, and about the first again, as commits follow each
// other. What it keeps from one to the next must not show.
func TestALongLifeChangesNoAnswer(t *testing.T) {
	for i, s := range scenarios(t) {
		if hasPrograms(s) {
			continue // nobody here evaluates them
		}
		l := locate.New()
		check := func(n int, files fs.FS, want locate.Site, wantErr error) {
			got, err := l.Locate(newHashed(t, files), s.query)
			if fmt.Sprint(got, err) != fmt.Sprint(want, wantErr) {
				t.Errorf("%s, variant %d: %v %v, want %v %v", s.file, n, got, err, want, wantErr)
			}
		}
		first := answerOf(s)
		check(0, s.repo, first.site, first.refused)
		for n, v := range variants(s.repo, i) {
			want, wantErr := locate.New().Locate(v, s.query)
			check(n+1, v, want, wantErr)
			check(0, s.repo, first.site, first.refused)
		}
	}
}

// TestIndexIsSmall bounds what is kept of each file of a large repo for as long as
// amend runs, in a folder of its own each.
func TestIndexIsSmall(t *testing.T) {
	const apps, most = 5000, 700
	files := map[string]string{}
	for i := range apps {
		files[fmt.Sprintf("apps/%02d/app-%d/deployment.yaml", i%100, i)] = strings.ReplaceAll(web, "web", fmt.Sprintf("app-%d", i))
	}
	files["shop/web.yaml"] = web
	tree := newHashed(t, repo(files))
	l := locate.New()
	before := heap()
	if _, err := l.Locate(tree, webReplicas); err != nil {
		t.Fatal(err)
	}
	if each := (heap() - before) / apps; each > most {
		t.Errorf("%d bytes are kept of each file, want %d at most", each, most)
	}
	runtime.KeepAlive(l)
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first has freed
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
