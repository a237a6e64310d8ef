package gateway

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/amendhq/amend/internal/sender"
)

// ReplayGuard is a replayGuard for tests of its bound.
type ReplayGuard struct{ *replayGuard }

func NewReplayGuard(window time.Duration, size int) ReplayGuard {
	return ReplayGuard{newReplayGuard(window, size)}
}

// Admit reports whether a delivery is let in, and accepts it then.
func (g ReplayGuard) Admit(d sender.Delivery, now time.Time) bool {
	if g.admit(d, now) != fresh {
		return false
	}
	g.settle(d, true)
	return true
}

func (g ReplayGuard) Len() int { return len(g.seen) }

// NewServerFor is NewServer with room for so many connections that wait.
func NewServerFor(waiting int, h http.Handler) *http.Server {
	return newServer("", h, slog.New(slog.DiscardHandler), waiting)
}
