package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/amendhq/amend/bench/envrepo"
	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/bench/stat"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/locate"
	"github.com/amendhq/amend/internal/tree"
)

// The aims of locate.
const (
	locateRepo  = 20_000 // YAML files
	coldLocate  = 1500.0 // ms, for a first query in such a repo
	locateBytes = 300 << 20
)

// warmLocate holds the aims for p50 and p95 in ms.
var warmLocate = map[envrepo.Kind][2]float64{envrepo.Kustomize: {60, 600}, envrepo.Helm: {20, 250}}

// benchLocate asks for lines in repos of several sizes.
func benchLocate(ctx context.Context, b *bench, s *report.Section) error {
	s.Title = "Finding the line"
	s.Text = `Generated env repos: Kustomize applications with three overlays each, Helm applications
that share a chart, plain manifests, and the Applications and ApplicationSets that
deploy them. Each question is a field of an object and its Application, and was not
asked before; the repo is a commit in Git. *Cold* is the first question of a process:
it reads the whole repo. *After a commit* is the first question after one file changed.

Beside it, for the same questions: grep for the value in the folder of the application
(its first hit in the order of paths), one run of "kustomize build" for the one
application (who does not know the application builds all of them), and "yq -i" at the
line that is known to be right.`
	sizes := []int{100, 1000, locateRepo}
	if b.short {
		sizes = sizes[:2]
	}
	growth := map[string]*report.Series{}
	for i, n := range sizes {
		l, err := locateAt(ctx, b, n, []float64{0.15, 0.4, 1}[i])
		if err != nil {
			return fmt.Errorf("%d files: %w", n, err)
		}
		l.rows(s, n == sizes[len(sizes)-1])
		for name, sample := range l.took {
			if growth[name] == nil {
				growth[name] = &report.Series{Name: name}
			}
			growth[name].Points = append(growth[name].Points, report.Point{X: float64(l.repo.YAML()), Y: sample.Median()})
		}
	}
	p := report.Plot{Title: "Finding a line, by size of the repo", X: "YAML files", Y: "ms"}
	for _, name := range []string{"Kustomize, warm", "Helm, warm", "after a commit", "cold", "kustomize build"} {
		if series := growth[name]; series != nil {
			p.Series = append(p.Series, *series)
		}
	}
	s.Plots = append(s.Plots, p)
	return nil
}

// locateAt measures one size, in a share of the time that is left.
func locateAt(ctx context.Context, b *bench, files int, share float64) (*locating, error) {
	r, err := envrepo.New(files)
	if err != nil {
		return nil, err
	}
	l := &locating{bench: b, repo: r, share: share, dir: filepath.Join(b.dir, strconv.Itoa(files)), took: map[string]stat.Sample{}}
	if err := r.Write(l.dir); err != nil {
		return nil, err
	}
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	for _, measure := range []func(context.Context) error{l.cold, l.warm, l.moved} {
		if err := measure(ctx); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// locating is the measurement of one size.
type locating struct {
	*bench
	repo    *envrepo.Repo
	share   float64 // of the time that is left
	dir     string
	took    map[string]stat.Sample // in ms
	renders stat.Sample
	memory  int64 // of amend locate
	peak    int64 // of the process that asks again and again

	asked, grepAsked, grepWrong, grepNone, yqAsked, yqMore, proved int
}

func (l *locating) add(name string, e effort) { l.took[name] = append(l.took[name], ms(e.wall)) }

// begin makes a repo of the folder, packed as one that was cloned.
func (l *locating) begin(ctx context.Context) error {
	if _, err := gitIn(ctx, l.dir, "init", "-q", "-b", "main"); err != nil {
		return err
	}
	if err := l.commit(ctx, "Begin"); err != nil {
		return err
	}
	_, err := gitIn(ctx, l.dir, "repack", "-adq")
	return err
}

func (l *locating) commit(ctx context.Context, message string) error {
	if _, err := gitIn(ctx, l.dir, "add", "-A"); err != nil {
		return err
	}
	_, err := gitIn(ctx, l.dir, "commit", "-q", "-m", message)
	return err
}

// head opens the last commit.
func (l *locating) head() (fs.FS, error) {
	clone, err := git.OpenDir(l.dir)
	if err != nil {
		return nil, err
	}
	sha, err := clone.Head("main")
	if err != nil {
		return nil, err
	}
	return clone.Tree(sha)
}

func query(q envrepo.Question) locate.Query {
	return locate.Query{Object: q.Object, Field: q.Field, Application: q.Application}
}

// ask asks one question and checks the answer.
func (l *locating) ask(loc *locate.Locator, files fs.FS, q envrepo.Question) (effort, locate.Site, error) {
	var site locate.Site
	e, err := timed(func() (err error) {
		site, err = loc.Locate(files, query(q))
		return err
	})
	if err == nil && (site.Path.String() != q.File || site.Line != q.Line) {
		err = fmt.Errorf("%s of %s is set at %s:%d, and the answer was %s:%d", q.Field, q.Application, q.File, q.Line, site.Path, site.Line)
	}
	l.asked++
	return e, site, err
}

// cold asks processes and Locators that know nothing.
func (l *locating) cold(ctx context.Context) error {
	questions := l.questions(3, 0)
	for i := range l.rounds(0.3*l.share, 3, len(questions)) {
		q := questions[i]
		folder, err := tree.Dir(l.dir)
		if err != nil {
			return err
		}
		e, _, err := l.ask(locate.New(), folder, q)
		if err != nil {
			return err
		}
		l.add("cold, a folder", e)
		commit, err := l.head()
		if err != nil {
			return err
		}
		if e, _, err = l.ask(locate.New(), commit, q); err != nil {
			return err
		}
		l.add("cold", e)
		if err := l.program(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// program asks amend locate.
func (l *locating) program(ctx context.Context, q envrepo.Question) error {
	out, e, err := l.measure(ctx, gitEnv(), l.dir, filepath.Join(l.bin, "amend"), "locate", "--application", q.Application,
		"--resource", q.Object.String(), "--field", q.Field.String())
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%s:%d,", q.File, q.Line); !strings.Contains(string(out), want) {
		return fmt.Errorf("amend locate does not answer %s:\n%s", want, out)
	}
	l.add("amend locate", e)
	l.memory = max(l.memory, e.memory)
	return nil
}

// warm asks one Locator about one commit, in turns with the baselines.
func (l *locating) warm(ctx context.Context) error {
	if err := forgetPeak(os.Getpid()); err != nil {
		return err
	}
	files, err := l.head()
	if err != nil {
		return err
	}
	loc := locate.New()
	questions := l.questions(30, 1)
	if _, _, err := l.ask(loc, files, questions[0]); err != nil {
		return err
	}
	questions = mixed(questions[1:])
	for i := range l.rounds(0.7*l.share, 12, len(questions)) {
		q := questions[i]
		e, site, err := l.ask(loc, files, q)
		if err != nil {
			return err
		}
		l.add(string(q.Kind)+", warm", e)
		l.renders = append(l.renders, float64(site.Renders))
		if e, _, err = l.ask(loc, files, q); err != nil {
			return err
		}
		l.add(string(q.Kind)+", again", e)
		edit, err := loc.Edit(files, query(q), l.value(q))
		if err != nil {
			return err
		}
		if err := l.beside(ctx, q, edit, i < 24); err != nil {
			return err
		}
	}
	l.peak, err = peakOf(os.Getpid())
	return err
}

// moved asks after one file has changed.
func (l *locating) moved(ctx context.Context) error {
	files, err := l.head()
	if err != nil {
		return err
	}
	loc := locate.New()
	questions := l.questions(3, 2)
	if _, _, err := l.ask(loc, files, questions[0]); err != nil {
		return err
	}
	for i := range l.rounds(l.share, 3, len(questions)-1) {
		q := questions[i+1]
		file := filepath.Join(l.dir, questions[0].File)
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, fmt.Appendf(data, "# %d\n", i), 0o644); err != nil {
			return err
		}
		if err := l.commit(ctx, "Comment"); err != nil {
			return err
		}
		if files, err = l.head(); err != nil {
			return err
		}
		e, _, err := l.ask(loc, files, q)
		if err != nil {
			return err
		}
		l.add("after a commit", e)
	}
	return nil
}

// questions picks up to so many of each kind, spread over the repo; another
// turn gets others.
func (l *locating) questions(each, turn int) []envrepo.Question {
	if l.short {
		each = min(each, 6)
	}
	byKind := map[envrepo.Kind][]envrepo.Question{}
	for _, q := range l.repo.Questions {
		byKind[q.Kind] = append(byKind[q.Kind], q)
	}
	var picked []envrepo.Question
	for _, kind := range []envrepo.Kind{envrepo.Kustomize, envrepo.Helm} {
		all := byKind[kind]
		step := max(1, len(all)/each)
		step += (step + 1) % 2 // an odd step meets every field
		if step%3 == 0 {
			step += 2
		}
		for i := turn % len(all); i < len(all); i += step {
			picked = append(picked, all[i])
		}
	}
	return picked
}

// mixed puts the questions of the first half between those of the second, so that any
// number from the first on has as many of both kinds.
func mixed(questions []envrepo.Question) []envrepo.Question {
	half := (len(questions) + 1) / 2
	var all []envrepo.Question
	for i := range half {
		all = append(all, questions[i])
		if half+i < len(questions) {
			all = append(all, questions[half+i])
		}
	}
	return all
}

var errNotMinimal = errors.New("the edit changed another line than the one of the answer")

// changed returns the numbers of the lines that differ.
func changed(old, data []byte) ([]int, error) {
	before, after := bytes.Split(old, []byte("\n")), bytes.Split(data, []byte("\n"))
	if len(before) != len(after) {
		return nil, errNotMinimal
	}
	var lines []int
	for i := range before {
		if !bytes.Equal(before[i], after[i]) {
			lines = append(lines, i+1)
		}
	}
	return lines, nil
}
