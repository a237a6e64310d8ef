package message_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/message"
)

// again is the nth later delivery of the plan's alert, a minute after the last.
func again(n int) amend.Event {
	e := plan().Request.Event
	e.Time = e.Time.Add(time.Duration(n) * time.Minute)
	e.Alert.Annotations = map[string]string{"value": fmt.Sprint(n)}
	return e
}

func TestTimelineFoldsDeliveries(t *testing.T) {
	_, body := message.PullRequest(plan())
	for n := 1; n <= 25; n++ {
		body = message.Updated(body, message.Update{Deliveries: []amend.Event{again(n)}})
	}
	body = message.Updated(body, message.Update{Happened: "The env repo had changed, so the change was planned anew.", At: again(30).Time})
	golden(t, "timeline.md", body)
	if got := strings.Count(body, "it still fires"); got != 10 {
		t.Errorf("%d deliveries are listed, want the last 10", got)
	}
}

// Whatever is lost and sent again, and in whichever portions, a delivery counts
// once.
func TestUpdateTwiceChangesNothing(t *testing.T) {
	_, body := message.PullRequest(plan())
	u := message.Update{Deliveries: []amend.Event{again(1), again(2)}, Happened: "It was looked at.", At: again(2).Time}
	once := message.Updated(body, u)
	u.At = again(3).Time
	if twice := message.Updated(once, u); twice != once {
		t.Errorf("the second time it became\n%s", twice)
	}
	if twice := message.Updated(once, message.Update{Deliveries: []amend.Event{plan().Request.Event, again(1)}}); twice != once {
		t.Errorf("old deliveries made it\n%s", twice)
	}
	if got := message.Updated(body, message.Update{}); got != body {
		t.Errorf("without news it became\n%s", got)
	}
}

// People may write around the sections, through a web form too, and may take
// them out: what they wrote stays and what they took out does not come back.
func TestUpdateLeavesPeoplesWords(t *testing.T) {
	_, body := message.PullRequest(plan())
	theirs := "Please look, Ana.\n\n" + strings.Replace(body, "### What you can do", "My view: fine.\n\n### What you can do", 1)
	u := message.Update{Deliveries: []amend.Event{again(1)}}
	if got, want := message.Updated(theirs, u), "Please look, Ana.\n\n"+strings.Replace(message.Updated(body, u), "### What you can do", "My view: fine.\n\n### What you can do", 1); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	form := strings.ReplaceAll(theirs, "\n", "\r\n")
	if got := message.Updated(form, u); !strings.Contains(got, "it still fires, value 1") || !strings.HasPrefix(got, "Please look, Ana.\r\n") {
		t.Errorf("from a web form it became\n%q", got)
	}
	for name, broken := range map[string]string{
		"empty":          "",
		"rewritten":      "I have rewritten this.",
		"no end":         strings.Replace(body, "<!-- /amend:timeline -->", "", 1),
		"twice":          body + body,
		"another number": strings.Replace(body, "deliveries=1 ", "deliveries=x ", 1),
		"another time":   strings.Replace(body, "last=2026-03-01T", "last=2026-", 1),
		"too long":       body + strings.Repeat("x", 65000),
	} {
		if got := message.Updated(broken, u); got != broken {
			t.Errorf("%s: became\n%.2000s", name, got)
		}
	}
}

func TestUpdateWithAnotherPlan(t *testing.T) {
	_, body := message.PullRequest(plan())
	theirs := strings.Replace(body, "### What you can do", "My view.\n\n### What you can do", 1)
	p := plan()
	p.Edits[0].Old, p.Edits[0].New, p.Edits[0].Target.Line = "4", "6", 14
	p.Diff = strings.NewReplacer("3", "4", "5", "6").Replace(p.Diff)
	got := message.Updated(theirs, message.Update{Plan: &p})
	if strings.Contains(got, "replicas: 5") || !strings.Contains(got, "+  replicas: 6") || !strings.Contains(got, "My view.") || !strings.Contains(got, "deploy.yaml:14 |") {
		t.Errorf("got\n%s", got)
	}
	if trailers, ok := message.ParseTrailers(got); !ok || trailers.Line != 14 || trailers.Episode != 2 {
		t.Errorf("the trailers are %+v, %v", trailers, ok)
	}
	if twice := message.Updated(got, message.Update{Plan: &p}); twice != got {
		t.Errorf("the second time it became\n%s", twice)
	}
	p.Episode = 3 // somebody's mistake: another change has other trailers
	if trailers, _ := message.ParseTrailers(message.Updated(theirs, message.Update{Plan: &p})); trailers.Episode != 2 {
		t.Errorf("the trailers became %+v", trailers)
	}
}

// TestUpdatesAreInert: no text of an alert closes a section or opens another.
func TestUpdatesAreInert(t *testing.T) {
	for i, s := range payloads() {
		if i%5 != 0 {
			continue
		}
		p := hostilePlan(s)
		_, body := message.PullRequest(p)
		e := again(1)
		e.Alert.Annotations["value"] = s
		u := message.Update{Deliveries: []amend.Event{e}, Happened: s, At: e.Time}
		got := message.Updated(body, u)
		if strings.Count(got, "\n<!-- amend:timeline ") != 1 || strings.Count(got, "\n<!-- /amend:timeline -->\n") != 1 || !strings.Contains(got, "deliveries=2 ") {
			t.Fatalf("%q: became\n%s", s, got)
		}
		checkTrailers(t, p, got)
		checkInert(t, got, emphasis.ReplaceAllString(ownKeys.ReplaceAllString(render(t, got), "$1"), ""))
		if twice := message.Updated(got, u); twice != got {
			t.Fatalf("%q: the second time it became\n%s", s, twice)
		}
	}
}

// Bodies stay bounded, and what a person wrote stays, whatever is delivered.
func TestUpdatesAreBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		_, body := message.PullRequest(plan())
		theirs := rapid.StringMatching(`[a-z \n]{0,80}`).Draw(rt, "theirs")
		body = theirs + "\n\n" + body
		n := 0
		for range rapid.IntRange(1, 30).Draw(rt, "updates") {
			u := message.Update{At: again(n).Time, Happened: rapid.StringN(0, 600, -1).Draw(rt, "happened")}
			for range rapid.IntRange(0, 20).Draw(rt, "deliveries") {
				n++
				e := again(n)
				e.Alert.Annotations["value"] = rapid.StringN(0, 600, -1).Draw(rt, "value")
				u.Deliveries = append(u.Deliveries, e)
			}
			body = message.Updated(body, u)
		}
		if len(body) > 12000 || !strings.HasPrefix(body, theirs) || !strings.Contains(body, fmt.Sprintf("deliveries=%d ", n+1)) {
			rt.Fatalf("%d deliveries became %d bytes:\n%s", n, len(body), body)
		}
	})
}

// Whatever people make of a body, reading it fails quietly, and an update that
// was taken over is not taken over again.
func FuzzUpdated(f *testing.F) {
	_, body := message.PullRequest(plan())
	f.Add(body, "1")
	f.Add(message.Updated(body, message.Update{Deliveries: []amend.Event{again(1)}, Happened: "x", At: again(1).Time}), "\n<!-- /amend:timeline -->")
	f.Add("<!-- amend:timeline deliveries=999999999 last=0000-01-01T00:00:00Z -->\r\n<!-- /amend:timeline -->", "")
	f.Fuzz(func(t *testing.T, body, text string) {
		p, e := plan(), again(1)
		e.Alert.Annotations["value"] = text
		u := message.Update{Deliveries: []amend.Event{e}, Happened: text, At: e.Time, Plan: &p}
		once := message.Updated(body, u)
		if twice := message.Updated(once, u); twice != once {
			t.Errorf("the second time it became\n%q\nfrom\n%q", twice, once)
		}
		if once != body && len(once) > 65000 {
			t.Errorf("it became %d bytes", len(once))
		}
	})
}
