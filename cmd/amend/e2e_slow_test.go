package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How slow clients come: so many connections, opened by so many at once, each with
// most of the header that a request may have and no end of it; and how many good
// posts are sent meanwhile.
const (
	slowClients = 10_000
	slowOpeners = 8
	slowHeader  = 12 << 10
	slowPosts   = 300
)

// posts sends good posts, each over a connection of its own, until enough are
// answered, and returns how long the slowest but one in a hundred took.
func (s *stage) posts() time.Duration {
	s.Helper()
	http.DefaultClient.CloseIdleConnections()
	took := make([]time.Duration, slowPosts)
	for i := range took {
		began := time.Now()
		s.post(firing("AppStuck", app(1)))
		took[i] = time.Since(began)
		http.DefaultClient.CloseIdleConnections()
	}
	slices.Sort(took)
	return took[len(took)-1-len(took)/100]
}

// TestStormOfSlowClients: while ten thousand connections that never end their
// header are opened, every good post is taken, and the memory is that of a storm.
func TestStormOfSlowClients(t *testing.T) {
	if !*torture {
		t.Skip("runs with -torture")
	}
	s := newStage(t, 1, "", nil)
	s.start("--sweep-interval", "1h")
	s.posts() // what happens once
	quiet := s.posts()

	var open atomic.Int64
	var openers sync.WaitGroup
	stop := make(chan struct{})
	text := "POST /v1/alertmanager HTTP/1.1\r\nHost: " + s.addr + "\r\nX-Slow: " + strings.Repeat("x", slowHeader)
	for range slowOpeners {
		openers.Go(func() {
			var all []net.Conn
			defer func() {
				for _, c := range all {
					_ = c.Close()
				}
			}()
			for range slowClients / slowOpeners {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Error(err)
					return
				}
				all = append(all, c)
				_, _ = io.WriteString(c, text) // serve may have closed it meanwhile
				open.Add(1)
			}
			<-stop
		})
	}
	s.eventually("a tenth of them is there", func() bool { return open.Load() > slowClients/10 })
	during := s.posts()
	s.eventually("all of them were there", func() bool { return open.Load() == slowClients })
	after := s.posts()
	peak := s.peak()
	close(stop)
	openers.Wait()
	if peak > stormMemory {
		t.Errorf("%d MB of memory, want at most %d", peak>>20, stormMemory>>20)
	}
	t.Attr("connections", strconv.Itoa(slowClients))
	t.Attr("p99-without", quiet.Round(10*time.Microsecond).String())
	t.Attr("p99-while-they-come", during.Round(10*time.Microsecond).String())
	t.Attr("p99-once-they-are-there", after.Round(10*time.Microsecond).String())
	t.Attr("peak", fmt.Sprintf("%d MB", peak>>20))
}
