package cause_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cause"
	"github.com/amendhq/amend/internal/git"
	"github.com/amendhq/amend/internal/locate"
)

// A history is one file of testdata/history: a question about a repo of which
// each commit says what it does to the one before it.
//
//	ask: KIND/NAMESPACE/NAME   folder: FOLDER   began: TIME   for: DURATION
//	deploy: TIME COMMIT        want: COMMIT or an outcome
//	commit NAME TIME AUTHOR [on NAME | merges NAME]: SUBJECT
//	  replace FILE "OLD" "NEW" | append FILE "TEXT" | write FILE "TEXT" | move FILE FILE | remove FILE
//	tag NAME COMMIT
type history struct {
	name     string // of its file
	clone    *git.Clone
	question cause.Question
	folder   string
	want     string
	deploys  [][2]string
	commits  []*commit
	tags     [][2]string
}

type commit struct {
	name, author, subject string
	at                    time.Time
	parents               []string
	files                 map[string]string
	sha                   string
}

// day is when all histories happen; "-3d/10:00" is three days before.
var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func clock(t *testing.T, s string) time.Time {
	t.Helper()
	at := day
	if ago, rest, ok := strings.Cut(s, "d/"); ok {
		n, err := strconv.Atoi(ago)
		must(t, err)
		at, s = at.AddDate(0, 0, n), rest
	}
	var h, m, sec int
	if n, _ := fmt.Sscanf(s, "%d:%d:%d", &h, &m, &sec); n < 2 {
		t.Fatalf("%q is no time", s)
	}
	return at.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, file string) *history {
	t.Helper()
	base, err := txtar.ParseFile("testdata/base.txtar")
	must(t, err)
	first := &commit{name: "base", author: "Eve", subject: "all of it", at: day.AddDate(0, 0, -10), files: map[string]string{}}
	for _, f := range base.Files {
		first.files[f.Name] = string(f.Data)
	}
	h := &history{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), commits: []*commit{first}}
	h.question.Branch = "main"
	text, err := txtar.ParseFile(file)
	must(t, err)
	for line := range strings.Lines(string(text.Comment)) {
		line = strings.TrimRight(line, "\n")
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "  "):
			h.commits[len(h.commits)-1].edit(t, key, value)
		default:
			h.set(t, key, value)
		}
	}
	return h
}

func (h *history) set(t *testing.T, key, value string) {
	t.Helper()
	var err error
	switch key {
	case "ask:":
		h.question.Workload.Object, err = amend.ParseObjectRef(value)
	case "application:":
		h.question.Workload.Application = value
	case "root:":
		h.question.Workload.Root = value
	case "alert:":
		h.question.Alert = value
	case "folder:":
		h.folder = value
	case "began:":
		h.question.Began = clock(t, value)
	case "for:":
		h.question.For, err = time.ParseDuration(value)
	case "want:":
		h.want = value
	case "deploy:":
		h.deploys = append(h.deploys, [2]string(strings.Fields(value)))
	case "tag":
		h.tags = append(h.tags, [2]string(strings.Fields(value)))
	case "commit":
		h.add(t, value)
	default:
		t.Fatalf("unknown line %s %s", key, value)
	}
	must(t, err)
}

func (h *history) add(t *testing.T, line string) {
	t.Helper()
	head, subject, _ := strings.Cut(line, ": ")
	f := strings.Fields(head)
	c := &commit{name: f[0], at: clock(t, f[1]), author: f[2], subject: strings.ReplaceAll(subject, `\n`, "\n")}
	parent := h.tip()
	c.parents = []string{parent.name}
	if len(f) == 5 {
		switch other := h.named(t, f[4]); f[3] {
		case "on":
			parent, c.parents = other, []string{other.name}
		case "merges":
			c.parents = append(c.parents, other.name)
			c.files = maps.Clone(parent.files)
			for name, data := range other.files {
				if data != h.commits[0].files[name] {
					c.files[name] = data
				}
			}
		}
	}
	if c.files == nil {
		c.files = maps.Clone(parent.files)
	}
	h.commits = append(h.commits, c)
}

// tip is the last commit of the main line: side branches begin with "p".
func (h *history) tip() *commit {
	for _, c := range slices.Backward(h.commits) {
		if c.name[0] != 'p' {
			return c
		}
	}
	return nil
}

func (h *history) named(t *testing.T, name string) *commit {
	t.Helper()
	i := slices.IndexFunc(h.commits, func(c *commit) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("no commit %s", name)
	}
	return h.commits[i]
}

func (c *commit) edit(t *testing.T, verb, rest string) {
	t.Helper()
	file, rest, _ := strings.Cut(rest, " ")
	var texts []string
	for rest != "" && rest[0] == '"' {
		quoted, err := strconv.QuotedPrefix(rest)
		must(t, err)
		text, err := strconv.Unquote(quoted)
		must(t, err)
		texts, rest = append(texts, text), strings.TrimSpace(rest[len(quoted):])
	}
	switch verb {
	case "replace":
		if strings.Count(c.files[file], texts[0]) != 1 {
			t.Fatalf("%s: %s does not hold %q once:\n%s", c.name, file, texts[0], c.files[file])
		}
		c.files[file] = strings.Replace(c.files[file], texts[0], texts[1], 1)
	case "append":
		c.files[file] += texts[0]
	case "write":
		c.files[file] = texts[0]
	case "move":
		c.files[rest] = c.files[file]
		delete(c.files, file)
	case "remove":
		delete(c.files, file)
	default:
		t.Fatalf("unknown edit %s", verb)
	}
}

// loadAll reads every built-in history and puts them into one repository.
func loadAll(t *testing.T) []*history {
	t.Helper()
	files, err := filepath.Glob("testdata/history/*.txtar")
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no histories")
	}
	var all []*history
	for _, file := range files {
		all = append(all, load(t, file))
	}
	build(t, all...)
	return all
}

// build makes one repository of histories, each with branches and tags of its
// own: a process of git for each history would take longer than all questions.
func build(t *testing.T, all ...*history) {
	t.Helper()
	var in bytes.Buffer
	marked := 0
	for _, h := range all {
		h.write(t, &in, marked)
		marked += len(h.commits)
	}
	dir := t.TempDir()
	program(t, dir, nil, "init", "-q", "-b", "main", "--template=", ".")
	program(t, dir, &in, "fast-import", "--quiet", "--export-marks="+filepath.Join(dir, "marks"))
	clone, err := git.OpenDir(dir)
	must(t, err)
	data, err := os.ReadFile(filepath.Join(dir, "marks"))
	must(t, err)
	shas := make([]string, marked)
	for line := range strings.Lines(string(data)) {
		var mark int
		var sha string
		_, err := fmt.Sscanf(line, ":%d %s", &mark, &sha)
		must(t, err)
		shas[mark-1] = sha
	}
	for _, h := range all {
		h.built(t, clone, shas[:len(h.commits)])
		shas = shas[len(h.commits):]
	}
}

// write adds the history to a stream for git fast-import, with the marks after
// the last one before it. The author dates are all the same and wrong: nothing
// may depend on them.
func (h *history) write(t *testing.T, in *bytes.Buffer, last int) {
	t.Helper()
	data := func(s string) { fmt.Fprintf(in, "data %d\n%s\n", len(s), s) }
	for i, c := range h.commits {
		branch := "main"
		if c.name[0] == 'p' {
			branch = "side"
		}
		fmt.Fprintf(in, "commit refs/heads/%s/%s\nmark :%d\nauthor %s <%[4]s@example.com> %d +0000\ncommitter %[4]s <%[4]s@example.com> %[6]d +0000\n",
			h.name, branch, last+i+1, c.author, day.AddDate(1, 0, 0).Unix(), c.at.Unix())
		data(c.subject)
		for k, p := range c.parents {
			fmt.Fprintf(in, "%s :%d\n", []string{"from", "merge"}[k], last+h.mark(p))
		}
		in.WriteString("deleteall\n")
		for _, name := range slices.Sorted(maps.Keys(c.files)) {
			fmt.Fprintf(in, "M 644 inline %s\n", name)
			data(c.files[name])
		}
	}
	for _, tag := range h.tags {
		fmt.Fprintf(in, "reset refs/tags/%s/%s\nfrom :%d\n\n", h.name, tag[0], last+h.mark(tag[1]))
	}
}

// built notes what the history became, with the ids of its commits in order.
func (h *history) built(t *testing.T, clone *git.Clone, shas []string) {
	t.Helper()
	h.clone = clone
	for i, sha := range shas {
		h.commits[i].sha = sha
	}
	var err error
	h.question.Head, err = clone.Head(h.name + "/main")
	must(t, err)
	for _, d := range h.deploys {
		sha := d[1]
		if len(sha) != 40 {
			sha = h.named(t, sha).sha
		}
		h.question.Deploys = append(h.question.Deploys, amend.Deploy{At: clock(t, d[0]), Revisions: []string{sha}})
	}
}

func (h *history) mark(name string) int {
	return 1 + slices.IndexFunc(h.commits, func(c *commit) bool { return c.name == name })
}

func program(t *testing.T, dir string, in *bytes.Buffer, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	if in != nil {
		cmd.Stdin = in
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// A past is a history in a clone as cause wants it. It counts how many trees
// were asked for.
type past struct {
	*git.Clone
	name  string // of the history, which the names of its tags begin with
	trees int
}

// past returns what was built of the history.
func (h *history) past() *past { return &past{Clone: h.clone, name: h.name} }

func (p *past) Commits(from, until string) iter.Seq2[cause.Commit, error] {
	return func(yield func(cause.Commit, error) bool) {
		next := from
		for c, err := range p.Log(from, until) {
			if err == nil && c.SHA != next {
				continue
			}
			subject, _, _ := strings.Cut(c.Message, "\n")
			out := cause.Commit{
				SHA: c.SHA, Parents: c.Parents, Author: c.Author.Name, Subject: subject, At: c.Time,
				Ours: strings.Contains(c.Message, "Amend-Incident: "),
			}
			if !yield(out, err) || err != nil || len(c.Parents) == 0 {
				return
			}
			next = c.Parents[0]
		}
	}
}

func (p *past) Tree(revision string) (fs.FS, error) {
	p.trees++
	if sha, err := p.Tag(p.name + "/" + revision); err == nil {
		revision = sha
	}
	return p.Clone.Tree(revision)
}

func (p *past) Touched(from, to string) ([]string, error) {
	found, err := p.Differences(from, to)
	var paths []string
	for _, d := range found {
		paths = append(paths, d.Path)
	}
	return paths, err
}

// ask answers the question of a history that was built.
func (h *history) ask(t *testing.T, l *locate.Locator) cause.Result {
	t.Helper()
	r, err := cause.Find(h.question, h.past(), l)
	must(t, err)
	return r
}

// find builds a history and answers its question.
func (h *history) find(t *testing.T) cause.Result {
	t.Helper()
	build(t, h)
	return h.ask(t, locate.New())
}
