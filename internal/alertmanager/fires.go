package alertmanager

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/amendhq/amend"
)

// Fires reports whether an alert that is meant fires, as at least one of several
// Alertmanagers has it. A silenced or inhibited alert fires too: that nobody is
// told of a trouble does not end it. An Alertmanager that does not answer counts
// only when none does: Prometheus tells every one of them everything.
//
// An Alertmanager that has just started knows no alerts until Prometheus repeats
// them, so an alert's absence there counts as no answer for a while. It fails with
// amend.Transient when nobody has answered.
func Fires(ctx context.Context, clients []*Client, meant func(amend.Alert) bool) (bool, error) {
	var failures []error
	for _, c := range clients {
		list, err := c.list(ctx, url.Values{"active": {"true"}, "silenced": {"true"}, "inhibited": {"true"}, "unprocessed": {"true"}})
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if slices.ContainsFunc(list, func(w wireAlert) bool { return meant(w.alert()) }) {
			return true, nil
		}
		if err := c.informed(ctx); err != nil {
			failures = append(failures, err)
		}
	}
	if len(failures) == len(clients) {
		return false, amend.Errorf(amend.Transient, "ask whether the alert fires", "%w", errors.Join(failures...))
	}
	return false, nil
}

// uninformed is how long an Alertmanager that has started may know nothing of what
// fires: Prometheus repeats an alert after a minute, at the next evaluation of its
// rule, which by default is another one (prometheus --rules.alert.resend-delay and
// evaluation_interval).
const uninformed = 3 * time.Minute

// informed fails with amend.Transient while the Alertmanager has just started, by
// its own clock.
func (c *Client) informed(ctx context.Context) error {
	const op = "ask alertmanager"
	var status struct {
		Uptime time.Time `json:"uptime"` // since when it is up
	}
	header, err := c.get(ctx, "api/v2/status", nil, &status)
	if err != nil {
		return err
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil || status.Uptime.IsZero() {
		return amend.Errorf(amend.Transient, op, "it does not say since when it is up")
	}
	if up := now.Sub(status.Uptime); up < uninformed {
		return amend.Errorf(amend.Transient, op, "it is up for %s only and may not know the alerts yet", up.Round(time.Second))
	}
	return nil
}
