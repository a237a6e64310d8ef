package daemon

import (
	"context"
	"errors"
	"net"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/cli"
)

// ListenFlags say where a process takes requests.
type ListenFlags struct {
	Listen   string // the address
	addrFile string
}

// Register adds the flags to a command.
func (f *ListenFlags) Register(cmd *cobra.Command, addr, help string) {
	cmd.Flags().StringVar(&f.Listen, "listen", addr, help)
	cmd.Flags().StringVar(&f.addrFile, "addr-file", "", "file to write the address to, once it is listened on")
}

// Open listens, and tells a waiting starter where.
func (f ListenFlags) Open(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.Listen)
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
