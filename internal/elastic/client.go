package elastic

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/secret"
)

const (
	// timeout bounds one request.
	timeout = 10 * time.Second
	// maxAnswer bounds one answer; a bucket is less than 1 KiB.
	maxAnswer = 1 << 20
)

// Auth says how to prove who asks: with an API key, in the encoded form that
// Elasticsearch shows, or with a user and a password, or not at all. The files are
// read for every request.
type Auth struct {
	APIKeyFile         string
	User, PasswordFile string
}

// check fails with amend.Invalid when the credentials cannot be right.
func (a Auth) check() error {
	const op = "check credentials of Elasticsearch"
	switch {
	case (a.User == "") != (a.PasswordFile == ""):
		return amend.Errorf(amend.Invalid, op, "a user needs a password file, and a password file a user")
	case a.APIKeyFile != "" && a.User != "":
		return amend.Errorf(amend.Invalid, op, "choose an API key or a user, not both")
	}
	return a.sign(&http.Request{Header: http.Header{}})
}

// sign adds the credentials to a request.
func (a Auth) sign(r *http.Request) error {
	switch {
	case a.APIKeyFile != "":
		key, err := secret.Read(a.APIKeyFile)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "ApiKey "+key)
	case a.User != "":
		password, err := secret.Read(a.PasswordFile)
		if err != nil {
			return err
		}
		r.SetBasicAuth(a.User, password)
	}
	return nil
}

// signing adds the credentials on the way out.
type signing struct {
	auth Auth
	next http.RoundTripper
}

// RoundTrip sends the request with the credentials of this moment.
func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if err := s.auth.sign(r); err != nil {
		return nil, err
	}
	return s.next.RoundTrip(r)
}

// A Client asks one Elasticsearch for results.
type Client struct{ transport *elastictransport.Client }

// NewClient returns a client for the Elasticsearch at address; next makes the
// connections. It connects to nothing yet, and fails with amend.Invalid for an
// address that is none or has credentials in it, and for credentials that cannot
// be right.
func NewClient(address string, auth Auth, next http.RoundTripper) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, amend.Errorf(amend.Invalid, "read address", "want http(s)://HOST:PORT without credentials")
	}
	if err := auth.check(); err != nil {
		return nil, err
	}
	// The next poll is the retry.
	transport, err := elastictransport.NewClient(
		elastictransport.WithURLs(u), elastictransport.WithTransport(signing{auth, next}), elastictransport.WithDisableRetry(),
	)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "read address", "%w", err)
	}
	return &Client{transport}, nil
}

// A Result is the newest bucket of a job.
type Result struct {
	// Score is that of the whole bucket, 0 to 100.
	Score float64
	// End is when the time that the bucket covers ends. It is in the future for
	// one that is not complete.
	End time.Time
}

// buckets is the answer to get-buckets, as far as it matters.
type buckets struct {
	Buckets []struct {
		Timestamp    int64    `json:"timestamp"`   // milliseconds
		BucketSpan   int64    `json:"bucket_span"` // seconds
		AnomalyScore *float64 `json:"anomaly_score"`
	} `json:"buckets"`
}

// Newest returns the newest result of a job. It fails with amend.NotFound when the
// job has none or does not exist, with amend.Refused when Elasticsearch does not
// accept the credentials, with amend.Transient when it cannot answer now, and with
// amend.Invalid for an answer that cannot be right.
func (c *Client) Newest(ctx context.Context, job string) (Result, error) {
	const op = "ask Elasticsearch"
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	newest, one := true, 1
	res, err := esapi.MLGetBucketsRequest{JobID: job, Sort: "timestamp", Desc: &newest, Size: &one}.Do(ctx, c.transport)
	if err != nil {
		return Result{}, amend.Errorf(amend.Transient, op, "%w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return Result{}, amend.Errorf(kindOf(res.StatusCode), op, "job %s: it answered %d", job, res.StatusCode)
	}
	var list buckets
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&list); err != nil {
		return Result{}, amend.Errorf(amend.Invalid, op, "job %s: the answer is not a list of buckets", job)
	}
	if len(list.Buckets) == 0 {
		return Result{}, amend.Errorf(amend.NotFound, op, "job %s has no results", job)
	}
	b := list.Buckets[0]
	if b.AnomalyScore == nil || *b.AnomalyScore < 0 || *b.AnomalyScore > 100 || b.Timestamp <= 0 || b.BucketSpan <= 0 {
		return Result{}, amend.Errorf(amend.Invalid, op, "job %s: the newest bucket has no score, time or length that can be right", job)
	}
	return Result{Score: *b.AnomalyScore, End: time.UnixMilli(b.Timestamp).Add(time.Duration(b.BucketSpan) * time.Second)}, nil
}

func kindOf(status int) amend.Kind {
	switch {
	case status == http.StatusNotFound:
		return amend.NotFound
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return amend.Refused
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		return amend.Transient
	}
	return amend.Invalid
}
