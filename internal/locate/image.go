package locate

import (
	"slices"
	"strings"

	"github.com/amendhq/amend"
)

// isImage reports whether the field is the image of a container.
func isImage(field amend.FieldPath) bool {
	n := len(field)
	return n >= 3 && field[n-1] == amend.FieldStep{Key: "image"} && field[n-2].Select == "name" &&
		slices.Contains([]string{"containers", "initContainers"}, field[n-3].Key)
}

// image is an image reference in the parts that Kustomize tells apart.
type image struct{ name, tag, digest string }

func parseImage(s string) image {
	var i image
	i.name, i.digest, _ = strings.Cut(s, "@")
	// A colon before the last slash belongs to the registry's port.
	if colon := strings.LastIndexByte(i.name, ':'); colon > strings.LastIndexByte(i.name, '/') {
		i.name, i.tag = i.name[:colon], i.name[colon+1:]
	}
	return i
}

// rewrite returns the leaf with its part of this image replaced by that of the
// wanted one, if the two differ in just this part.
func (i image) rewrite(leaf string, want image) (string, bool) {
	switch {
	case i.name == want.name && i.digest == want.digest:
		return replaceTail(leaf, ":", i.tag, want.tag)
	case i.name == want.name && i.tag == want.tag:
		return replaceTail(leaf, "@", i.digest, want.digest)
	case i.tag == want.tag && i.digest == want.digest:
		if leaf == i.name {
			return want.name, true
		}
		part := parseImage(leaf)
		if part.name == i.name {
			return want.name + strings.TrimPrefix(leaf, i.name), true
		}
	}
	return "", false
}

// replaceTail replaces old by want where leaf is old or ends in sep and old.
func replaceTail(leaf, sep, old, want string) (string, bool) {
	if old == "" || want == "" {
		return "", false
	}
	if leaf == old {
		return want, true
	}
	if rest, ok := strings.CutSuffix(leaf, sep+old); ok {
		return rest + sep + want, true
	}
	return "", false
}

// sentinel returns the reference with one part that cannot be there by chance.
func (i image) sentinel() string {
	switch {
	case i.digest != "":
		// The last digit changes, so the digest stays one.
		last := "0"
		if strings.HasSuffix(i.digest, "0") {
			last = "1"
		}
		i.digest = i.digest[:len(i.digest)-1] + last
	case i.tag == "":
		i.tag = "amend"
	default:
		i.tag += "-amend"
	}
	return i.String()
}

// String writes the image reference.
func (i image) String() string {
	s := i.name
	if i.tag != "" {
		s += ":" + i.tag
	}
	if i.digest != "" {
		s += "@" + i.digest
	}
	return s
}
