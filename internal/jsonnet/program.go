package jsonnet

import (
	"encoding/json"
	"time"
)

// A Program is a list of Jsonnet files that are evaluated with the same
// parameters. All paths are relative to the repo.
type Program struct {
	Files []string
	// TLAs are the arguments of a file whose value is a function, and ExtVars
	// what std.extVar returns.
	TLAs, ExtVars []Var
	// Paths are searched for imports that are not beside the importing file,
	// the last one first.
	Paths []string
}

// A Var is a named value: a text, or code that is evaluated.
type Var struct {
	Name, Value string
	Code        bool
}

// The limits of one question, beyond which the answer is a refusal. Memory is
// looked at now and then, so a worker may have some more; the tests hold it to
// 512 MB.
const (
	// MaxTime is what one query may spend on all its programs.
	MaxTime = 8 * time.Second

	// maxWait ends a process that does nothing: time of the processor is what
	// counts, because a busy machine takes longer for the same.
	maxWait = 60 * time.Second

	maxHeap   = 320 << 20
	maxStack  = 64 << 20
	maxOutput = 10 << 20
)

// A request is the one thing that a worker is asked.
type request struct {
	Program *Program      `json:",omitempty"`
	Parse   []Source      `json:",omitempty"`
	Limit   time.Duration // of the time of the processor
}

// A Source is a file to be parsed.
type Source struct {
	Name string
	Data []byte
}

// An answer is what a worker says: the name of a file that it needs, the
// result, or why there is none.
type answer struct {
	Read     string            `json:",omitempty"`
	Outputs  []json.RawMessage `json:",omitempty"`
	Outlines []Outline         `json:",omitempty"`
	Refusal  string            `json:",omitempty"`
	Ended    bool              `json:",omitempty"` // it was refused because of a limit
}

// A content is the reply to a read.
type content struct {
	Found bool
	Data  []byte
}
