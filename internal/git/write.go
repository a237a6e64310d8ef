package git

import (
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/amendhq/amend"
)

// CommitMeta is what a commit says beside its files. The committer is the
// author and the time zone is UTC, so equal input gives equal bytes.
type CommitMeta struct {
	Message string
	Author  Person
	Time    time.Time // to the second
	// Instead is a second parent, "" for none: a commit that this one takes the
	// place of, of which no file is taken over.
	Instead string
}

// CommitResult names what was written.
type CommitResult struct {
	SHA     string
	TreeSHA string
}

// Write adds the commit that puts files over parent to the mirror's objects and
// moves no branch; the host knows nothing of it before Push, and what is not pushed is
// gone when the mirror is closed. A file keeps its
// executable bit, a new one has none. It writes one tree for each folder on the
// way and refuses, as amend.Refused, to put a file where something other than a
// file is.
func (m *Mirror) Write(parent string, files map[amend.RepoPath][]byte, c CommitMeta) (CommitResult, error) {
	if err := c.check(); err != nil {
		return CommitResult{}, err
	}
	if len(files) == 0 {
		return CommitResult{}, amend.Errorf(amend.Invalid, "write commit", "no files")
	}
	base, err := m.objects.named(parent)
	if err != nil {
		return CommitResult{}, err
	}
	parents := []plumbing.Hash{base.Hash}
	if c.Instead != "" {
		other, err := m.objects.named(c.Instead)
		if err != nil {
			return CommitResult{}, err
		}
		parents = append(parents, other.Hash)
	}
	g := grafting{mirror: m}
	root, err := g.graft(base.TreeHash, plant(files))
	if err != nil {
		return CommitResult{}, err
	}
	who := object.Signature{Name: c.Author.Name, Email: c.Author.Email, When: c.Time.UTC()}
	commit := object.Commit{Author: who, Committer: who, Message: c.Message, TreeHash: root, ParentHashes: parents}
	obj := new(plumbing.MemoryObject)
	if err := commit.Encode(obj); err != nil {
		return CommitResult{}, amend.Errorf(amend.Internal, "write commit", "%w", err)
	}
	sha, err := g.write(obj)
	if err != nil {
		return CommitResult{}, err
	}
	m.keep(sha, parcel{parents: parents, objects: g.made})
	return CommitResult{SHA: sha.String(), TreeSHA: root.String()}, nil
}

// check refuses what would forge another header of the commit object.
func (c CommitMeta) check() error {
	switch {
	case c.Author.Name == "" || strings.ContainsAny(c.Author.Name+c.Author.Email, "<>\n\r\x00"):
		return amend.Errorf(amend.Invalid, "write commit", "%q is not an author", c.Author.Name)
	case c.Message == "" || strings.Contains(c.Message, "\x00"):
		return amend.Errorf(amend.Invalid, "write commit", "the message is empty or holds a zero byte")
	case c.Time.Unix() <= 0:
		return amend.Errorf(amend.Invalid, "write commit", "no time")
	}
	return nil
}

// A sprout is a changed file (content) or a folder above changed files (sub).
type sprout struct {
	content []byte
	sub     map[string]*sprout
}

func plant(files map[amend.RepoPath][]byte) map[string]*sprout {
	root := map[string]*sprout{}
	for p, content := range files {
		at := root
		parts := strings.Split(p.String(), "/")
		for _, part := range parts[:len(parts)-1] {
			if at[part] == nil {
				at[part] = &sprout{}
			}
			if at[part].sub == nil {
				at[part].sub = map[string]*sprout{}
			}
			at = at[part].sub
		}
		last := parts[len(parts)-1]
		if at[last] == nil {
			at[last] = &sprout{}
		}
		at[last].content = append([]byte{}, content...)
	}
	return root
}

// A grafting writes the objects of one commit and notes what they are.
type grafting struct {
	mirror *Mirror
	made   []plumbing.Hash
}

func (g *grafting) write(obj plumbing.EncodedObject) (plumbing.Hash, error) {
	h, err := g.mirror.write(obj)
	if err == nil {
		g.made = append(g.made, h)
	}
	return h, err
}

// graft writes the tree that has changed laid over base; base may be zero.
func (g *grafting) graft(base plumbing.Hash, changed map[string]*sprout) (plumbing.Hash, error) {
	var entries []object.TreeEntry
	if !base.IsZero() {
		shared, err := g.mirror.objects.tree(base)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		entries = slices.Clone(shared)
	}
	for name, s := range changed {
		i := slices.IndexFunc(entries, func(e object.TreeEntry) bool { return e.Name == name })
		if i < 0 {
			i = len(entries)
			entries = append(entries, s.blank(name))
		}
		if err := g.replace(&entries[i], s); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	obj, err := encodeTree(entries)
	if err != nil {
		return plumbing.ZeroHash, amend.Errorf(amend.Internal, "write tree", "%w", err)
	}
	h, err := g.write(obj)
	if err == nil {
		g.mirror.objects.trees.Put(h, entries) // the next commit is read from it
	}
	return h, err
}

func (s *sprout) blank(name string) object.TreeEntry {
	mode := filemode.Regular
	if s.sub != nil {
		mode = filemode.Dir
	}
	return object.TreeEntry{Name: name, Mode: mode}
}

func (g *grafting) replace(e *object.TreeEntry, s *sprout) (err error) {
	switch {
	case s.sub != nil && s.content == nil && e.Mode == filemode.Dir:
		e.Hash, err = g.graft(e.Hash, s.sub)
	case s.sub == nil && modeOf(*e).IsRegular():
		e.Hash, err = g.write(encoded(plumbing.BlobObject, s.content))
	default:
		err = amend.Refusef(amend.ReasonProtected, "%q is a link, a submodule, or a folder where a file is meant", e.Name)
	}
	return err
}
