package store

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/amendhq/amend"
)

// Resolve finds the commit that a user's word names: a full object id, a full
// reference, a branch or a tag, in this order.
func (r *Repo) Resolve(word string) (ID, error) {
	if id, err := ParseID(word); err == nil {
		_, err := r.object(id, "commit")
		return id, err
	}
	for _, prefix := range []string{"", "refs/", "refs/heads/", "refs/tags/"} {
		if ref, err := r.Ref(prefix + word); err == nil {
			return r.peel(ref)
		}
	}
	return "", amend.Errorf(amend.NotFound, "resolve", "nothing is called %q", word)
}

func (r *Repo) peel(ref Ref) (ID, error) {
	if ref.Kind == "commit" {
		return ref.ID, nil
	}
	o, err := r.objects.read(string(ref.ID))
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.SplitN(string(o.data), "\n", 2)[0], "object ")
	if o.kind != "tag" || !ok {
		return "", amend.Errorf(amend.NotFound, "resolve", "%s names no commit", ref.Name)
	}
	_, err = r.object(ID(target), "commit")
	return ID(target), err
}

// A Query asks for a part of the history of a commit, newest first.
type Query struct {
	From   ID
	Except ID     // when set, without the history of this commit
	Path   string // when set, only commits that changed this file or folder
	Since  string // RFC 3339, or empty
	Until  string // RFC 3339, or empty
	Skip   int
	Limit  int
}

// History lists the commits that q asks for.
func (r *Repo) History(ctx context.Context, q Query) ([]Commit, error) {
	args := []string{"rev-list", "--skip=" + strconv.Itoa(q.Skip), "--max-count=" + strconv.Itoa(q.Limit)}
	if q.Since != "" {
		args = append(args, "--since="+q.Since)
	}
	if q.Until != "" {
		args = append(args, "--until="+q.Until)
	}
	args = append(args, string(q.From))
	if q.Except != "" {
		args = append(args, "^"+string(q.Except))
	}
	args = append(args, "--")
	if q.Path != "" {
		args = append(args, q.Path)
	}
	out, err := run(ctx, r.dir, nil, args...)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "list commits", "%w", err)
	}
	commits := []Commit{}
	for line := range strings.Lines(string(out)) {
		c, err := r.Commit(ID(strings.TrimSpace(line)))
		if err != nil {
			return nil, err
		}
		commits = append(commits, c)
	}
	return commits, nil
}

// Diverged counts the commits that only a and only b have, and returns their
// best common ancestor; without one the answer is amend.NotFound.
func (r *Repo) Diverged(ctx context.Context, a, b ID) (onlyA, onlyB int, common ID, err error) {
	out, err := run(ctx, r.dir, nil, "merge-base", string(a), string(b))
	if err != nil {
		return 0, 0, "", amend.Errorf(amend.NotFound, "compare", "no common ancestor: %w", err)
	}
	common = ID(strings.TrimSpace(string(out)))
	out, err = run(ctx, r.dir, nil, "rev-list", "--left-right", "--count", string(a)+"..."+string(b))
	if err != nil {
		return 0, 0, "", amend.Errorf(amend.Internal, "compare", "%w", err)
	}
	left, right, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
	onlyA, errA := strconv.Atoi(left)
	onlyB, errB := strconv.Atoi(right)
	if errA != nil || errB != nil {
		return 0, 0, "", amend.Errorf(amend.Internal, "compare", "git counted %q", out)
	}
	return onlyA, onlyB, common, nil
}

// A FileChange is one file that differs between two trees.
type FileChange struct {
	Path      string
	From      string // the former path of a renamed file, or empty
	Status    string // added, removed, modified or renamed
	ID        ID     // of the new content, of the old one for a removed file
	Additions int    // lines; 0 for a binary file
	Deletions int
}

// Diff lists the files in which two commits differ.
func (r *Repo) Diff(ctx context.Context, from, to ID) ([]FileChange, error) {
	out, err := run(ctx, r.dir, nil, "diff-tree", "-r", "-z", "-M", "--raw", "--numstat", "--abbrev=40", string(from), string(to))
	if err != nil {
		return nil, amend.Errorf(amend.Internal, "diff", "%w", err)
	}
	return parseDiff(out)
}

// parseDiff reads the records of --raw, which start with a colon, and after
// them those of --numstat, in the same order of files.
func parseDiff(out []byte) ([]FileChange, error) {
	fields := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	damaged := amend.Errorf(amend.Internal, "diff", "cannot read git's answer")
	changes := []FileChange{}
	counted := 0
	for len(fields) > 0 && fields[0] != "" {
		head := fields[0]
		if !strings.HasPrefix(head, ":") {
			stat := strings.SplitN(head, "\t", 3)
			if len(stat) != 3 || counted == len(changes) {
				return nil, damaged
			}
			changes[counted].Additions, _ = strconv.Atoi(stat[0]) // "-" for a binary file
			changes[counted].Deletions, _ = strconv.Atoi(stat[1])
			counted++
			fields = fields[1:]
			if stat[2] == "" { // a renamed file's two names follow
				fields = fields[min(2, len(fields)):]
			}
			continue
		}
		raw := strings.Fields(head)
		if len(raw) != 5 || len(fields) < 2 {
			return nil, damaged
		}
		c := FileChange{Path: fields[1], ID: ID(raw[3]), Status: "modified"}
		fields = fields[2:]
		switch raw[4][0] {
		case 'A':
			c.Status = "added"
		case 'D':
			c.Status, c.ID = "removed", ID(raw[2])
		case 'R':
			if len(fields) == 0 {
				return nil, damaged
			}
			c.Status, c.From, c.Path, fields = "renamed", c.Path, fields[0], fields[1:]
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// MergeTree merges two commits without a work tree and returns the tree, or
// amend.Conflict when a person has to.
func (r *Repo) MergeTree(ctx context.Context, ours, theirs ID) (ID, error) {
	out, err := run(ctx, r.dir, nil, "merge-tree", "--write-tree", "--no-messages", string(ours), string(theirs))
	if exitCode(err) == 1 {
		return "", amend.Errorf(amend.Conflict, "merge", "%s and %s conflict", ours, theirs)
	}
	if err != nil {
		return "", amend.Errorf(amend.Internal, "merge", "%w", err)
	}
	id, _, _ := bytes.Cut(out, []byte("\n"))
	return ParseID(string(id))
}
