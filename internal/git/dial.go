package git

import (
	"context"
	"net/http"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/amendhq/amend"
)

// A line is a way to the host, on which nothing was said yet.
type line struct {
	transport.Transport
	endpoint *transport.Endpoint
	auth     transport.AuthMethod
}

func (m *Mirror) dial(ctx context.Context, op string) (line, error) {
	endpoint, err := transport.NewEndpoint(m.cfg.URL)
	if err != nil {
		return line{}, amend.Errorf(amend.Invalid, op, "%w", err)
	}
	var auth transport.AuthMethod
	if m.cfg.Auth != nil {
		user, secret, err := m.cfg.Auth(ctx)
		if err != nil {
			return line{}, err
		}
		auth = &githttp.BasicAuth{Username: user, Password: secret}
	}
	base := m.cfg.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	// A redirect would send the credential, or the trust in what comes back,
	// to somebody whom nobody configured; answers turns it into an error.
	client := &http.Client{Transport: answers{base, op}}
	return line{githttp.NewClient(client), endpoint, auth}, nil
}
