package sender

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/internal/alert"
)

// A Source is a sender of signed posts.
type Source struct {
	// Name is that of the route and of metrics: one lower-case word.
	Name string
	// Bytes is the longest body that this sender has reason to send. It is
	// read before anything is known about the sender.
	Bytes int64
	// Window is how old a signature may be: the time for which the sender
	// repeats a post that was not answered, and not longer.
	Window time.Duration
	// Expected says in one sentence what the source takes, for the answer to a
	// known sender that sent something else.
	Expected string
	// Open checks one post and returns what is in it. It fails with a Refusal
	// when the post does not prove who sent it, with amend.Transient when that
	// cannot be found out now, and with amend.Invalid when a known sender sent
	// something else than alerts.
	Open func(ctx context.Context, header http.Header, body []byte) (Delivery, error)
}

// A Delivery is what one post of a known sender holds.
type Delivery struct {
	// ID is the same when the sender repeats the post, and never otherwise.
	ID string
	// SentAt is when the post was signed, or the event in it happened; the
	// signature covers it.
	SentAt time.Time
	// Credential is what the sender proved to have: the file of the secret that
	// signed, or the ARN of the topic.
	Credential string
	Alerts     []amend.Alert
	// Rejected lists what the post holds beside alerts.
	Rejected []alert.Rejection
	// Confirm, unless nil, agrees to get posts from this sender. It is for a
	// post that was found to be fresh.
	Confirm func(context.Context) error
}

// The reasons of refusals: a closed list, because they are labels of metrics.
const (
	Unsigned  = "unsigned"  // no signature, or no time beside it
	Signature = "signature" // the signature is not right
	Stale     = "stale"     // signed too long ago, or in the future
	Topic     = "topic"     // of an SNS topic that is not on the list
	Address   = "address"   // the certificate would have to come from elsewhere than SNS
)

// A Refusal is why a post does not prove who sent it. It is for the log and for
// metrics; the sender is only told that it is refused.
type Refusal string

// Error returns the reason.
func (r Refusal) Error() string { return "refused: " + string(r) }

// decode reads one JSON value within the limits. Unknown fields are skipped.
func decode(r io.Reader, limits alert.Limits, into any) error {
	err := json.NewDecoder(limits.Reader(r)).Decode(into)
	var ours *amend.Error
	if err == nil || errors.As(err, &ours) {
		return err
	}
	return invalid("it is not JSON of the form that is expected")
}

func invalid(format string, args ...any) error {
	return amend.Errorf(amend.Invalid, "read post", format, args...)
}

// rejected is the delivery's one entry that is no alert, and why.
func rejected(reason string) []alert.Rejection {
	return []alert.Rejection{{Index: 0, Reason: reason}}
}
