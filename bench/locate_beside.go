package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/bench/envrepo"
	"github.com/amendhq/amend/bench/report"
	"github.com/amendhq/amend/internal/locate"
)

// value returns what an edit writes.
func (l *locating) value(q envrepo.Question) amend.Scalar {
	text := strings.Trim(q.New, `"`)
	if strings.HasSuffix(q.Field.String(), "image") {
		name := q.Object.Name
		team := strings.Split(q.Folder, "/")[1]
		text = "registry.example.com/" + team + "/" + name + ":" + text
	}
	return amend.Scalar{Text: text, Number: q.Field.String() == "spec.replicas"}
}

// beside runs what people do for the same question today, and checks amend's
// edit: by its bytes, and when prove is set by the real kustomize.
func (l *locating) beside(ctx context.Context, q envrepo.Question, edit locate.Result, prove bool) error {
	if lines, err := changed(edit.Old, edit.Content); err != nil || !slices.Equal(lines, []int{q.Line}) {
		return fmt.Errorf("%s of %s: lines %v changed: %w", q.Field, q.Application, lines, errNotMinimal)
	}
	if err := l.grep(ctx, q); err != nil {
		return err
	}
	if err := l.yq(ctx, q, edit.Old); err != nil {
		return err
	}
	if q.Kind != envrepo.Kustomize {
		return nil
	}
	before, e, err := l.measure(ctx, gitEnv(), l.dir, filepath.Join(l.bin, "kustomize"), "build", q.Source)
	if err != nil {
		return err
	}
	l.add("kustomize build", e)
	if prove {
		return l.prove(ctx, q, edit, before)
	}
	return nil
}

// grep searches the folder of the application for the value.
func (l *locating) grep(ctx context.Context, q envrepo.Question) error {
	out, e, err := l.measure(ctx, gitEnv(), l.dir, "grep", "-rnF", q.Search, q.Folder)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 { // nothing was found
		l.grepNone++
		err = nil
	}
	if err != nil {
		return err
	}
	l.add("grep", e)
	hits := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.SortStableFunc(hits, func(a, b string) int {
		fileA, _, _ := strings.Cut(a, ":")
		fileB, _, _ := strings.Cut(b, ":")
		return strings.Compare(fileA, fileB)
	})
	l.grepAsked++
	if hits[0] != "" && !strings.HasPrefix(hits[0], fmt.Sprintf("%s:%d:", q.File, q.Line)) {
		l.grepWrong++
	}
	return nil
}

// yq edits a copy of the file, and counts whether more than the line changed.
func (l *locating) yq(ctx context.Context, q envrepo.Question, old []byte) error {
	if q.YAMLPath == "" { // inside a text that yq does not look into
		return nil
	}
	file := filepath.Join(l.bench.dir, "yq.yaml")
	if err := os.WriteFile(file, old, 0o644); err != nil {
		return err
	}
	_, e, err := l.measure(ctx, gitEnv(), "", filepath.Join(l.bin, "yq"), "-i", q.YAMLPath+" = "+q.New, file)
	if err != nil {
		return err
	}
	l.add("yq -i", e)
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	l.yqAsked++
	if lines, err := changed(old, data); err != nil || len(lines) != 1 {
		l.yqMore++
	}
	return nil
}

// prove writes the edit, builds with the real kustomize, and takes it back.
func (l *locating) prove(ctx context.Context, q envrepo.Question, edit locate.Result, before []byte) error {
	file := filepath.Join(l.dir, q.File)
	if err := os.WriteFile(file, edit.Content, 0o644); err != nil {
		return err
	}
	after, err := command(ctx, l.dir, filepath.Join(l.bin, "kustomize"), "build", q.Source)
	if err != nil {
		return err
	}
	lines, err := changed(before, after)
	if err != nil || len(lines) != 1 {
		return fmt.Errorf("%s of %s: kustomize build differs in the lines %v: %w", q.Field, q.Application, lines, err)
	}
	if line := bytes.Split(after, []byte("\n"))[lines[0]-1]; !bytes.Contains(line, []byte(l.value(q).Text)) {
		return fmt.Errorf("%s of %s: kustomize build does not show the new value but %q", q.Field, q.Application, line)
	}
	l.proved++
	return os.WriteFile(file, edit.Old, 0o644)
}

// rows writes down what was measured at one size.
func (l *locating) rows(s *report.Section, judged bool) {
	at := fmt.Sprintf(" at %d files", l.repo.YAML())
	for _, kind := range []envrepo.Kind{envrepo.Kustomize, envrepo.Helm} {
		sample, aim := l.took[string(kind)+", warm"], warmLocate[kind]
		p50, p95 := sample.Median(), sample.Quantile(0.95)
		measured := fmt.Sprintf("p50 %.1f ms, p95 %.1f ms (n=%d)", p50, p95, len(sample))
		s.Add(string(kind)+", warm"+at, measured, fmt.Sprintf("p50 ≤ %g ms, p95 ≤ %g ms", aim[0], aim[1]), p50 <= aim[0] && p95 <= aim[1])
		s.Note(string(kind)+", the same question again"+at, fmt.Sprintf("%.1f ms", l.took[string(kind)+", again"].Median()))
	}
	p50, p95 := l.renders.Median(), l.renders.Quantile(0.95)
	s.Add("renders with a changed file"+at, fmt.Sprintf("p50 %g, p95 %g", p50, p95), "p50 ≤ 2, p95 ≤ 6", p50 <= 2 && p95 <= 6)
	for _, name := range []string{"cold", "cold, a folder", "amend locate"} {
		v := l.took[name].Median()
		what := map[string]string{"cold": "cold, a commit", "amend locate": "`amend locate`, the whole process"}[name]
		if what == "" {
			what = name
		}
		if judged {
			s.Add(what+at, fmt.Sprintf("%.0f ms", v), "< 1500 ms", v < coldLocate)
		} else {
			s.Note(what+at, fmt.Sprintf("%.0f ms", v))
		}
	}
	s.Note("after a commit"+at, fmt.Sprintf("%.1f ms", l.took["after a commit"].Median()))
	if judged {
		s.Add("memory of `amend locate`"+at, fmt.Sprintf("%.0f MB", mb(l.memory)), "≤ 300 MB", l.memory <= locateBytes)
		s.Add("memory of a process that goes on asking"+at, fmt.Sprintf("%.0f MB (the generator's included)", mb(l.peak)), "≤ 300 MB", l.peak <= locateBytes)
	}
	s.Note("beside: `kustomize build` of one application"+at, fmt.Sprintf("p50 %.1f ms, p95 %.1f ms", l.took["kustomize build"].Median(), l.took["kustomize build"].Quantile(0.95)))
	s.Note("beside: grep for the value"+at, fmt.Sprintf("%.1f ms; its first hit is the wrong line in %d of %d, and it finds nothing in %d",
		l.took["grep"].Median(), l.grepWrong, l.grepAsked, l.grepNone))
	s.Note("beside: `yq -i` of the one file"+at, fmt.Sprintf("%.1f ms; it changed more than the line in %d of %d", l.took["yq -i"].Median(), l.yqMore, l.yqAsked))
	s.Note("checked"+at, fmt.Sprintf("0 of %d answers wrong or refused, every edit is one line, %d edits proved by the real kustomize", l.asked, l.proved))
}
