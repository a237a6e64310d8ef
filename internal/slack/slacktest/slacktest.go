// Package slacktest is a Slack for tests: the methods of its Web API that amend
// calls, with the bounds that Slack documents, and people who press buttons.
package slacktest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// What the workspace knows.
const (
	Token  = "xoxb-test"
	Secret = "signing-secret"
	Team   = "T0TEAM"
)

// A Message is what was posted, as it is now.
type Message struct {
	Channel, TS, Text string
	Blocks            []Block
	Updates           int
	User              string // who alone sees it, "" for everybody
}

// A Block is a block of a message, as far as the tests look.
type Block struct {
	Type     string    `json:"type"`
	Text     *Text     `json:"text"`
	Elements []Element `json:"elements"`
}

// A Text is a text object.
type Text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// An Element is a button, or a part of rich text.
type Element struct {
	Type     string          `json:"type"`
	ActionID string          `json:"action_id"`
	Value    string          `json:"value"`
	URL      string          `json:"url"`
	Text     json.RawMessage `json:"text"`
	Elements []struct {
		Type, Text string
	} `json:"elements"`
}

// Shown is all that people read in the message.
func (m Message) Shown() string {
	var all []string
	for _, b := range m.Blocks {
		if b.Text != nil {
			all = append(all, b.Text.Text)
		}
		for _, e := range b.Elements {
			for _, part := range e.Elements {
				all = append(all, part.Text)
			}
		}
	}
	return strings.Join(all, "\n")
}

// Button returns the value of a button, false when there is none.
func (m Message) Button(action string) (string, bool) {
	for _, b := range m.Blocks {
		for _, e := range b.Elements {
			if e.ActionID == action {
				return e.Value, true
			}
		}
	}
	return "", false
}

// A Server is one workspace.
type Server struct {
	testing.TB
	web *httptest.Server

	mu       sync.Mutex
	messages []Message
	fail     string // the error to answer with, "" for none
}

// New starts a workspace that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{TB: t}
	s.web = httptest.NewServer(s)
	t.Cleanup(s.web.Close)
	return s
}

// API is the root of the Web API.
func (s *Server) API() string { return s.web.URL + "/api/" }

// Fail makes all methods answer with an error; "" ends that.
func (s *Server) Fail(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = code
}

// Messages returns what everybody sees in a channel, oldest first.
func (s *Server) Messages(channel string) []Message { return s.of(channel, "") }

// Whispers returns what one person alone saw in a channel.
func (s *Server) Whispers(channel, user string) []Message { return s.of(channel, user) }

func (s *Server) of(channel, user string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.messages), func(m Message) bool { return m.Channel != channel || m.User != user })
}

// ServeHTTP answers one call of a method.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer, code := s.call(r)
	if code != "" {
		answer = map[string]any{"ok": false, "error": code}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.Error(err)
	}
}

func (s *Server) call(r *http.Request) (map[string]any, string) {
	if s.fail != "" {
		return nil, s.fail
	}
	if token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); token != Token && r.PostFormValue("token") != Token {
		return nil, "invalid_auth"
	}
	if r.URL.RawQuery != "" {
		s.Errorf("a call has the query %q, which logs show", r.URL.RawQuery)
	}
	m := Message{Channel: r.PostFormValue("channel"), Text: r.PostFormValue("text"), User: r.PostFormValue("user"), TS: r.PostFormValue("ts")}
	if blocks := r.PostFormValue("blocks"); blocks != "" {
		if err := json.Unmarshal([]byte(blocks), &m.Blocks); err != nil {
			return nil, "invalid_blocks"
		}
	}
	if wrong := invalid(m.Blocks); wrong != "" {
		s.Errorf("Slack does not take the blocks: %s", wrong)
		return nil, "invalid_blocks"
	}
	switch r.URL.Path {
	case "/api/auth.test":
		return map[string]any{"ok": true, "team_id": Team, "user_id": "UBOT"}, ""
	case "/api/chat.postMessage", "/api/chat.postEphemeral":
		m.TS = fmt.Sprintf("1700000000.%06d", len(s.messages)+1)
		s.messages = append(s.messages, m)
		return map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS, "message_ts": m.TS}, ""
	case "/api/chat.update":
		for i, old := range s.messages {
			if old.Channel == m.Channel && old.TS == m.TS && old.User == "" {
				m.Updates = old.Updates + 1
				s.messages[i] = m
				return map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS}, ""
			}
		}
		return nil, "message_not_found"
	}
	return nil, "unknown_method"
}

// invalid says which of the documented bounds of blocks is broken, "" for none.
func invalid(blocks []Block) string {
	if len(blocks) > 50 {
		return "more than 50 blocks"
	}
	for _, b := range blocks {
		most := map[string]int{"header": 150, "section": 3000}[b.Type]
		switch {
		case b.Text != nil && (b.Text.Text == "" || utf8.RuneCountInString(b.Text.Text) > most):
			return fmt.Sprintf("a %s of %d characters", b.Type, utf8.RuneCountInString(b.Text.Text))
		case b.Type == "header" && b.Text.Type != "plain_text":
			return "a header that is no plain text"
		case len(b.Elements) > 25:
			return "more than 25 elements"
		}
		for _, e := range b.Elements {
			if len(e.ActionID) > 255 || len(e.Value) > 2000 || len(e.URL) > 3000 {
				return "an element with too long a field"
			}
		}
	}
	return ""
}

// A Press is somebody pressing a button of a message. What is left out is what
// Slack would send.
type Press struct {
	Message      Message
	Action       string
	User         string
	Team         string // that the press is of
	UserTeam     string // that the user is of
	Channel      string
	Value        string
	TS           string
	Secret       string
	At           time.Time
	BadSignature bool
}

func or(value, other string) string {
	if value == "" {
		return other
	}
	return value
}

// Request is the signed post that Slack sends for a press.
func (s *Server) Request(address string, p Press) *http.Request {
	value, _ := p.Message.Button(p.Action)
	channel := or(p.Channel, p.Message.Channel)
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "api_app_id": "A0APP", "trigger_id": "1.2.3",
		"team": map[string]string{"id": or(p.Team, Team)}, "user": map[string]string{"id": p.User, "team_id": or(p.UserTeam, Team)},
		"channel":   map[string]string{"id": channel},
		"container": map[string]any{"type": "message", "message_ts": or(p.TS, p.Message.TS), "channel_id": channel, "is_ephemeral": false},
		"actions":   []map[string]string{{"type": "button", "block_id": "answer", "action_id": p.Action, "value": or(p.Value, value), "action_ts": "1700000001.1"}},
	})
	if err != nil {
		s.Fatal(err)
	}
	body := url.Values{"payload": {string(payload)}}.Encode()
	at := p.At
	if at.IsZero() {
		at = time.Now()
	}
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(or(p.Secret, Secret)))
	mac.Write([]byte("v0:" + seconds + ":" + body))
	if p.BadSignature {
		mac.Write([]byte("x"))
	}
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", seconds)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// Press sends a press to where the app takes them and returns the status.
func (s *Server) Press(address string, p Press) int {
	s.Helper()
	res, err := http.DefaultClient.Do(s.Request(address, p))
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
