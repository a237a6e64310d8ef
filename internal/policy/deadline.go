package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/amendhq/amend"
)

// A Deadline says what a playbook may do for an alert that tells how much time is
// left, as a forecast does.
type Deadline struct {
	Allow amend.Mode `json:"allow" jsonschema:"enum=commit" jsonschema_description:"The mode for an alert whose deadline comes before a review of a pull request would be over."`
}

// deadlineNames are the names of the annotation, or the label, with the deadline.
// Prometheus 2 takes no dots and slashes in them.
var deadlineNames = []string{"amend.dev/deadline", "amend_deadline"}

// How long a review takes, when fewer have been seen than tell.
const (
	fewReviews    = 5
	defaultReview = time.Hour
)

// ReviewsOf is how far back pull requests tell how long reviews take.
const ReviewsOf = 30 * 24 * time.Hour

// Urgent reports whether the alert of a request of the playbook carries a deadline
// that its mode may depend on, so that Hasten needs to know the reviews.
func (b Playbook) Urgent(a amend.Alert) bool {
	return b.Deadline.Allow != "" && b.Mode == amend.PullRequest && deadlineText(a) != ""
}

func deadlineText(a amend.Alert) string {
	for _, values := range []map[string]string{a.Annotations, a.Labels} {
		for _, name := range deadlineNames {
			if values[name] != "" {
				return values[name]
			}
		}
	}
	return ""
}

// deadline reads a time, or how long after its start the alert has.
func deadline(a amend.Alert) (time.Time, bool) {
	text := deadlineText(a)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, true
	}
	left, err := model.ParseDuration(text)
	return a.StartsAt.Add(time.Duration(left)), err == nil && left > 0
}

// Hasten returns the mode for an urgent request: that of its playbook or, when
// half of the reviews take longer than what is left until the deadline, the one
// that the playbook allows then. Why is a sentence for people, without text of the
// alert. Nothing else depends on the deadline, which whoever writes the alert
// chooses freely.
func (b Playbook) Hasten(a amend.Alert, reviews []time.Duration, now time.Time) (mode amend.Mode, why string) {
	until, ok := deadline(a)
	if !ok {
		return b.Mode, "The deadline of the alert is neither a time nor a duration, so it is ignored."
	}
	takes, known := defaultReview, "is taken to be"
	if len(reviews) >= fewReviews {
		takes, known = median(reviews), fmt.Sprintf("was, for half of %d, at least", len(reviews))
	}
	takes = takes.Round(time.Second)
	if now.Add(takes).Before(until) {
		return b.Mode, fmt.Sprintf("The time until a pull request is merged %s %s, which leaves time until the deadline at %s.", known, takes, clock(until))
	}
	return b.Deadline.Allow, fmt.Sprintf("The time until a pull request is merged %s %s, which is too long for the deadline at %s, so it is a commit.", known, takes, clock(until))
}

// median returns the middle one, the longer of two.
func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
