package page

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A site is what the pages know of the env repo besides the facts.
type site struct {
	repo, branch string
	byHand       time.Duration
}

// commit is where people see a commit, "" when the address of the repo is not
// one of a web site.
func (s site) commit(sha string) string { return s.join("commit", sha) }

// pull is where people see a pull request.
func (s site) pull(number int) string { return s.join("pull", strconv.Itoa(number)) }

func (s site) join(parts ...string) string {
	root := web(strings.TrimSuffix(strings.TrimSuffix(s.repo, "/"), ".git"))
	if root == "" {
		return ""
	}
	return root + "/" + strings.Join(parts, "/")
}

// web returns an address that a browser may be sent to, or "".
func web(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.String()
}
