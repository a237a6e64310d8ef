package locate

import (
	"crypto/sha256"
	"io"
	"slices"
	"strings"
)

// A shape is equal for folders with the same files and folders below them, of which
// those have the same content that say what is deployed from where: kustomizations,
// charts, Jsonnet, and all that may hold Applications. Most commits change other
// files, and leave the Applications as they were.
type shape [16]byte

// shapeOf returns the shape of a node whose children have theirs.
func (n *node) shapeOf() shape {
	h := sha256.New()
	text := func(kind, s string) { _, _ = io.WriteString(h, kind+s+"\x00") } // never fails; no name holds the byte
	for _, f := range n.files {
		text("f", f.name)
		if f.structural() {
			text("h", f.hash)
		}
	}
	for _, c := range n.children {
		text("d", c.base())
		_, _ = h.Write(c.shape[:])
	}
	var s shape
	copy(s[:], h.Sum(nil))
	return s
}

func (f entry) structural() bool {
	return f.argo != nil || isCode(f.name) || slices.Contains(kustomizationNames[:], f.name) || strings.HasSuffix(f.name, "Chart.yaml") ||
		f.name == "requirements.yaml" || strings.HasPrefix(f.name, argocdSource)
}
