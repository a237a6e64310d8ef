package writerapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cache"
)

// allowedFor is how long a positive answer of the Authorizer is good. A right
// that was just given counts at once, one that was just taken within this time.
const allowedFor = 30 * time.Second

// maxAllowed bounds the positive answers that are remembered.
const maxAllowed = 4096

// askFor bounds one question to the Authorizer. The writer asks it between its
// reads and its writes, so a slow answer holds up everybody.
const askFor = 5 * time.Second

// A Caller is who a token belongs to, as Kubernetes says it.
type Caller struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

// An Authenticator finds out whose token it is. Anything but a token for this
// service is amend.Refused; amend.Transient means that nobody could tell.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (Caller, error)
}

// An Authorizer says whether the caller may ask for changes in a namespace.
type Authorizer interface {
	Authorize(ctx context.Context, caller Caller, namespace string) (bool, error)
}

// access asks who calls and what they may do.
type access struct {
	authenticator Authenticator
	authorizer    Authorizer
	now           func() time.Time
	allowed       *cache.Map[grant, time.Time] // until when
}

// A grant is one caller's right in one namespace. A recreated service account
// has another UID, so it does not inherit what the old one was granted.
type grant struct{ name, uid, namespace string }

func newAccess(cfg Config) *access {
	return &access{
		authenticator: cfg.Authenticator, authorizer: cfg.Authorizer, now: cfg.Now,
		allowed: cache.New[grant](maxAllowed, func(time.Time) int { return 1 }),
	}
}

// caller returns who sent the request.
func (a *access) caller(r *http.Request) (Caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Caller{}, amend.Refusef(amend.ReasonForbidden, "the request has no bearer token")
	}
	return a.authenticator.Authenticate(r.Context(), token)
}

// check returns nil when the caller may ask for changes of the object, a refusal
// when not, and any other error when that could not be found out.
func (a *access) check(ctx context.Context, c Caller, object amend.ObjectRef) error {
	key := grant{c.Name, c.UID, object.Namespace}
	if until, ok := a.allowed.Get(key); ok && a.now().Before(until) {
		return nil
	}
	if object.Namespace == "" {
		return amend.Refusef(amend.ReasonForbidden, "%s names no namespace, so nobody can be allowed to ask for it", object)
	}
	asked := a.now()
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	ok, err := a.authorizer.Authorize(ctx, c, object.Namespace)
	if err != nil {
		return err
	}
	if !ok {
		return amend.Refusef(amend.ReasonForbidden, "%q may not create changes.amend.dev in namespace %q", c.Name, object.Namespace)
	}
	a.allowed.Put(key, asked.Add(allowedFor))
	return nil
}
