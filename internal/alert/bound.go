package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/amendhq/amend"
)

// Bound returns a with every text cut to the limits, or why a is no alert
// that can be taken. The reason holds no text of the alert.
//
// Labels choose the playbook and the workload, so of them only single values
// over the limit are cut. Where all of the text is too long it is the evidence
// that gets shorter: annotations and the address of the graph.
func Bound(a amend.Alert, limits Limits) (amend.Alert, string) {
	switch {
	case a.Status != amend.Firing && a.Status != amend.Resolved:
		return amend.Alert{}, `status is neither "firing" nor "resolved"`
	case a.StartsAt.IsZero():
		return amend.Alert{}, "there is no startsAt"
	case len(a.Labels) == 0:
		return amend.Alert{}, "there are no labels"
	case len(a.Labels) > limits.Pairs || len(a.Annotations) > limits.Pairs:
		return amend.Alert{}, fmt.Sprintf("there are more than %d labels or annotations", limits.Pairs)
	case limits.NoRequests && a.Requested():
		return amend.Alert{}, "the alertname " + amend.RequestAlert + " is kept for requests that come through the cluster's API"
	case limits.NoRequests && a.Labels[amend.TenantLabel] != "":
		return amend.Alert{}, "the label " + amend.TenantLabel + " is set by the gateway alone"
	}
	var size int
	a.Labels, size = clipPairs(a.Labels, limits.ValueBytes, limits.ValueBytes)
	for _, s := range []*string{&a.Fingerprint, &a.ExternalURL, &a.Receiver} {
		*s = clip(*s, limits.ValueBytes)
		size += len(*s)
	}
	annotations, graph := a.Annotations, a.GeneratorURL
	for limit := limits.ValueBytes; ; limit /= 2 {
		var more int
		a.Annotations, more = clipPairs(annotations, limits.ValueBytes, limit)
		a.GeneratorURL = clip(graph, limit)
		if size+more+len(a.GeneratorURL) <= limits.AlertBytes {
			return a, ""
		}
		if limit == 0 {
			return amend.Alert{}, fmt.Sprintf("its text is longer than %d bytes", limits.AlertBytes)
		}
	}
}

// clipPairs returns pairs with names and values cut to their limits, and the
// length of all. The map itself is returned where nothing is to be cut, which
// is nearly always.
func clipPairs(pairs map[string]string, name, value int) (map[string]string, int) {
	size, long := 0, false
	for k, v := range pairs {
		size += len(k) + len(v)
		long = long || len(k) > name || len(v) > value
	}
	if !long {
		return pairs, size
	}
	clipped := make(map[string]string, len(pairs))
	size = 0
	for k, v := range pairs {
		k, v = clip(k, name), clip(v, value)
		clipped[k] = v
		size += len(k) + len(v)
	}
	return clipped, size
}

// clip returns s, valid as UTF-8 and cut to about limit bytes. The mark at the
// end of a cut value holds a hash of the whole, so that two labels that differ
// only in what was cut still make two identities.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if len(s) <= limit {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s…[cut: %d bytes, sha256 %s]", s[:cut], len(s), hex.EncodeToString(sum[:8]))
}
