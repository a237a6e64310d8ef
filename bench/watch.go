package main

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"time"
)

// A watch notes when those who use a proxy wait for the server behind it, as they
// see it: from the first byte of a request to the last of its answer. What they
// speak is HTTP/1.1, one request after the other on a connection.
type watch struct {
	mu    sync.Mutex
	waits []*wait
}

// A wait is one request.
type wait struct {
	push       bool // it is one of git push
	begin, end time.Time
}

// conn returns a connection of a client that the watch looks at.
func (w *watch) conn(client net.Conn) net.Conn { return &watched{Conn: client, watch: w} }

// between returns how much of the time from begin to end went by while a push was
// waited for, and while only others were.
func (w *watch) between(begin, end time.Time) (push, other time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all, pushes []wait
	for _, one := range w.waits {
		clipped := *one
		if one.end.IsZero() || one.end.After(end) {
			clipped.end = end
		}
		if one.begin.Before(begin) {
			clipped.begin = begin
		}
		if !clipped.begin.Before(clipped.end) {
			continue
		}
		if all = append(all, clipped); one.push {
			pushes = append(pushes, clipped)
		}
	}
	push = covered(pushes)
	return push, covered(all) - push
}

// quiet reports whether nobody has waited for so long.
func (w *watch) quiet(long time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !slices.ContainsFunc(w.waits, func(one *wait) bool { return one.end.IsZero() || time.Since(one.end) < long })
}

// covered returns the time in which at least one of the waits was going on.
func covered(waits []wait) (sum time.Duration) {
	slices.SortFunc(waits, func(a, b wait) int { return a.begin.Compare(b.begin) })
	var until time.Time
	for _, one := range waits {
		if from := slices.MaxFunc([]time.Time{one.begin, until}, time.Time.Compare); from.Before(one.end) {
			sum += one.end.Sub(from)
			until = one.end
		}
	}
	return sum
}

// watched is a connection to a client.
type watched struct {
	net.Conn
	watch *watch
	last  *wait // the last request
}

// Read reads what the client sends.
func (c *watched) Read(data []byte) (int, error) {
	n, err := c.Conn.Read(data)
	if n > 0 {
		c.watch.mu.Lock()
		defer c.watch.mu.Unlock()
		if c.last == nil || !c.last.end.IsZero() {
			line, _, _ := bytes.Cut(data[:n], []byte("\r\n"))
			push := bytes.HasPrefix(line, []byte("POST ")) && bytes.Contains(line, []byte("/git-receive-pack "))
			c.last = &wait{push: push, begin: time.Now()}
			c.watch.waits = append(c.watch.waits, c.last)
		}
	}
	return n, err
}

// Write sends to the client. That is noted before, as the next request may be here
// when it is done.
func (c *watched) Write(data []byte) (int, error) {
	c.watch.mu.Lock()
	if c.last != nil {
		c.last.end = time.Now()
	}
	c.watch.mu.Unlock()
	return c.Conn.Write(data)
}

// Close ends a request that gets no answer.
func (c *watched) Close() error {
	c.watch.mu.Lock()
	if c.last != nil && c.last.end.IsZero() {
		c.last.end = time.Now()
	}
	c.watch.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite tells the client that there is no more.
func (c *watched) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }
