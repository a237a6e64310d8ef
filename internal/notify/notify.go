// Package notify tells programs of others: it posts CloudEvents, signed as the
// Standard Webhooks specification says, so that a receiver can tell who sent
// them and when.
package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/secret"
)

// Via is the kind of place that the package is for, in approval.Step.
const Via = "webhook"

// The types of the events.
const (
	TypeAsked = "dev.amend.approval.asked.v1" // a question was put
	TypeTold  = "dev.amend.approval.told.v1"  // something became of it
)

// callTimeout ends one request.
const callTimeout = 10 * time.Second

// A Client posts to receivers. A place is the name of one; of the folder, the
// file webhook-NAME holds its address and webhook-NAME-key the key of the
// signature.
type Client struct {
	dir, source string
	now         func() time.Time
	http        *http.Client
}

// New returns a client that reads addresses and keys from a folder. Source is
// that of the events, such as the address of the env repo.
func New(dir, source string, now func() time.Time) *Client {
	return &Client{dir: dir, source: source, now: now, http: &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Data is what an event holds.
type Data struct {
	Matter     string            `json:"matter"`
	Title      string            `json:"title"`
	Text       string            `json:"text,omitempty"`
	Diff       string            `json:"diff,omitempty"`
	URL        string            `json:"url,omitempty"`
	Commit     string            `json:"commit,omitempty"`
	Answerable bool              `json:"answerable"`
	Until      time.Time         `json:"until"`
	Step       int               `json:"step"`
	Outcome    *approval.Outcome `json:"outcome,omitempty"` // nil for TypeAsked
}

// Ask posts an event of TypeAsked. The same question has the same id, which is
// what is returned.
func (c *Client) Ask(ctx context.Context, receiver string, q approval.Question) (string, error) {
	id := identity(q.Matter, q.SHA, q.Until.UTC().Format(time.RFC3339Nano))
	return id, c.send(ctx, receiver, id, TypeAsked, q, nil)
}

// Tell posts an event of TypeTold. The same outcome of the same question has the
// same id.
func (c *Client) Tell(ctx context.Context, receiver, ref string, q approval.Question, o approval.Outcome) error {
	return c.send(ctx, receiver, identity(ref, string(o.State), o.By), TypeTold, q, &o)
}

func identity(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (c *Client) send(ctx context.Context, receiver, id, kind string, q approval.Question, o *approval.Outcome) error {
	address, err := secret.Read(filepath.Join(c.dir, Via+"-"+receiver))
	if err != nil {
		return err
	}
	key, err := secret.Read(filepath.Join(c.dir, Via+"-"+receiver+"-key"))
	if err != nil {
		return err
	}
	body, err := c.event(id, kind, Data{
		Matter: q.Matter, Title: q.Title, Text: q.Text, Diff: q.Diff, URL: q.URL, Commit: q.SHA, Answerable: q.Answerable,
		Until: q.Until.UTC(), Step: q.Step, Outcome: o,
	})
	if err != nil {
		return amend.Errorf(amend.Internal, "write event", "%w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return amend.Errorf(amend.Invalid, "post event", "the file %s-%s holds no address", Via, receiver)
	}
	r.Header.Set("Content-Type", event.ApplicationCloudEventsJSON)
	sign(r.Header, []byte(key), id, c.now(), body)
	return c.post(r)
}

func (c *Client) event(id, kind string, data Data) ([]byte, error) {
	e := event.New()
	e.SetID(id)
	e.SetType(kind)
	e.SetSource(c.source)
	e.SetSubject(data.Matter)
	e.SetTime(c.now().UTC())
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// sign adds the headers of Standard Webhooks: an HMAC over id, time and body.
func sign(h http.Header, key []byte, id string, now time.Time, body []byte) {
	seconds := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + seconds + "."))
	mac.Write(body)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", seconds)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (c *Client) post(r *http.Request) error {
	res, err := c.http.Do(r)
	if err != nil {
		// An address may hold a secret, and net/http puts it into its errors.
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return amend.Errorf(amend.Transient, "post event", "%w", err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode >= 500, res.StatusCode == http.StatusTooManyRequests:
		return amend.Errorf(amend.Transient, "post event", "the receiver answered %s", res.Status)
	}
	return amend.Errorf(amend.Invalid, "post event", "the receiver answered %s", res.Status)
}
