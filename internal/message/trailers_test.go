package message_test

import (
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

const trailers = `Amend-Incident: web-anomaly-0123456789
Amend-Episode: 2
Amend-Action: restart
Amend-Playbook: web-anomaly
Amend-Alert: firing.4f0c
Amend-Workload: apps/Deployment/shop/web
Amend-Target: apps/web/deploy.yaml:12
`

func TestParseTrailers(t *testing.T) {
	replaced := func(old, new string) string { return strings.Replace("s\n\n"+trailers, old, new, 1) }
	for name, c := range map[string]struct {
		message string
		ok      bool
	}{
		"ours":                    {"subject\n\nbody\n\n" + trailers, true},
		"no final newline":        {"subject\n\n" + strings.TrimSpace(trailers), true},
		"CRLF":                    {strings.ReplaceAll("subject\n\nbody\n\n"+trailers, "\n", "\r\n"), true},
		"squashed by a host":      {"subject (#3)\n\n" + trailers + "Co-authored-by: A <a@example.org>\nSigned-off-by: B\n", true},
		"cherry-picked":           {"s\n\n" + trailers + "(cherry picked from commit 0123456789012345678901234567890123456789)\n", true},
		"a key of a later amend":  {"s\n\n" + trailers + "Amend-Verdict: worked\n", true},
		"traced":                  {"s\n\n" + trailers + "Amend-Trace: 4bf92f3577b34da6a3ce929d0e0e4736\n", true},
		"an empty trace":          {"s\n\n" + trailers + "Amend-Trace: \n", false},
		"a trace in capitals":     {"s\n\n" + trailers + "Amend-Trace: 4BF92F3577B34DA6A3CE929D0E0E4736\n", false},
		"a trace that goes on":    {"s\n\n" + trailers + "Amend-Trace: 4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7\n", false},
		"two traces":              {"s\n\n" + trailers + "Amend-Trace: 4bf92f3577b34da6a3ce929d0e0e4736\nAmend-Trace: 4bf92f3577b34da6a3ce929d0e0e4736\n", false},
		"no place in a new file":  {replaced(":12", ":0"), true},
		"empty":                   {"", false},
		"subject only":            {trailers, false},
		"not the last paragraph":  {"s\n\n" + trailers + "\nmore\n", false},
		"text before":             {"s\n\nwhy\n" + trailers, false},
		"text after":              {"s\n\n" + trailers + "bye\n", false},
		"folded":                  {replaced("restart", "restart\n more"), false},
		"twice":                   {"s\n\n" + trailers + "Amend-Episode: 2\n", false},
		"twice in other case":     {"s\n\n" + trailers + "amend-episode: 3\n", false},
		"in other case":           {replaced("Amend-Episode", "amend-episode"), false},
		"a missing key":           {replaced("Amend-Alert: firing.4f0c\n", ""), false},
		"an empty value":          {replaced("firing.4f0c", ""), false},
		"incident alphabet":       {replaced("web-anomaly-01", "Web_anomaly-01"), false},
		"incident length":         {replaced("web-anomaly-01", strings.Repeat("a", 64)), false},
		"episode zero":            {replaced("Episode: 2", "Episode: 0"), false},
		"episode written oddly":   {replaced("Episode: 2", "Episode: +2"), false},
		"episode overflows":       {replaced("Episode: 2", "Episode: 99999999999999999999"), false},
		"the last episode":        {replaced("Episode: 2", "Episode: 1000000"), true},
		"more episodes than last": {replaced("Episode: 2", "Episode: 1000001"), false},
		"all the episodes":        {replaced("Episode: 2", fmt.Sprint("Episode: ", math.MaxInt)), false},
		"action":                  {replaced("restart", "rm -rf"), false},
		"playbook":                {replaced("Playbook: web", "Playbook: ../web"), false},
		"workload":                {replaced("apps/Deployment/shop/web", "web"), false},
		"path leaves":             {replaced("apps/web/", "../"), false},
		"no line":                 {replaced(":12", ""), false},
		"escaped for no reason":   {replaced("deploy.yaml", "%64eploy.yaml"), false},
		"not escaped":             {replaced("deploy.yaml", "de@ploy.yaml"), false},
		"broken escape":           {replaced("deploy.yaml", "deploy.yaml%4"), false},
		"value with a space":      {replaced("restart", "restart "), false},
		"invalid text":            {replaced("firing.4f0c", "%FF"), false},
		"control character as is": {replaced("firing.4f0c", "firing\x00"), false},
	} {
		got, ok := message.ParseTrailers(c.message)
		if ok != c.ok {
			t.Errorf("%s: ok = %v, want %v", name, ok, c.ok)
		}
		if !ok && got != (message.Trailers{}) {
			t.Errorf("%s: refused with a value %+v", name, got)
		}
		if ok && (got.Incident != "web-anomaly-0123456789" || got.Episode != 2 && got.Episode != amend.MaxEpisode || got.Workload.Name != "web") {
			t.Errorf("%s: read %+v", name, got)
		}
	}
}

// Git itself must see our trailers, and no other, whatever the alert says.
func TestGitAgrees(t *testing.T) {
	for i, s := range payloads() {
		if i%100 != 0 {
			continue // a process each: a sample is enough
		}
		p := hostilePlan(s)
		cmd := exec.Command("git", "interpret-trailers", "--parse")
		cmd.Stdin = strings.NewReader(message.Commit(p))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		_, want := cutTrailers(message.Commit(p))
		if string(out) != strings.TrimLeft(want, "\n") {
			t.Errorf("payload %q: git reads\n%swant%s", s, out, want)
		}
	}
}

func FuzzTrailersReadBack(f *testing.F) {
	f.Add("firing.1", "Deployment", "shop", "web", "apps/web.yaml", 12, 1)
	f.Add("a\n\nAmend-Episode: 9", "@x", "GH-1", "www.x", "a b:1", 0, 2)
	f.Add("[skip ci]", "#1", "", "%41", "ü\u202e", 3, 4)
	f.Fuzz(func(t *testing.T, id, kind, namespace, name, path string, line, episode int) {
		p := plan()
		p.Request.Event.ID = id
		p.Request.Workload.ObjectRef = amend.ObjectRef{Kind: kind, Namespace: namespace, Name: name}
		target, err := amend.ParseRepoPath(path)
		if err != nil || line < 0 || episode < 1 || episode > amend.MaxEpisode || !utf8.ValidString(kind+"/"+namespace+"/"+name) ||
			strings.Contains(kind+namespace+name, "/") {
			t.Skip("no plan can say this")
		}
		p.Edits[0].Target.Path, p.Edits[0].Target.Line, p.Episode = target, line, episode
		p.Request.Event.Alert.Annotations["summary"] = id
		checkTrailers(t, p, message.Commit(p))
	})
}

func FuzzParseTrailers(f *testing.F) {
	f.Add("s\n\n" + trailers)
	f.Add("s\n\nAmend-Incident: x\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := message.ParseTrailers(text)
		if !ok {
			return
		}
		// What is accepted is written the one way that we write it.
		again, ok := message.ParseTrailers("subject\n\n" + got.String())
		if !ok || again != got {
			t.Errorf("%+v reads back as %+v", got, again)
		}
	})
}
