package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
)

// A part is a piece of a process that works until its context ends.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts runs the parts until ctx ends or one of them fails, which ends the
// others. It returns that failure; that ctx ended is none.
func runParts(ctx context.Context, parts ...part) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, p := range parts {
		all.Go(func() {
			if err := p.run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", p.name, err))
			}
		})
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// listenFlags say where a process takes requests.
type listenFlags struct{ listen, addrFile string }

func (f *listenFlags) register(cmd *cobra.Command, addr, help string) {
	cmd.Flags().StringVar(&f.listen, "listen", addr, help)
	cmd.Flags().StringVar(&f.addrFile, "addr-file", "", "file to write the address to, once it is listened on")
}

// open listens, and tells a waiting starter where.
func (f listenFlags) open(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return nil, amend.Errorf(amend.Invalid, "listen", "%w", err)
	}
	if f.addrFile == "" {
		return l, nil
	}
	if err := cli.WriteFile(f.addrFile, []byte(l.Addr().String()+"\n"), 0o644); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// grace is how long requests that are in work may take when a process ends.
const grace = 5 * time.Second

// serveHTTP is a part that answers on the listener.
func serveHTTP(web *http.Server, l net.Listener) part {
	return part{"http", func(ctx context.Context) error {
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
