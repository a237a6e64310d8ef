package envrepo_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend/bench/envrepo"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

func TestNewIsDeterministic(t *testing.T) {
	a, err := envrepo.New(300)
	if err != nil {
		t.Fatal(err)
	}
	b, err := envrepo.New(300)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Files, b.Files); diff != "" {
		t.Errorf("the same size gives other files:\n%s", diff)
	}
	if n := a.YAML(); n < 300 || n > 320 {
		t.Errorf("%d YAML files, want about 300", n)
	}
}

// TestQuestionsHoldTheirAnswers proves every answer that the generator claims.
func TestQuestionsHoldTheirAnswers(t *testing.T) {
	r, err := envrepo.New(120)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	files, err := tree.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	l := locate.New()
	for _, q := range r.Questions {
		line := strings.Split(r.Files[q.File], "\n")[q.Line-1]
		if value := q.Search[strings.LastIndexByte(q.Search, ' ')+1:]; !strings.Contains(line, value) {
			t.Errorf("%s:%d does not hold %s", q.File, q.Line, value)
		}
		site, err := l.Locate(files, locate.Query{Object: q.Object, Field: q.Field, Application: q.Application})
		if err != nil || site.Path.String() != q.File || site.Line != q.Line {
			t.Errorf("%s of %s: %s:%d, want %s:%d (%v)", q.Field, q.Application, site.Path, site.Line, q.File, q.Line, err)
		}
	}
}
