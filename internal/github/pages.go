package github

import (
	"errors"
	"iter"

	"github.com/google/go-github/v60/github"
)

// perPage is how many entries of a list a host gives at once, and maxPages bounds how
// many pages of it are read where nothing else does.
const (
	perPage  = 100
	maxPages = 10
)

// errTooMany says that a list goes on after the last page that is read of it.
var errTooMany = errors.New("the list goes on")

// items yields what a host lists, page by page and in its order. An error, which op is
// told of, is the last that it yields: errTooMany after so many pages.
func items[T any](op string, pages int, page func(*github.ListOptions) ([]T, *github.Response, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		opts := github.ListOptions{PerPage: perPage}
		for range pages {
			list, response, err := page(&opts)
			if err != nil {
				yield(none, typed(op, err))
				return
			}
			for _, item := range list {
				if !yield(item, nil) {
					return
				}
			}
			if opts.Page = response.NextPage; opts.Page == 0 {
				return
			}
		}
		yield(none, errTooMany)
	}
}
