package scenario

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// What the Slack of the scenarios knows, as kustomize/overlays/local and the policy
// of the env repo say it.
const (
	slackPort    = ":8085"
	slackToken   = "local-slack-token"
	slackSecret  = "local-slack-secret"
	slackTeam    = "T0ACME"
	slackChannel = "C0SHOP"
)

// slack stands for Slack: the methods of its Web API that amend calls, with the
// bounds that Slack documents for them, and people who press buttons.
type slack struct {
	door string // where amend takes presses

	mu       sync.Mutex
	messages []message
}

// A message is what was posted, as it is now.
type message struct {
	ts, shown string
	user      string            // who alone sees it, "" for everybody
	buttons   map[string]string // the values, by action
}

// A slackBlock is what a message is made of, as far as the tests look.
type slackBlock struct {
	Type     string `json:"type"`
	Text     *slackText
	Elements []struct {
		ActionID string `json:"action_id"`
		Value    string
		Elements []struct{ Text string }
	}
}

type slackText struct{ Type, Text string }

func (w *world) startSlack(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", w.site.Address+slackPort)
	must(t, err)
	w.slack = &slack{}
	server := &http.Server{Handler: w.slack}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
}

// ServeHTTP answers one call of a method.
func (s *slack) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	answer, err := s.call(r)
	if err != nil {
		answer = map[string]any{"ok": false, "error": err.Error()}
	}
	rw.Header().Set("Content-Type", "application/json")
	json.NewEncoder(rw).Encode(answer)
}

func (s *slack) call(r *http.Request) (map[string]any, error) {
	if r.Header.Get("Authorization") != "Bearer "+slackToken && r.PostFormValue("token") != slackToken {
		return nil, errors.New("invalid_auth")
	}
	m, err := readMessage(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch method := strings.TrimPrefix(r.URL.Path, "/api/"); {
	case method == "auth.test":
		return map[string]any{"ok": true, "team_id": slackTeam, "user_id": "U0AMEND"}, nil
	case r.PostFormValue("channel") != slackChannel:
		return nil, errors.New("channel_not_found")
	case method == "chat.postMessage" || method == "chat.postEphemeral":
		m.ts = fmt.Sprintf("1700000000.%06d", len(s.messages)+1)
		s.messages = append(s.messages, m)
	case method == "chat.update":
		i := slices.IndexFunc(s.messages, func(old message) bool { return old.ts == m.ts && old.user == "" })
		if i < 0 {
			return nil, errors.New("message_not_found")
		}
		s.messages[i] = m
	default:
		return nil, errors.New("unknown_method")
	}
	return map[string]any{"ok": true, "channel": slackChannel, "ts": m.ts, "message_ts": m.ts}, nil
}

// readMessage reads a message, and refuses one that Slack would refuse.
func readMessage(r *http.Request) (message, error) {
	m := message{ts: r.PostFormValue("ts"), user: r.PostFormValue("user"), shown: r.PostFormValue("text"), buttons: map[string]string{}}
	var blocks []slackBlock
	if text := r.PostFormValue("blocks"); text != "" {
		if err := json.Unmarshal([]byte(text), &blocks); err != nil || len(blocks) > 50 {
			return m, errors.New("invalid_blocks")
		}
	}
	for _, b := range blocks {
		most := map[string]int{"header": 150, "section": 3000}[b.Type]
		if b.Text != nil && (b.Text.Text == "" || utf8.RuneCountInString(b.Text.Text) > most || b.Type == "header" && b.Text.Type != "plain_text") || len(b.Elements) > 25 {
			return m, errors.New("invalid_blocks")
		}
		if b.Text != nil {
			m.shown += "\n" + b.Text.Text
		}
		for _, e := range b.Elements {
			if len(e.ActionID) > 255 || len(e.Value) > 2000 {
				return m, errors.New("invalid_blocks")
			}
			if e.ActionID != "" {
				m.buttons[e.ActionID] = e.Value
			}
			for _, part := range e.Elements {
				m.shown += "\n" + part.Text
			}
		}
	}
	return m, nil
}

// message waits for a message that shows a text: to everybody, or to one person
// alone.
func (s *slack) message(t *testing.T, user, text string) (found message) {
	t.Helper()
	eventually(t, fmt.Sprintf("Slack shows %q", text), func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, found = range s.messages {
			if found.user == user && strings.Contains(found.shown, text) {
				return nil
			}
		}
		return fmt.Errorf("it has %d messages", len(s.messages))
	})
	return found
}

// press sends what Slack sends when a person presses a button of a message, signed
// with a secret, and returns the status of the answer.
func (s *slack) press(t *testing.T, m message, action, user, secret string) int {
	t.Helper()
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "api_app_id": "A0AMEND", "trigger_id": "1.2.3",
		"team": map[string]string{"id": slackTeam}, "user": map[string]string{"id": user, "team_id": slackTeam},
		"channel":   map[string]string{"id": slackChannel},
		"container": map[string]any{"type": "message", "message_ts": m.ts, "channel_id": slackChannel, "is_ephemeral": false},
		"actions":   []map[string]string{{"type": "button", "block_id": "answer", "action_id": action, "value": m.buttons[action], "action_ts": "1700000001.1"}},
	})
	must(t, err)
	body, seconds := url.Values{"payload": {string(payload)}}.Encode(), strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", seconds, body)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.door+"/v1/slack/interactions", strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Slack-Request-Timestamp", seconds)
	request.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer response.Body.Close()
	return response.StatusCode
}
