package git

import (
	"bytes"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/amendhq/amend"
)

// maxTags bounds how many annotated tags may name each other.
const maxTags = 8

// Tag returns the commit that a tag names, through an annotated tag too. No such
// tag, and a tag of something else than a commit, give amend.NotFound, and what
// cannot be the name of one amend.Invalid.
func (c *Clone) Tag(name string) (string, error) {
	sha, err := c.resolve(plumbing.NewTagReferenceName(name), "tag")
	if err != nil {
		return "", err
	}
	for range maxTags {
		if _, err := c.objects.named(sha); err == nil {
			return sha, nil
		}
		content, err := c.objects.read(plumbing.TagObject, plumbing.NewHash(sha))
		if err != nil {
			break
		}
		// A tag begins with "object " and the id of what it names (git-mktag(1)).
		first, _, _ := bytes.Cut(content, []byte("\n"))
		sha = string(bytes.TrimPrefix(first, []byte("object ")))
	}
	return "", amend.Errorf(amend.NotFound, "read tag", "the tag %q names no commit that is here", name)
}
