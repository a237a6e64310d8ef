package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A proxy passes TCP connections on with a round trip of its own: what comes in
// goes out half of it later, in order, with as much under way as there is. A new
// connection costs one round trip before its first byte, as a handshake does.
type proxy struct {
	listener net.Listener
	target   string
	oneWay   time.Duration
	watch    *watch // who looks on; nil for nobody
	open     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// newProxy returns an open proxy. The watch may be nil.
func newProxy(target string, rtt time.Duration, w *watch) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, oneWay: rtt / 2, watch: w, conns: map[net.Conn]bool{}}
	p.open.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil { // it is closed
			return
		}
		p.open.Go(func() { p.serve(c) })
	}
}

// serve passes one connection on until both sides are done.
func (p *proxy) serve(client net.Conn) {
	p.hold(client)
	defer p.drop(client)
	time.Sleep(2 * p.oneWay)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	p.hold(server)
	defer p.drop(server)
	if p.watch != nil {
		client = p.watch.conn(client)
	}
	var both sync.WaitGroup
	both.Go(func() { p.pass(client, server) })
	both.Go(func() { p.pass(server, client) })
	both.Wait()
}

func (p *proxy) hold(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close() // it may be closed already
}

// A parcel is due at a time.
type parcel struct {
	data []byte
	due  time.Time
}

// pass copies one direction and then tells the receiver that there is no more.
func (p *proxy) pass(from, to net.Conn) {
	if p.oneWay == 0 {
		_, _ = io.Copy(to, from) // what fails here, fails for the programs too
	} else {
		p.late(from, to)
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other side may be gone
	}
}

func (p *proxy) late(from, to net.Conn) {
	underway := make(chan parcel, 4096)
	var writer sync.WaitGroup
	writer.Go(func() {
		for parcel := range underway {
			time.Sleep(time.Until(parcel.due))
			_, _ = to.Write(parcel.data) // as above
		}
	})
	for {
		buffer := make([]byte, 64<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			underway <- parcel{buffer[:n], time.Now().Add(p.oneWay)}
		}
		if err != nil {
			break
		}
	}
	close(underway)
	writer.Wait()
}

// close ends all connections.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		err = errors.Join(err, c.Close())
	}
	p.mu.Unlock()
	p.open.Wait()
	return err
}
