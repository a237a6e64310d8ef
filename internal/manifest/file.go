package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/amendhq/amend"
	"go.yaml.in/yaml/v3"
)

// The bounds on what is read. They are far above any file that people write by
// hand (the largest of 5,588 public ones had 600 kB) and keep a hostile file
// from costing more than a moment.
const (
	maxBytes  = 8 << 20
	maxDepth  = 128
	maxNodes  = 100_000 // nodes that aliases may stand for, in any file
	maxGrowth = 10      // and in a larger file, times the nodes that are written
)

// File is a parsed multi-document YAML or JSON file with byte positions.
type File struct {
	text     text
	docs     []source
	objects  []object
	anchored map[*yaml.Node]bool // nodes that an alias or a merge refers to
	json     bool
	// generated says that a comment at the head of the file names a program that
	// writes it. It is never edited: the next run would undo the edit.
	generated bool
	read      Reader
}

// source is one YAML document: its root, nil when there is none, and its bytes.
type source struct {
	root       *yaml.Node
	start, end int
}

// Parse reads a file. It is an Invalid error when the file is not YAML, is the
// text of a template that only looks like YAML, or is larger, deeper or more
// aliased than any file that people write. The file keeps data, which must not
// be changed afterwards.
func Parse(data []byte) (*File, error) { return Reader(Read).Parse(data) }

// Parse is the function Parse for a file whose documents the Reader reads where an edit
// is proved.
func (read Reader) Parse(data []byte) (*File, error) {
	if len(data) > maxBytes {
		return nil, invalid("the file has %d bytes, more than %d", len(data), maxBytes)
	}
	if n := Weight(data); n > MaxWeight {
		return nil, invalid("the file has up to %d values, more than %d", n, MaxWeight)
	}
	if !utf8.Valid(data) {
		return nil, invalid("the file is not UTF-8")
	}
	f := &File{text: newText(data), anchored: map[*yaml.Node]bool{}, read: read}
	if err := f.decode(); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	f.json = isJSON(data)
	f.generated = hasGeneratedHeader(f.text)
	f.objects = f.listObjects()
	return f, nil
}

// Bytes returns the file as it was parsed.
func (f *File) Bytes() []byte { return f.text.data }

// decode splits the file into documents.
func (f *File) decode() error {
	dec := yaml.NewDecoder(bytes.NewReader(f.text.data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return invalid("%w", err)
		}
		start, ok := f.text.offset(doc.Line, 1)
		if !ok || len(doc.Content) != 1 {
			return invalid("document %d has no position", len(f.docs))
		}
		if n := len(f.docs); n > 0 {
			f.docs[n-1].end = start
		} else {
			start = 0
		}
		f.docs = append(f.docs, source{root: doc.Content[0], start: start, end: len(f.text.data)})
	}
	if len(f.docs) == 0 {
		f.docs = []source{{end: len(f.text.data)}}
	}
	return nil
}

// isJSON reports whether the whole file is one JSON object or array. An empty
// one is more likely a values file in which nothing is set yet.
func isJSON(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) > 2 && (data[0] == '{' || data[0] == '[') && json.Valid(data)
}

func invalid(format string, args ...any) error {
	return amend.Errorf(amend.Invalid, "read manifest", format, args...)
}
