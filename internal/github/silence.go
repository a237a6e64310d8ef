package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/amendhq/amend"
)

// maxSilence is for how long a host may say nothing during a fetch or a push, which
// as a whole may take long. Git's servers send signs of life, by default after every
// five seconds of thinking (uploadpack.keepAlive in git-config).
const maxSilence = 2 * time.Minute

var errSilent = errors.New("the host has said nothing for " + maxSilence.String())

// patiently sends a request, and ends it when the host falls silent: a connection
// that nobody serves any more would be waited for without an end.
func patiently(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	// why puts the silence of the host in the place of an error that it caused.
	why := func(err error) error {
		if errors.Is(context.Cause(ctx), errSilent) {
			return amend.Errorf(amend.Transient, "", "%w", errSilent)
		}
		return err
	}
	alarm := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	resp, err := base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		alarm.Stop()
		err = why(err)
		cancel(nil)
		return nil, err
	}
	alarm.Reset(maxSilence)
	resp.Body = &heard{ReadCloser: resp.Body, alarm: alarm, why: why, end: func() { cancel(nil) }}
	return resp, nil
}

// heard is a body whose every byte is a sign of life.
type heard struct {
	io.ReadCloser
	alarm *time.Timer
	why   func(error) error
	end   func()
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.ReadCloser.Read(p)
	if n > 0 {
		h.alarm.Reset(maxSilence)
	}
	if err != nil && err != io.EOF {
		err = h.why(err)
	}
	return n, err
}

func (h *heard) Close() error {
	h.alarm.Stop()
	err := h.ReadCloser.Close()
	h.end()
	return err
}
