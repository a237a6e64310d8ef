package locate

import (
	"crypto/sha256"
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
	var b []byte
	text := func(kind byte, s string) { b = append(append(append(b, kind), s...), 0) } // no name holds the byte
	for _, f := range n.files {
		text('f', f.name)
		if f.structural() {
			b = append(append(b, 'h'), f.hash[:]...)
		}
	}
	for _, c := range n.children {
		text('d', c.base())
		b = append(b, c.shape[:]...)
	}
	sum := sha256.Sum256(b)
	return shape(sum[:len(shape{})])
}

func (f entry) structural() bool {
	return f.argo != nil || isCode(f.name) || slices.Contains(kustomizationNames[:], f.name) || strings.HasSuffix(f.name, "Chart.yaml") ||
		f.name == "requirements.yaml" || strings.HasPrefix(f.name, argocdSource)
}
