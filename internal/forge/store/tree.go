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
	modeFile       = "100644"
	modeExecutable = "100755"
	modeLink       = "120000"
	modeSubmodule  = "160000"
	modeFolder     = "40000"
)

// EmptyTree names the tree without entries, which Git knows without keeping it.
const EmptyTree ID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// An Entry is one name in a folder.
type Entry struct {
	Name string
	Mode string // as Git writes it
	ID   ID
}

// IsFile reports whether there is a file behind the entry, which may be a link.
func (e Entry) IsFile() bool { return e.Mode != modeFolder && e.Mode != modeSubmodule }

// Folder lists a folder in a commit, or fails with amend.NotFound.
func (r *Repo) Folder(commit ID, path string) ([]Entry, error) {
	o, err := r.objects.read(string(commit) + ":" + path)
	if err != nil {
		return nil, err
	}
	if o.kind != "tree" {
		return nil, amend.Errorf(amend.NotFound, "read folder", "%s is no folder in %s", path, commit)
	}
	return parseTree(o.data)
}

func parseTree(data []byte) ([]Entry, error) {
	// As Git writes them; the last one is from its early days.
	known := []string{modeFolder, modeFile, modeExecutable, modeLink, modeSubmodule, "100664"}
	var entries []Entry
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, spaced := strings.Cut(string(head), " ")
		if !ok || !spaced || name == "" || len(rest) < 20 || !slices.Contains(known, mode) {
			return nil, amend.Errorf(amend.Internal, "read tree", "the tree is damaged")
		}
		entries = append(entries, Entry{Name: name, Mode: mode, ID: ID(hex.EncodeToString(rest[:20]))})
		data = rest[20:]
	}
	return entries, nil
}
