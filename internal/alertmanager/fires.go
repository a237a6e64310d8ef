package alertmanager

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/amendhq/amend"
)

// Fires reports whether an alert that is meant fires, as at least one of several
// Alertmanagers has it. A silenced or inhibited alert fires too: that nobody is
// told of a trouble does not end it. An Alertmanager that does not answer counts
// only when none does: Prometheus tells every one of them everything.
//
// An Alertmanager that has just started knows nothing for a minute or so. Whoever
// concludes something from an alert's absence has to ask for longer than that.
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
	}
	if len(failures) == len(clients) {
		return false, amend.Errorf(amend.Transient, "ask alertmanager", "%w", errors.Join(failures...))
	}
	return false, nil
}
