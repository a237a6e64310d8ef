package daemon_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/daemon"
)

// waits is a part that works until it is asked to end.
var waits = daemon.Part{Name: "waits", Run: func(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}}

func TestOneFailureEndsAllParts(t *testing.T) {
	broken := errors.New("broken")
	fails := daemon.Part{Name: "fails", Run: func(context.Context) error { return broken }}
	if err := daemon.Run(t.Context(), waits, fails); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "fails: ") {
		t.Errorf("it ended with %v", err)
	}
}

func TestBeingAskedToEndIsNoFailure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	asks := daemon.Part{Name: "asks", Run: func(context.Context) error {
		stop()
		return nil
	}}
	if err := daemon.Run(ctx, waits, asks); err != nil {
		t.Error(err)
	}
}

// A request that is in work when a process is asked to end gets its answer.
func TestServeAnswersBeforeItEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stop()
		w.WriteHeader(http.StatusNoContent)
	})}
	ended := make(chan error)
	go func() { ended <- daemon.Run(ctx, daemon.Serve(web, l)) }()
	res, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if err := <-ended; err != nil || res.StatusCode != http.StatusNoContent {
		t.Errorf("answered %d, ended with %v", res.StatusCode, err)
	}
}

func TestOpenSaysWhere(t *testing.T) {
	var f daemon.ListenFlags
	cmd := &cobra.Command{Use: "tool"}
	f.Register(cmd, "127.0.0.1:0", "address")
	file := filepath.Join(t.TempDir(), "addr")
	if err := cmd.ParseFlags([]string{"--addr-file", file}); err != nil {
		t.Fatal(err)
	}
	l, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if text, err := os.ReadFile(file); err != nil || string(text) != l.Addr().String()+"\n" {
		t.Errorf("the file says %q, %v", text, err)
	}
	if _, err := (daemon.ListenFlags{Listen: l.Addr().String()}).Open(t.Context()); amend.KindOf(err) != amend.Invalid {
		t.Errorf("an address that is taken: %v", err)
	}
}
