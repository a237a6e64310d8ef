package store

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// The modes that Git gives an entry of a tree.
const (
	ModeFile       = "100644"
	ModeExecutable = "100755"
	ModeLink       = "120000"
	ModeSubmodule  = "160000"
	ModeFolder     = "040000"
)

// EmptyTree names the tree without entries, which Git knows without keeping it.
const EmptyTree ID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// An Entry is one name in a tree.
type Entry struct {
	Path string // one name; from the root of the repository in Walk's answer
	Mode string // one of the Mode constants
	ID   ID
}

// Kind is the sort of object behind the entry: tree, blob or commit.
func (e Entry) Kind() string {
	switch e.Mode {
	case ModeFolder:
		return "tree"
	case ModeSubmodule:
		return "commit"
	}
	return "blob"
}

// Tree lists a tree, given by its own name or by that of a commit.
func (r *Repo) Tree(id ID) (ID, []Entry, error) {
	o, err := r.objects.read(string(id))
	if err != nil {
		return "", nil, err
	}
	if o.kind == "commit" {
		c, err := parseCommit(o)
		if err != nil {
			return "", nil, err
		}
		return r.Tree(c.Tree)
	}
	if o.kind != "tree" {
		return "", nil, amend.Errorf(amend.NotFound, "read tree", "%s is a %s", id, o.kind)
	}
	entries, err := parseTree(o.data)
	return o.id, entries, err
}

// Walk lists a tree and all folders below it, a folder before its content. It
// stops at limit entries and then reports that the list is cut.
func (r *Repo) Walk(id ID, limit int) (tree ID, all []Entry, cut bool, err error) {
	var walk func(id ID, prefix string) error
	walk = func(id ID, prefix string) error {
		_, entries, err := r.Tree(id)
		for _, e := range entries {
			if cut = cut || len(all) == limit; cut {
				return nil
			}
			e.Path = prefix + e.Path
			all = append(all, e)
			if e.Mode == ModeFolder {
				if err := walk(e.ID, e.Path+"/"); err != nil {
					return err
				}
			}
		}
		return err
	}
	tree, _, err = r.Tree(id)
	if err != nil {
		return "", nil, false, err
	}
	return tree, all, cut, walk(tree, "")
}

// knownModes are the modes as Git writes them into a tree; the last one is from
// its early days.
func knownModes() []string {
	return []string{"40000", ModeFile, ModeExecutable, ModeLink, ModeSubmodule, "100664"}
}

func parseTree(data []byte) ([]Entry, error) {
	var entries []Entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, spaced := strings.Cut(string(head), " ")
		if !ok || !spaced || name == "" || len(rest) < 20 || !slices.Contains(knownModes(), mode) {
			return nil, amend.Errorf(amend.Internal, "read tree", "the tree is damaged")
		}
		if mode == "40000" {
			mode = ModeFolder
		}
		entries = append(entries, Entry{Path: name, Mode: mode, ID: ID(hex.EncodeToString(rest[:20]))})
		data = rest[20:]
	}
	return entries, nil
}

// encodeTree writes entries in Git's order, which compares a folder as if its
// name ended in a slash.
func encodeTree(entries []Entry) ([]byte, error) {
	key := func(e Entry) string {
		if e.Mode == ModeFolder {
			return e.Path + "/"
		}
		return e.Path
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(key(a), key(b)) })
	var out bytes.Buffer
	for _, e := range entries {
		id, err := hex.DecodeString(string(e.ID))
		if err != nil {
			return nil, amend.Errorf(amend.Internal, "write tree", "%w", err)
		}
		out.WriteString(strings.TrimPrefix(e.Mode, "0") + " " + e.Path + "\x00")
		out.Write(id)
	}
	return out.Bytes(), nil
}

// WriteTree applies changes to the tree base, or to an empty tree when base is
// "", and returns the new tree. The path of a change runs from the root; an
// empty ID removes what is there. Only the folders on a changed path are read.
func (r *Repo) WriteTree(base ID, changes []Entry) (ID, error) {
	for _, c := range changes {
		if err := CheckPath(c.Path); err != nil {
			return "", err
		}
	}
	var entries []Entry
	if base != "" {
		var err error
		if _, entries, err = r.Tree(base); err != nil {
			return "", err
		}
	}
	return r.applyTree(entries, changes)
}

func (r *Repo) applyTree(entries []Entry, changes []Entry) (ID, error) {
	below := map[string][]Entry{}
	for _, c := range changes {
		name, rest, nested := strings.Cut(c.Path, "/")
		if nested {
			c.Path = rest
			below[name] = append(below[name], c)
			continue
		}
		at := slices.IndexFunc(entries, func(e Entry) bool { return e.Path == name })
		if at >= 0 {
			entries = slices.Delete(entries, at, at+1)
		} else if c.ID == "" {
			return "", amend.Errorf(amend.Invalid, "write tree", "there is no %q to remove", c.Path)
		}
		if c.ID != "" {
			entries = append(entries, c)
		}
	}
	for name, inner := range below {
		var err error
		if entries, err = r.applyFolder(entries, name, inner); err != nil {
			return "", err
		}
	}
	data, err := encodeTree(entries)
	if err != nil {
		return "", err
	}
	return r.write("tree", data)
}

// applyFolder changes the folder name; a folder that ends up empty disappears,
// as Git keeps no empty folders.
func (r *Repo) applyFolder(entries []Entry, name string, changes []Entry) ([]Entry, error) {
	at := slices.IndexFunc(entries, func(e Entry) bool { return e.Path == name })
	var inside []Entry
	if at >= 0 {
		if entries[at].Mode == ModeFolder {
			var err error
			if _, inside, err = r.Tree(entries[at].ID); err != nil {
				return nil, err
			}
		}
		entries = slices.Delete(entries, at, at+1)
	}
	id, err := r.applyTree(inside, changes)
	if err != nil {
		return nil, err
	}
	if id == EmptyTree {
		return entries, nil
	}
	return append(entries, Entry{Path: name, Mode: ModeFolder, ID: id}), nil
}

// CheckPath refuses a path that Git would not take into a tree: an absolute
// one, one with empty, "." or ".." parts, and anything inside .git.
func CheckPath(path string) error {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.ContainsRune(part, 0) {
			return amend.Errorf(amend.Invalid, "check path", "%q contains a malformed path component", path)
		}
	}
	return nil
}
