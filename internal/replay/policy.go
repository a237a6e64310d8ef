package replay

import (
	"bytes"
	"io/fs"
	"time"

	"github.com/amendhq/amend/internal/policy"
	"github.com/amendhq/amend/internal/tree"
)

// withPolicy is a tree that holds another policy, or none when that is nil.
type withPolicy struct {
	fs.FS
	policy []byte
}

var (
	_ fs.ReadFileFS = withPolicy{}
	_ tree.Hasher   = withPolicy{}
)

// Open implements fs.FS.
func (w withPolicy) Open(name string) (fs.File, error) {
	if name != policy.Path {
		return w.FS.Open(name)
	}
	if w.policy == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &policyFile{bytes.NewReader(w.policy)}, nil
}

// ReadFile implements fs.ReadFileFS.
func (w withPolicy) ReadFile(name string) ([]byte, error) {
	if name != policy.Path {
		return fs.ReadFile(w.FS, name)
	}
	if w.policy == nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.Clone(w.policy), nil
}

// Hash passes on the hashes of what the policy is not part of.
func (w withPolicy) Hash(name string) (string, bool) {
	h, ok := w.FS.(tree.Hasher)
	if !ok || name == "." || name == ".amend" || name == policy.Path {
		return "", false
	}
	return h.Hash(name)
}

// policyFile is the policy as an open file.
type policyFile struct{ *bytes.Reader }

func (f *policyFile) Stat() (fs.FileInfo, error) { return policyInfo{f.Size()}, nil }
func (f *policyFile) Close() error               { return nil }

type policyInfo struct{ size int64 }

func (i policyInfo) Name() string       { return "policy.yaml" }
func (i policyInfo) Size() int64        { return i.size }
func (i policyInfo) Mode() fs.FileMode  { return 0o644 }
func (i policyInfo) ModTime() time.Time { return time.Time{} }
func (i policyInfo) IsDir() bool        { return false }
func (i policyInfo) Sys() any           { return nil }
