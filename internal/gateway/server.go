package gateway

import (
	"container/list"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxWaiting is how many connections may be open without a request of theirs in
// work. Each may hold as much memory as its header is allowed to be long.
const maxWaiting = 1000

// NewServer returns a server for h that gives slow and huge clients up. The
// body of the largest group has 30 s to arrive. However many connections are
// opened and left waiting, there is room for another one: the one that waited
// longest makes it.
func NewServer(addr string, h http.Handler, log *slog.Logger) *http.Server {
	return newServer(addr, h, log, maxWaiting)
}

func newServer(addr string, h http.Handler, log *slog.Logger, waiting int) *http.Server {
	c := &crowd{most: waiting, places: map[net.Conn]*list.Element{}}
	return &http.Server{
		Addr:              addr,
		Handler:           c.working(h),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // the bus may stall between many chunks
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			c.wait(conn)
			return context.WithValue(ctx, connKey{}, conn)
		},
		ConnState: func(conn net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				c.leave(conn)
			}
		},
	}
}

// A crowd is all connections of a server without a request in work: they are new,
// still send their header, or were answered. A bound on all connections would let
// slow ones keep everybody else out; here only those that wait are bounded, and
// whoever sends at once does not wait.
type crowd struct {
	most int

	mu     sync.Mutex
	line   list.List // of net.Conn, the one that waits longest first
	places map[net.Conn]*list.Element
}

// connKey is what the connection is known by in the context of its requests.
type connKey struct{}

// working serves next to connections that do not wait meanwhile.
func (c *crowd) working(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			c.leave(conn)
			defer c.wait(conn)
		}
		next.ServeHTTP(w, r)
	})
}

// wait puts a connection at the end of the line, and closes the first one when
// the line is too long.
func (c *crowd) wait(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places[conn] = c.line.PushBack(conn)
	if c.line.Len() > c.most {
		first := c.line.Remove(c.line.Front()).(net.Conn)
		delete(c.places, first)
		_ = first.Close() // its goroutine finds out
	}
}

func (c *crowd) leave(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place, ok := c.places[conn]; ok {
		c.line.Remove(place)
		delete(c.places, conn)
	}
}
