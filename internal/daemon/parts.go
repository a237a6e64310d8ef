package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Part is a piece of a process that works until its context ends. Its name is that of
// its failure.
type Part struct {
	Name string
	Run  func(context.Context) error
}

// Run runs the parts until ctx ends or one of them fails, which ends the others. It
// returns that failure; that ctx ended is none.
func Run(ctx context.Context, parts ...Part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, p := range parts {
		all.Go(func() {
			if err := p.Run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", p.Name, err))
			}
		})
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// grace is how long requests that are in work may take when a process ends.
const grace = 5 * time.Second

// Serve is a part that answers on the listener.
func Serve(web *http.Server, l net.Listener) Part {
	return Part{"http", func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() {
			if web.TLSConfig != nil {
				done <- web.ServeTLS(l, "", "")
				return
			}
			done <- web.Serve(l)
		}()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
		}
		left, stop := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer stop()
		if err := web.Shutdown(left); err != nil {
			return web.Close() // somebody holds a connection open
		}
		return nil
	}}
}
