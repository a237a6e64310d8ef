package audit

import (
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/amendhq/amend"
)

// The bound on the size of a change. One edit of amend changes a value or adds a
// few lines for it; these leave room for an action with several edits.
const (
	maxFiles = 8
	maxLines = 64 // taken out and put in, of all files together
)

// What to do about a diff that is out of bounds. History stays as it is, so
// whoever has looked audits what came after.
const lookAndRevert = "look at it with git show; revert it unless a person meant it, and then audit --since this commit"

// judgeDiffs proves I4 and I8, commit by commit and several at a time.
func (a *auditor) judgeDiffs(ctx context.Context) error {
	var due []*commit
	for _, c := range slices.Concat(a.history.changes, a.history.reverts) {
		if !c.old {
			due = append(due, c)
		}
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex // guards what follows
		next  int
		first error
	)
	policies := &policies{byHash: map[string]map[string][]string{}}
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for next < len(due) && first == nil && ctx.Err() == nil {
				c := due[next]
				next++
				mu.Unlock()
				found, err := a.judgeChange(c, policies)
				mu.Lock()
				if err != nil && first == nil {
					first = fmt.Errorf("judging %s: %w", c.SHA, err)
				}
				a.findings = append(a.findings, found...)
				a.report.Judged++
				if a.opt.Progress != nil {
					a.opt.Progress(a.report.Judged, len(due))
				}
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return amend.Errorf(amend.Transient, "audit", "%w", context.Cause(ctx))
	}
	return first
}

// judgeChange holds one commit of ours against what it did.
func (a *auditor) judgeChange(c *commit, policies *policies) ([]finding, error) {
	if len(c.Parents) == 0 {
		return []finding{about(Bounded, c, "it is the first commit of all, so it changed nothing that was there", lookAndRevert)}, nil
	}
	diffs, err := a.repo.Differences(c.Parents[0], c.SHA)
	if err != nil {
		return nil, err
	}
	if c.takesBack != "" {
		return a.judgeRevert(c, diffs)
	}
	before, err := a.repo.Tree(c.Parents[0])
	if err != nil {
		return nil, err
	}
	playbooks, err := policies.read(before)
	if err != nil {
		return nil, err
	}
	inFiles, err := a.judgeFiles(c, before, diffs)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, text := range append(a.judgeTrailers(c, playbooks), inFiles...) {
		found = append(found, about(Bounded, c, text, lookAndRevert))
	}
	return found, nil
}

// judgeTrailers holds the trailers of a change against each other, against the
// catalogue and against the playbooks of the policy that the commit was made on.
func (a *auditor) judgeTrailers(c *commit, playbooks map[string][]string) (wrong []string) {
	t := c.trailers
	if want := amend.IncidentID(t.Playbook, t.Workload); t.Incident != want {
		wrong = append(wrong, fmt.Sprintf("its incident is %s, and that of its playbook and workload is %s", t.Incident, want))
	}
	switch kinds, known := a.opt.Kinds[t.Action]; {
	case !known:
		wrong = append(wrong, fmt.Sprintf("this version of amend has no action %s, so nothing says what it may change", t.Action))
	case !slices.Contains(kinds, t.Workload.Kind):
		wrong = append(wrong, fmt.Sprintf("the action %s may not change a %q", t.Action, t.Workload.Kind))
	}
	if actions, ok := playbooks[t.Playbook]; !ok {
		wrong = append(wrong, fmt.Sprintf("the policy that it was made on has no playbook %s", t.Playbook))
	} else if !slices.Contains(actions, t.Action) {
		wrong = append(wrong, fmt.Sprintf("the playbook %s of the policy that it was made on has another action than %s", t.Playbook, t.Action))
	}
	return wrong
}

// judgeFiles holds the diff of a change against its bounds.
func (a *auditor) judgeFiles(c *commit, before fs.FS, diffs []Difference) (wrong []string, err error) {
	if len(diffs) == 0 {
		return []string{"it changes no file"}, nil
	}
	if len(diffs) > maxFiles {
		return []string{fmt.Sprintf("it changes %d files; a change has at most %d", len(diffs), maxFiles)}, nil
	}
	after, err := a.repo.Tree(c.SHA)
	if err != nil {
		return nil, err
	}
	lines, hit := 0, false
	for _, d := range diffs {
		if text := outside(d); text != "" {
			wrong = append(wrong, text)
			continue
		}
		f := file{path: d.Path, change: c, fields: a.opt.Fields[c.trailers.Action]}
		if f.before, err = a.contents.read(before, d.Path, d.Before); err != nil {
			return nil, err
		}
		if f.after, err = a.contents.read(after, d.Path, d.After); err != nil {
			return nil, err
		}
		s := f.span()
		lines += s.out + s.in
		hit = hit || d.Path == c.trailers.Path.String() && s.covers(c.trailers.Line)
		if text := f.judge(); text != "" {
			wrong = append(wrong, text)
		}
	}
	if lines > maxLines {
		wrong = append(wrong, fmt.Sprintf("it touches %d lines; a change touches at most %d", lines, maxLines))
	}
	if !hit {
		wrong = append(wrong, fmt.Sprintf("its trailers say %q line %d, which it does not change", c.trailers.Path, c.trailers.Line))
	}
	return wrong, nil
}

// outside says why a file is none that a change may touch, or nothing.
func outside(d Difference) string {
	p, err := amend.ParseRepoPath(d.Path)
	switch {
	case err != nil:
		return fmt.Sprintf("it touches %q, which is no path of a manifest", d.Path)
	case p.Protected():
		return fmt.Sprintf("it touches %q, which no change may", d.Path)
	case d.Before.Mode == "" || d.After.Mode == "":
		return fmt.Sprintf("it adds or removes %q; a change edits files that are there", d.Path)
	case d.Before.Mode != d.After.Mode || !strings.HasPrefix(d.After.Mode, "100"):
		return fmt.Sprintf("it changes what %q is, from mode %s to %s", d.Path, d.Before.Mode, d.After.Mode)
	}
	return ""
}

// judgeRevert proves I8 for a commit of amend that takes a change back: it
// undoes exactly what the change, or the merge that brought it, did.
func (a *auditor) judgeRevert(r *commit, diffs []Difference) ([]finding, error) {
	c := a.history.commits[r.takesBack]
	if c == nil || c.trailers.Incident == "" || c.takesBack != "" {
		return []finding{about(Restored, r, fmt.Sprintf("it says that it takes %s back, which is no change in this history", r.takesBack), lookAndRevert)}, nil
	}
	if c.trailers != r.trailers {
		return []finding{about(Restored, r, fmt.Sprintf("its trailers are not those of %s, which it takes back", c.SHA), lookAndRevert)}, nil
	}
	want := slices.Clone(diffs)
	for i, d := range want {
		want[i].Before, want[i].After = d.After, d.Before
	}
	for _, landing := range a.history.landings(c) {
		if len(landing.Parents) == 0 {
			continue
		}
		did, err := a.repo.Differences(landing.Parents[0], landing.SHA)
		if err != nil {
			return nil, err
		}
		if slices.Equal(did, want) {
			return nil, nil
		}
	}
	return []finding{about(Restored, r, fmt.Sprintf("the files do not hold the exact bytes from before %s again, or others changed with them", c.SHA), lookAndRevert)}, nil
}
