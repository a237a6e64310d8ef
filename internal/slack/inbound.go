package slack

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/slack-go/slack"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/secret"
)

// InboundPath is where Slack sends presses; it is the "Request URL" of the app's
// interactivity.
const InboundPath = "/v1/slack/interactions"

// maxBody bounds a press, which repeats the message that it is for.
const maxBody = 256 << 10

// Inbound takes the presses of buttons and hands each to press, which must not
// block; false means that it is to be sent again later. Slack waits three seconds
// for an answer, so what follows from a press shows in the message and not here.
func (c *Client) Inbound(press func(approval.Answer) bool, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+InboundPath, func(w http.ResponseWriter, r *http.Request) {
		status, err := c.receive(w, r, press)
		if err != nil {
			log.Warn("a press from Slack is not taken", "status", status, "error", amend.Public(err))
		}
		w.WriteHeader(status)
	})
	return mux
}

// receive returns the status to answer with.
func (c *Client) receive(w http.ResponseWriter, r *http.Request, press func(approval.Answer) bool) (int, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return http.StatusRequestEntityTooLarge, err
	}
	if status, err := c.verify(r.Header, body); err != nil {
		return status, err
	}
	p, err := parse(body)
	if err != nil {
		return http.StatusBadRequest, err
	}
	if status, err := c.ours(r.Context(), p); err != nil {
		return status, err
	}
	for _, a := range p.ActionCallback.BlockActions {
		answer, ok := answerOf(p, a)
		if ok && !press(answer) {
			return http.StatusServiceUnavailable, amend.Errorf(amend.Transient, "take press", "too many wait")
		}
	}
	return http.StatusOK, nil
}

// verify checks Slack's signature and its time.
func (c *Client) verify(header http.Header, body []byte) (int, error) {
	key, err := secret.Read(c.cfg.SecretFile)
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	v, err := slack.NewSecretsVerifier(header, key)
	if err == nil {
		if _, err = v.Write(body); err == nil {
			err = v.Ensure()
		}
	}
	if err != nil {
		return http.StatusUnauthorized, amend.Errorf(amend.Refused, "verify press", "%w", err)
	}
	return 0, nil
}

func parse(body []byte) (slack.InteractionCallback, error) {
	var p slack.InteractionCallback
	form, err := url.ParseQuery(string(body))
	if err == nil {
		err = json.Unmarshal([]byte(form.Get("payload")), &p)
	}
	if err != nil {
		return p, amend.Errorf(amend.Invalid, "read press", "%w", err)
	}
	return p, nil
}

// ours checks that the press comes from our workspace: a shared channel has
// people of others in it.
func (c *Client) ours(ctx context.Context, p slack.InteractionCallback) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	team, err := c.workspace(ctx)
	if err != nil {
		return http.StatusServiceUnavailable, err
	}
	if team == "" || p.Team.ID != team || p.User.TeamID != "" && p.User.TeamID != team {
		return http.StatusForbidden, amend.Errorf(amend.Refused, "verify press", "it comes from the workspace %.40q of the user %.40q, ours is %q", p.Team.ID, p.User.TeamID, team)
	}
	return 0, nil
}

// answerOf reads what was pressed, false when it is nothing to answer to.
func answerOf(p slack.InteractionCallback, a *slack.BlockAction) (approval.Answer, bool) {
	verb := approval.Verb(a.ActionID)
	switch verb {
	case approval.Approve, approval.Reject, approval.Acknowledge:
	default:
		return approval.Answer{}, false // the link to the Git host is pressed too
	}
	if p.Type != slack.InteractionTypeBlockActions || p.Container.Type != "message" || p.Container.IsEphemeral || p.Container.ChannelID != p.Channel.ID {
		return approval.Answer{}, false
	}
	matter, sha := matterOf(a.Value)
	return approval.Answer{
		Verb: verb, Matter: matter, Via: Via, Place: p.Channel.ID, Ref: p.Container.MessageTs, SHA: sha, User: p.User.ID,
	}, true
}
