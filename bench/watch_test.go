package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWatchTellsThePushFromOtherWaits(t *testing.T) {
	const question, push = 30 * time.Millisecond, 60 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			time.Sleep(push)
		} else {
			time.Sleep(question)
		}
		fmt.Fprintln(w, "done")
	}))
	defer server.Close()
	w := &watch{}
	p, err := newProxy(server.Listener.Addr().(*net.TCPAddr).String(), 0, w)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	ask := func(method, path string) {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+p.addr()+path, strings.NewReader(strings.Repeat("x", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ask(http.MethodGet, "/before")
	begin := time.Now()
	ask(http.MethodGet, "/info/refs")
	time.Sleep(10 * time.Millisecond) // the client's own time
	ask(http.MethodPost, "/acme/env.git/git-receive-pack")
	end := time.Now()
	gotPush, gotOther := w.between(begin, end)
	if gotPush < push || gotOther < question || gotPush+gotOther > end.Sub(begin)-10*time.Millisecond {
		t.Errorf("of %v a push took %v and others %v", end.Sub(begin), gotPush, gotOther)
	}
	client.CloseIdleConnections()
	if err := p.close(); err != nil {
		t.Error(err)
	}
}

func TestCovered(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	waits := []wait{{begin: at(50), end: at(60)}, {begin: at(10), end: at(30)}, {begin: at(15), end: at(20)}, {begin: at(25), end: at(40)}}
	if got, want := covered(waits), 40*time.Millisecond; got != want {
		t.Errorf("covered %v, want %v", got, want)
	}
}

func TestQuiet(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		what string
		last wait
		want bool
	}{
		{"long ago", wait{begin: now.Add(-3 * time.Hour), end: now.Add(-2 * time.Hour)}, true},
		{"just now", wait{begin: now.Add(-3 * time.Hour), end: now}, false},
		{"not yet", wait{begin: now.Add(-3 * time.Hour)}, false},
	} {
		w := &watch{waits: []*wait{{end: now.Add(-4 * time.Hour)}, &tt.last}}
		if got := w.quiet(time.Hour); got != tt.want {
			t.Errorf("the last answer was %s: quiet is %v", tt.what, got)
		}
	}
}
