// Package slack asks people in Slack: it posts messages with buttons, brings
// them up to date, and takes the presses of the buttons.
//
// What a message shows is plain text or preformatted text, never Slack's
// Markdown, so nothing in it mentions a person or links anywhere. A press is
// believed when Slack's signature of the request holds, it is at most five
// minutes old, and it comes from the workspace that the token is for.
package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/secret"
)

// Via is the kind of place that the package is for, in approval.Step.
const Via = "slack"

// Config says as whom to post, and how to know that Slack asks.
type Config struct {
	// TokenFile holds a bot token with the scope chat:write, SecretFile the
	// signing secret of the app. Both are read again for each use.
	TokenFile, SecretFile string
	// API is the root of the Web API; https://slack.com/api/ when empty.
	API string
}

// A Client posts to the channels of one workspace.
type Client struct {
	cfg  Config
	http *http.Client

	mu   sync.Mutex
	team string // the ID of the workspace, "" until it is known
}

// callTimeout ends one request to Slack.
const callTimeout = 10 * time.Second

// New checks that the secrets can be read. It sends nothing.
func New(cfg Config) (*Client, error) {
	for _, file := range []string{cfg.TokenFile, cfg.SecretFile} {
		if _, err := secret.Read(file); err != nil {
			return nil, err
		}
	}
	if cfg.API == "" {
		cfg.API = slack.APIURL
	}
	if !strings.HasSuffix(cfg.API, "/") {
		cfg.API += "/"
	}
	return &Client{cfg: cfg, http: &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (c *Client) api() (*slack.Client, error) {
	token, err := secret.Read(c.cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	return slack.New(token, slack.OptionAPIURL(c.cfg.API), slack.OptionHTTPClient(c.http)), nil
}

// Ask posts a question to a channel and returns the time stamp by which Slack
// knows the message.
func (c *Client) Ask(ctx context.Context, channel string, q approval.Question) (ref string, err error) {
	api, err := c.api()
	if err != nil {
		return "", err
	}
	_, ref, err = api.PostMessageContext(ctx, channel, show(q, approval.Outcome{State: approval.Waiting})...)
	return ref, typed("post to Slack", err)
}

// Tell rewrites the message of a question, so that it says what became of it.
// At its end the buttons are gone.
func (c *Client) Tell(ctx context.Context, channel, ref string, q approval.Question, o approval.Outcome) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	_, _, _, err = api.UpdateMessageContext(ctx, channel, ref, show(q, o)...)
	return typed("update in Slack", err)
}

// Whisper shows a text in a channel to one person alone.
func (c *Client) Whisper(ctx context.Context, channel, user, text string) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	_, err = api.PostEphemeralContext(ctx, channel, user, plainly(text)...)
	return typed("answer in Slack", err)
}

// workspace returns the ID of the workspace that the token is for.
func (c *Client) workspace(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.team != "" {
		return c.team, nil
	}
	api, err := c.api()
	if err != nil {
		return "", err
	}
	who, err := api.AuthTestContext(ctx)
	if err != nil {
		return "", typed("ask Slack whose token it is", err)
	}
	c.team = who.TeamID
	return c.team, nil
}

// passing are the errors of Slack's methods that are not about the request.
var passing = []string{"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}

// typed sorts an error of the library. Slack's own words are codes of a closed
// list; the token is in no error.
func typed(op string, err error) error {
	var said slack.SlackErrorResponse
	var status slack.StatusCodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said) && !slices.Contains(passing, said.Err):
		return amend.Errorf(amend.Invalid, op, "Slack says %.100q%s", said.Err, advice(said.Err))
	case errors.As(err, &status) && status.Code < 500 && status.Code != http.StatusTooManyRequests:
		return amend.Errorf(amend.Invalid, op, "Slack answered %d", status.Code)
	}
	return amend.Errorf(amend.Transient, op, "%w", err)
}

// advice says what to do about the errors that a new installation meets.
func advice(code string) string {
	switch code {
	case "not_in_channel", "channel_not_found":
		return "; invite the app to the channel, and see that the policy names the channel by its ID"
	case "invalid_auth", "token_revoked", "account_inactive", "not_authed":
		return "; the bot token does not hold"
	case "missing_scope":
		return "; the app needs the scope chat:write"
	}
	return ""
}

// buttonValue names what a button is about; matterOf reads it back.
func buttonValue(q approval.Question) string { return fmt.Sprintf("%s %s", q.Matter, q.SHA) }

func matterOf(value string) (matter, sha string) {
	matter, sha, _ = strings.Cut(value, " ")
	return matter, sha
}
