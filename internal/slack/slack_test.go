package slack_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/approval"
	"github.com/amendhq/amend/internal/slack"
	"github.com/amendhq/amend/internal/slack/slacktest"
)

var question = approval.Question{
	Matter: "pull/7", Title: "raise-memory-limit Deployment shop/web: OutOfMemory", Text: "Pull request 7 of acme/env waits for a person.",
	Diff: "--- a/web.yaml\n+++ b/web.yaml\n-  memory: 256Mi\n+  memory: 512Mi\n", URL: "https://git.example.com/acme/env/pull/7",
	SHA: strings.Repeat("a", 40), Answerable: true, Until: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC), Step: 1,
}

// newClient returns a client of a workspace, and the folder of its secrets.
func newClient(t *testing.T) (*slack.Client, *slacktest.Server, string) {
	t.Helper()
	s, dir := slacktest.New(t), t.TempDir()
	write(t, dir, "token", slacktest.Token)
	write(t, dir, "secret", slacktest.Secret)
	c, err := slack.New(slack.Config{TokenFile: filepath.Join(dir, "token"), SecretFile: filepath.Join(dir, "secret"), API: s.API()})
	if err != nil {
		t.Fatal(err)
	}
	return c, s, dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask posts a question and returns its message.
func ask(t *testing.T, c *slack.Client, s *slacktest.Server, q approval.Question) slacktest.Message {
	t.Helper()
	ref, err := c.Ask(t.Context(), "C1", q)
	if err != nil {
		t.Fatal(err)
	}
	all := s.Messages("C1")
	m := all[len(all)-1]
	if m.TS != ref {
		t.Fatalf("the message is %s, returned was %s", m.TS, ref)
	}
	return m
}

func TestMessagesAndTheirEnds(t *testing.T) {
	c, s, _ := newClient(t)
	m := ask(t, c, s, question)
	for _, text := range []string{question.Title, "+  memory: 512Mi", "merges exactly commit " + question.SHA, "2026-05-01 10:00 UTC"} {
		if !strings.Contains(m.Shown(), text) {
			t.Errorf("the message does not say %q:\n%s", text, m.Shown())
		}
	}
	tests := []struct {
		o       approval.Outcome
		says    string
		buttons []string
	}{
		{approval.Outcome{State: approval.Waiting}, "An approval merges exactly", []string{"approve", "reject", "acknowledge", "open"}},
		{approval.Outcome{State: approval.Taken, By: "Ada"}, "Ada looks after this", []string{"approve", "reject", "open"}},
		{approval.Outcome{State: approval.Accepted, By: "Ada"}, "Approved by Ada. amend has merged commit aaaa", []string{"open"}},
		{approval.Outcome{State: approval.Declined, By: "Ada"}, "Rejected by Ada", []string{"open"}},
		{approval.Outcome{State: approval.Landed}, "merged on the Git host", []string{"open"}},
		{approval.Outcome{State: approval.Over}, "This is over", []string{"open"}},
		{approval.Outcome{State: approval.Replaced}, "a newer message asks", []string{"open"}},
		{approval.Outcome{State: approval.Expired}, "Nobody answered until", []string{"open"}},
	}
	for _, tt := range tests {
		if err := c.Tell(t.Context(), "C1", m.TS, question, tt.o); err != nil {
			t.Fatal(err)
		}
		now := s.Messages("C1")[0]
		if diff := cmp.Diff(tt.buttons, buttons(now)); diff != "" || !strings.Contains(now.Shown(), tt.says) {
			t.Errorf("%s: %s\n%s", tt.o.State, diff, now.Shown())
		}
	}
}

func buttons(m slacktest.Message) []string {
	var all []string
	for _, verb := range []string{"approve", "reject", "acknowledge", "open"} {
		_, there := m.Button(verb)
		for _, b := range m.Blocks {
			for _, e := range b.Elements {
				there = there || verb == "open" && e.URL == question.URL
			}
		}
		if there {
			all = append(all, verb)
		}
	}
	return all
}

func TestWhatCannotBeApprovedHasNoButton(t *testing.T) {
	c, s, _ := newClient(t)
	foreign, trouble := question, question
	foreign.Answerable, foreign.Diff = false, ""
	trouble.SHA, trouble.Answerable, trouble.Diff, trouble.URL = "", false, "", ""
	if got := buttons(ask(t, c, s, foreign)); cmp.Diff([]string{"reject", "acknowledge", "open"}, got) != "" {
		t.Errorf("a commit of somebody else has %v", got)
	}
	if got := buttons(ask(t, c, s, trouble)); cmp.Diff([]string{"acknowledge"}, got) != "" {
		t.Errorf("trouble has %v", got)
	}
}

// Alert text is attacker text: it stays text, in bounds, whatever it holds. The
// workspace fails the test when a block is no plain text or too long.
func TestHostileTextIsInert(t *testing.T) {
	c, s, _ := newClient(t)
	for _, text := range []string{
		"<!channel> <@U123> <https://evil.example|click>", "*bold* `code` :shipit: @here", "\u202egnp.exe\u202c", strings.Repeat("€", 5000),
		strings.Repeat("x\n", 5000), "", "\x00\x1b[31m", "```\nout\n```", "&lt;!here&gt;",
	} {
		q := question
		q.Title, q.Text, q.Diff = text, text, text
		m := ask(t, c, s, q)
		if strings.ContainsAny(m.Shown()+m.Text, "\u202e\x00\x1b") {
			t.Errorf("%.20q shows what cannot be seen", text)
		}
		if strings.ContainsAny(m.Text, "<>") {
			t.Errorf("%.20q is not escaped where Slack would act on it: %q", text, m.Text)
		}
		for _, b := range m.Blocks {
			if b.Text != nil && b.Text.Type != "plain_text" {
				t.Errorf("a %s is %s", b.Type, b.Text.Type)
			}
		}
	}
}

func TestLongDiffIsCutAtALine(t *testing.T) {
	c, s, _ := newClient(t)
	q := question
	q.Diff = strings.Repeat("+ a line of the diff, with a € in it\n", 500)
	shown := ask(t, c, s, q).Shown()
	if !strings.Contains(shown, "in it\n(cut here; the pull request has all of it)") || len(shown) > 4000 {
		t.Errorf("%d bytes are shown, ending in\n%s", len(shown), shown[max(0, len(shown)-400):])
	}
}

func TestErrorsOfSlack(t *testing.T) {
	c, s, dir := newClient(t)
	for code, want := range map[string]amend.Kind{
		"channel_not_found": amend.Invalid, "not_in_channel": amend.Invalid, "missing_scope": amend.Invalid, "internal_error": amend.Transient, "ratelimited": amend.Transient,
	} {
		s.Fail(code)
		_, err := c.Ask(t.Context(), "C1", question)
		if amend.KindOf(err) != want {
			t.Errorf("%s is %q, want %q: %v", code, amend.KindOf(err), want, err)
		}
	}
	s.Fail("")
	write(t, dir, "token", "xoxb-rotated-away")
	_, err := c.Ask(t.Context(), "C1", question)
	if amend.KindOf(err) != amend.Invalid || !strings.Contains(err.Error(), "the bot token does not hold") || strings.Contains(err.Error(), "xoxb") {
		t.Errorf("with another token: %v", err)
	}
}

// TestPresses is the matrix of forged, old and foreign requests.
func TestPresses(t *testing.T) {
	c, s, dir := newClient(t)
	m := ask(t, c, s, question)
	var got []approval.Answer
	room := true
	door := c.Inbound(func(a approval.Answer) bool {
		if room {
			got = append(got, a)
		}
		return room
	}, slog.New(slog.DiscardHandler))
	press := func(r *http.Request) int {
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		return w.Code
	}
	good := slacktest.Press{Message: m, Action: "approve", User: "U1"}
	want := approval.Answer{Verb: approval.Approve, Matter: "pull/7", Via: "slack", Place: "C1", Ref: m.TS, SHA: question.SHA, User: "U1"}

	spoiled := func(spoil func(*slacktest.Press)) *http.Request {
		p := good
		spoil(&p)
		return s.Request(slack.InboundPath, p)
	}
	changed := func(change func(*http.Request)) *http.Request {
		r := s.Request(slack.InboundPath, good)
		change(r)
		return r
	}
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
	}{
		"no signature":      {changed(func(r *http.Request) { r.Header.Del("X-Slack-Signature") }), 401},
		"no time":           {changed(func(r *http.Request) { r.Header.Del("X-Slack-Request-Timestamp") }), 401},
		"another time":      {changed(func(r *http.Request) { r.Header.Set("X-Slack-Request-Timestamp", "1") }), 401},
		"another version":   {changed(func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v1=00") }), 401},
		"another body":      {changed(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("payload={}")) }), 401},
		"another secret":    {spoiled(func(p *slacktest.Press) { p.Secret = "guess" }), 401},
		"too old":           {spoiled(func(p *slacktest.Press) { p.At = time.Now().Add(-301 * time.Second) }), 401},
		"from the future":   {spoiled(func(p *slacktest.Press) { p.At = time.Now().Add(310 * time.Second) }), 401},
		"another workspace": {spoiled(func(p *slacktest.Press) { p.Team = "T2" }), 403},
		"a guest of ours":   {spoiled(func(p *slacktest.Press) { p.UserTeam = "T2" }), 403},
		"too long":          {spoiled(func(p *slacktest.Press) { p.Value = strings.Repeat("x", 300_000) }), 413},
		"an unknown button": {spoiled(func(p *slacktest.Press) { p.Action = "merge" }), 200},
	} {
		if status := press(tt.r); status != tt.status || len(got) > 0 {
			t.Errorf("%s: answered with %d, want %d; %d answers were taken", name, status, tt.status, len(got))
		}
	}
	if status := press(s.Request(slack.InboundPath, good)); status != 200 || cmp.Diff([]approval.Answer{want}, got) != "" {
		t.Errorf("the good one: %d, %s", status, cmp.Diff([]approval.Answer{want}, got))
	}
	room = false
	if status := press(s.Request(slack.InboundPath, good)); status != 503 {
		t.Errorf("without room: %d, want 503", status)
	}
	write(t, dir, "secret", "rotated")
	if status := press(s.Request(slack.InboundPath, good)); status != 401 {
		t.Errorf("with a secret of before the rotation: %d, want 401", status)
	}
}

func TestWhisper(t *testing.T) {
	c, s, _ := newClient(t)
	if err := c.Whisper(context.Background(), "C1", "U1", "Not <you>."); err != nil {
		t.Fatal(err)
	}
	if all := s.Whispers("C1", "U1"); len(all) != 1 || all[0].Text != "Not &lt;you&gt;." || len(s.Messages("C1")) > 0 {
		t.Errorf("whispered %+v", all)
	}
}

func FuzzInbound(f *testing.F) {
	dir := f.TempDir()
	for name, content := range map[string]string{"token": slacktest.Token, "secret": slacktest.Secret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	c, err := slack.New(slack.Config{TokenFile: filepath.Join(dir, "token"), SecretFile: filepath.Join(dir, "secret"), API: "http://127.0.0.1:1/"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("1700000000", "v0=00", "payload={}")
	f.Fuzz(func(t *testing.T, seconds, signature, body string) {
		r := httptest.NewRequest(http.MethodPost, slack.InboundPath, strings.NewReader(body))
		r.Header["X-Slack-Request-Timestamp"], r.Header["X-Slack-Signature"] = []string{seconds}, []string{signature}
		w := httptest.NewRecorder()
		c.Inbound(func(approval.Answer) bool { t.Error("an unsigned press is taken"); return true }, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		if w.Code == http.StatusOK {
			t.Errorf("answered %d", w.Code)
		}
	})
}
