package sender

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/amendhq/amend/internal/alert"
)

// The headers of Grafana's "HMAC signature" setting of a webhook contact point.
// The first is its default; the second has no default and has to be set, because
// without it the signature covers no time and a recorded post is good for ever.
const (
	GrafanaSignature = "X-Grafana-Alerting-Signature"
	GrafanaTimestamp = "X-Grafana-Alerting-Timestamp"
)

// NewGrafana returns the source for webhooks of Grafana Alerting that are signed
// with one of the secrets. Grafana signs anew for each try, so the window is
// short. It fails with amend.Invalid when a secret cannot be read.
func NewGrafana(keys Keys, limits alert.Limits) (Source, error) {
	if err := keys.Check(); err != nil {
		return Source{}, err
	}
	limits.NoRequests = true
	return Source{
		Name: "grafana", Bytes: 4 << 20, Window: 5 * time.Minute, Expected: alert.ExpectedGrafana,
		Open: func(_ context.Context, header http.Header, body []byte) (Delivery, error) {
			return openGrafana(keys, limits, header, body)
		},
	}, nil
}

func openGrafana(keys Keys, limits alert.Limits, header http.Header, body []byte) (Delivery, error) {
	signature, stamp := header.Get(GrafanaSignature), header.Get(GrafanaTimestamp)
	if signature == "" || stamp == "" {
		return Delivery{}, Refusal(Unsigned)
	}
	// The seconds of the Unix epoch, a colon, the body.
	file, err := keys.verify([][]byte{digest(signature)}, []byte(stamp), []byte(":"), body)
	if err != nil {
		return Delivery{}, err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return Delivery{}, invalid("the timestamp is not a number of seconds")
	}
	alerts, group, err := alert.DecodeGrafana(bytes.NewReader(body), limits)
	if err != nil {
		return Delivery{}, err
	}
	// Hexadecimal digits have two forms.
	return Delivery{ID: strings.ToLower(signature), SentAt: time.Unix(seconds, 0), Credential: file, Alerts: alerts, Rejected: group.Rejected}, nil
}
