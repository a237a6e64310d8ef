package audit

import (
	"io/fs"
	"sync"

	"github.com/amendhq/amend/internal/cache"
	"github.com/amendhq/amend/internal/manifest"
)

// A content is that of one version of a file.
type content struct {
	data  []byte
	parse func() parsed // once, when it is asked for
}

// A parsed is a content as a manifest. Of the nodes of its YAML, which take ten
// times as much, nothing is kept.
type parsed struct {
	docs   []manifest.Document
	leaves []leaf
	err    error
}

// A leaf is one scalar; see manifest.Leaf.
type leaf struct {
	leafKey
	value  string
	kind   manifest.Kind
	shared bool
}

// A leafKey names a scalar of a file.
type leafKey struct {
	doc  int
	path manifest.Path
}

func newContent(data []byte) *content {
	return &content{data: data, parse: sync.OnceValue(func() parsed {
		f, err := manifest.Parse(data)
		if err != nil {
			return parsed{err: err}
		}
		p := parsed{docs: f.Documents()}
		for l := range f.Leaves() {
			p.leaves = append(p.leaves, leaf{leafKey{l.Doc, l.Path}, l.Value, l.Kind, l.Shared})
		}
		return p
	})}
}

// contents remembers versions of files by their hashes: what a commit makes of a
// file is what the next one finds.
type contents struct{ known *cache.Map[string, *content] }

// The bound of what is remembered, in bytes, with what a byte costs once it is
// parsed.
const (
	maxContents = 48 << 20
	parsedByte  = 6
)

func newContents() contents {
	return contents{cache.New[string](maxContents, func(c *content) int { return parsedByte * len(c.data) })}
}

// read returns a file of a tree that has it as an entry.
func (c contents) read(files fs.FS, path string, e Entry) (*content, error) {
	if have, ok := c.known.Get(e.Hash); ok {
		return have, nil
	}
	data, err := fs.ReadFile(files, path)
	if err != nil {
		return nil, err
	}
	read := newContent(data)
	c.known.Put(e.Hash, read)
	return read, nil
}
