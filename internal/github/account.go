package github

import (
	"context"
	"sync"

	"github.com/google/go-github/v60/github"

	"github.com/amendhq/amend"
)

// An account is the one that a client writes as.
type account struct {
	as  *github.Client
	ask func(context.Context, *github.Client) (string, error)

	mu    sync.Mutex
	login string // "" until it is known
}

// name returns the login of the account. The host is asked until it has answered
// once.
func (a *account) name(ctx context.Context) (string, error) {
	const op = "find the own account"
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.login != "" {
		return a.login, nil
	}
	login, err := a.ask(ctx, a.as)
	switch err = typed(op, err); amend.KindOf(err) {
	case "":
	case amend.Transient:
		return "", err
	default:
		return "", amend.Errorf(amend.Refused, op, "the host does not say whose the credential is, so that nothing can be told from what others write; name the account: %w", err)
	}
	if login == "" {
		return "", amend.Errorf(amend.Refused, op, "the host names no account for the credential; name it")
	}
	a.login = login
	return login, nil
}
