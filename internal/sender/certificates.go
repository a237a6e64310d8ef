package sender

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cache"
)

const (
	// fetchTimeout bounds one request to SNS.
	fetchTimeout = 10 * time.Second
	// maxFetched bounds its answer; a certificate is about 2 KiB.
	maxFetched = 64 << 10
	// maxCertificates is how many are remembered. A region uses one at a time.
	maxCertificates = 64
	// fetchEvery and fetchBurst bound how often a stranger, who may name any
	// certificate that SNS could have, makes us ask for one.
	fetchEvery = 6 * time.Second
	fetchBurst = 10
	// leastKey is the shortest RSA key that is trusted.
	leastKey = 2048
)

// certificates fetches the keys that SNS signs with and keeps them. The file holds
// no chain, so what vouches for it is where it comes from: the TLS connection to
// SNS.
type certificates struct {
	http  *http.Client
	now   func() time.Time
	limit *rate.Limiter
	known *cache.Map[string, certificate]
	fetch sync.Mutex // one at a time, so that a burst asks once
}

type certificate struct {
	key    *rsa.PublicKey
	before time.Time
	after  time.Time
}

func newCertificates(transport http.RoundTripper, now func() time.Time) *certificates {
	return &certificates{
		http: &http.Client{
			Transport: transport, Timeout: fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now:   now,
		limit: rate.NewLimiter(rate.Every(fetchEvery), fetchBurst),
		known: cache.New[string](maxCertificates, func(certificate) int { return 1 }),
	}
}

// key returns the key of the certificate at an address that is known to be SNS's.
// It fails with amend.Transient when the certificate cannot be had now, and with a
// Refusal when what is there is not one to be trusted today.
func (c *certificates) key(ctx context.Context, address string) (*rsa.PublicKey, error) {
	found, ok := c.known.Get(address)
	if !ok {
		c.fetch.Lock()
		defer c.fetch.Unlock()
		if found, ok = c.known.Get(address); !ok {
			if !c.limit.AllowN(c.now(), 1) {
				return nil, amend.Errorf(amend.Transient, "fetch certificate", "too many different ones were asked for")
			}
			text, err := c.get(ctx, address)
			if err != nil {
				return nil, err
			}
			if found, ok = parseCertificate(text); !ok {
				return nil, Refusal(Signature)
			}
			c.known.Put(address, found)
		}
	}
	if now := c.now(); now.Before(found.before) || now.After(found.after) {
		return nil, Refusal(Signature)
	}
	return found.key, nil
}

// get asks SNS for something. Every failure is amend.Transient: the sender tries
// again, and a certificate that is not there makes nothing valid.
func (c *certificates) get(ctx context.Context, address string) ([]byte, error) {
	const op = "ask SNS"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, amend.Errorf(amend.Internal, op, "%w", err)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, amend.Errorf(amend.Transient, op, "%w", withoutURL(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, amend.Errorf(amend.Transient, op, "%s answered %d", r.URL.Host, res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxFetched))
	if err != nil {
		return nil, amend.Errorf(amend.Transient, op, "%w", err)
	}
	return text, nil
}

func parseCertificate(text []byte) (certificate, bool) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return certificate{}, false
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certificate{}, false
	}
	key, ok := parsed.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < leastKey {
		return certificate{}, false
	}
	return certificate{key: key, before: parsed.NotBefore, after: parsed.NotAfter}, true
}
