package gateway

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cache"
)

// A Reviewer returns the account that a token of a service account belongs to. It
// fails with amend.Refused for a token that is not to be accepted.
type Reviewer interface {
	Account(ctx context.Context, token string) (string, error)
}

const (
	// maxToken is longer than any token of a service account.
	maxToken = 8 << 10
	// A yes is good for reviewKeep, and strangers, who may show any token, make us
	// ask reviewRate times a second at most, after reviewBurst at once.
	reviewKeep  = time.Minute
	reviewRate  = 10
	reviewBurst = 50
)

// Accounts let in senders that show a token of their own service account, as the
// triggers of Knative do.
type Accounts struct {
	reviewer Reviewer
	names    []string
	now      func() time.Time
	limit    *rate.Limiter
	known    *cache.Map[[sha256.Size]byte, reviewed]
}

// reviewed is an account that was let in.
type reviewed struct {
	name string
	at   time.Time
}

// NewAccounts returns the accounts of these names, system:serviceaccount:NAMESPACE:NAME
// each. Now is the clock; time.Now when nil.
func NewAccounts(reviewer Reviewer, names []string, now func() time.Time) *Accounts {
	if now == nil {
		now = time.Now
	}
	return &Accounts{
		reviewer: reviewer, names: names, now: now, limit: rate.NewLimiter(reviewRate, reviewBurst),
		known: cache.New[[sha256.Size]byte](1000, func(reviewed) int { return 1 }),
	}
}

// of returns the account of a token if it is one of these. The error says that
// nobody can tell now.
func (a *Accounts) of(ctx context.Context, token string) (string, bool, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 { // no JSON Web Token
		return "", false, nil
	}
	now, key := a.now(), sha256.Sum256([]byte(token))
	if r, ok := a.known.Get(key); ok && now.Sub(r.at) < reviewKeep {
		return r.name, true, nil
	}
	if !a.limit.AllowN(now, 1) {
		return "", false, amend.Errorf(amend.Transient, "review token", "too many unknown tokens")
	}
	name, err := a.reviewer.Account(ctx, token)
	switch {
	case amend.KindOf(err) == amend.Refused:
		return "", false, nil
	case err != nil:
		return "", false, err
	case !slices.Contains(a.names, name):
		return "", false, nil
	}
	a.known.Put(key, reviewed{name, now})
	return name, true, nil
}
