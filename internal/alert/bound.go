package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/amendhq/amend"
)

// bound returns a with every text cut to the limits, or why a is no alert
// that can be taken. The reason holds no text of the alert.
func bound(a amend.Alert, limits Limits) (amend.Alert, string) {
	switch {
	case a.Status != amend.Firing && a.Status != amend.Resolved:
		return amend.Alert{}, `status is neither "firing" nor "resolved"`
	case len(a.Labels) == 0:
		return amend.Alert{}, "there are no labels"
	case len(a.Labels) > limits.Pairs || len(a.Annotations) > limits.Pairs:
		return amend.Alert{}, fmt.Sprintf("there are more than %d labels or annotations", limits.Pairs)
	}
	size := 0
	a.Labels = clipPairs(a.Labels, limits.ValueBytes, &size)
	a.Annotations = clipPairs(a.Annotations, limits.ValueBytes, &size)
	for _, s := range []*string{&a.GeneratorURL, &a.Fingerprint, &a.ExternalURL, &a.Receiver} {
		*s = clip(*s, limits.ValueBytes)
		size += len(*s)
	}
	if size > limits.AlertBytes {
		return amend.Alert{}, fmt.Sprintf("its text is longer than %d bytes", limits.AlertBytes)
	}
	return a, ""
}

// clipPairs cuts names and values and adds their length to size. The map is
// changed in place, as nearly always nothing is to be cut.
func clipPairs(pairs map[string]string, limit int, size *int) map[string]string {
	var long []string
	for k, v := range pairs {
		if len(k) > limit {
			long = append(long, k)
			continue
		}
		if len(v) > limit {
			v = clip(v, limit)
			pairs[k] = v
		}
		*size += len(k) + len(v)
	}
	for _, k := range long {
		v := clip(pairs[k], limit)
		delete(pairs, k)
		pairs[clip(k, limit)] = v
		*size += len(clip(k, limit)) + len(v)
	}
	return pairs
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
