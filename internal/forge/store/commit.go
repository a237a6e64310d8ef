package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// A Person is an author or committer with the moment of the act.
type Person struct {
	Name  string
	Email string
	When  time.Time
}

// A Commit is a commit object.
type Commit struct {
	ID        ID
	Tree      ID
	Parents   []ID
	Author    Person
	Committer Person
	Message   string
}

// Commit reads a commit.
func (r *Repo) Commit(id ID) (Commit, error) {
	o, err := r.object(id, "commit")
	if err != nil {
		return Commit{}, err
	}
	return parseCommit(o)
}

func parseCommit(o object) (Commit, error) {
	head, message, _ := strings.Cut(string(o.data), "\n\n")
	c := Commit{ID: o.id, Message: message, Parents: []ID{}}
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.Tree = ID(value)
		case "parent":
			c.Parents = append(c.Parents, ID(value))
		case "author":
			c.Author = parsePerson(value)
		case "committer":
			c.Committer = parsePerson(value)
		}
	}
	if c.Tree == "" {
		return Commit{}, amend.Errorf(amend.Internal, "read commit", "%s names no tree", o.id)
	}
	return c, nil
}

// parsePerson reads "Name <mail> seconds zone"; what is damaged stays empty,
// as Git itself shows it.
func parsePerson(s string) Person {
	name, rest, _ := strings.Cut(s, " <")
	email, when, _ := strings.Cut(rest, "> ")
	seconds, zone, _ := strings.Cut(when, " ")
	unix, _ := strconv.ParseInt(seconds, 10, 64)
	p := Person{Name: name, Email: email, When: time.Unix(unix, 0).UTC()}
	if at, err := time.Parse("-0700", zone); err == nil {
		p.When = p.When.In(at.Location())
	}
	return p
}

// WriteCommit keeps a commit whose tree and parents exist and returns its name.
func (r *Repo) WriteCommit(c Commit) (ID, error) {
	if _, err := r.object(c.Tree, "tree"); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "tree %s\n", c.Tree)
	for _, p := range c.Parents {
		if _, err := r.object(p, "commit"); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "parent %s\n", p)
	}
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", c.Author.encode(), c.Committer.encode(), c.Message)
	return r.write("commit", []byte(b.String()))
}

// encode drops the characters that delimit the fields, as Git does.
func (p Person) encode() string {
	clean := strings.NewReplacer("<", "", ">", "", "\n", "", "\x00", "")
	return fmt.Sprintf("%s <%s> %d %s", clean.Replace(p.Name), clean.Replace(p.Email), p.When.Unix(), p.When.Format("-0700"))
}

// Descends reports whether ancestor is commit or in its history. The usual
// question, a few commits on top of a branch, needs no process.
func (r *Repo) Descends(ctx context.Context, commit, ancestor ID) (bool, error) {
	for at, steps := commit, 0; steps < 100; steps++ {
		if at == ancestor {
			return true, nil
		}
		c, err := r.Commit(at)
		if err != nil {
			return false, err
		}
		if len(c.Parents) == 0 {
			return false, nil
		}
		if slices.Contains(c.Parents, ancestor) {
			return true, nil
		}
		if len(c.Parents) > 1 {
			break
		}
		at = c.Parents[0]
	}
	_, err := run(ctx, r.dir, nil, "merge-base", "--is-ancestor", string(ancestor), string(commit))
	if exitCode(err) == 1 {
		return false, nil
	}
	if err != nil {
		return false, amend.Errorf(amend.Internal, "compare commits", "%w", err)
	}
	return true, nil
}
