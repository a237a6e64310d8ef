package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/daemon"
	"github.com/amendhq/amend/internal/gateway"
	"github.com/amendhq/amend/internal/intake"
	ui "github.com/amendhq/amend/internal/page"
	"github.com/amendhq/amend/internal/tracing"
)

// pageFlags say where people see what is done.
type pageFlags struct {
	pageListen string
	byHand     time.Duration
}

func (f *pageFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.pageListen, "page-listen", "", "address to show the page for people at, without a login, e.g. 127.0.0.1:8081")
	fs.DurationVar(&f.byHand, "by-hand", 0, "how long a person takes for one change; the page counts the time saved with it")
}

// newPage makes the page of an env repo, with the decisions that this process
// remembers.
func (f pageFlags) newPage(env *envWriter, decisions func(context.Context, int) ([]amend.Decision, error), log *slog.Logger) http.Handler {
	source := &pageSource{repo: env.mirror, branch: env.flags.branch, pulls: env.host.PullsSince, decisions: decisions, verdict: env.host.Verdict, now: time.Now}
	return ui.New(ui.Config{Source: source, Repo: env.flags.repo, Branch: env.flags.branch, ByHand: f.byHand, Log: log})
}

// parts serves the page at --page-listen, when that is given. On a loopback
// address only browsers that meant it are answered; on others, who may see the
// page is up to what stands in front of it.
func (f pageFlags) parts(ctx context.Context, p http.Handler, log *slog.Logger) ([]daemon.Part, error) {
	if f.pageListen == "" {
		return nil, nil
	}
	l, err := daemon.ListenFlags{Listen: f.pageListen}.Open(ctx)
	if err != nil {
		return nil, err
	}
	if l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		p = ui.Local(p)
	} else {
		log.Warn("the page asks for no login and can be reached from other machines", "address", l.Addr().String())
	}
	log.Info("showing the page", "url", "http://"+l.Addr().String()+"/")
	return []daemon.Part{daemon.Serve(gateway.NewServer(f.pageListen, p, log), l)}, nil
}

// withPage adds the page to a gateway, behind the same login, and traces what is
// posted.
func withPage(g *gateway.Gateway, p http.Handler, t *tracing.Tracer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", intake.Traced(t, g))
	for _, pattern := range ui.Paths() {
		mux.Handle(pattern, g.Guard(p))
	}
	return mux
}
