package alert

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/amendhq/amend"
)

// DefaultVolatile returns the labels that differ between deliveries of the
// same trouble: names of the one pod, scrape target or Prometheus replica that
// saw it. Names that end in a hash of the rollout are among them, because a fix
// by rollout would otherwise look like the end of one trouble and the start of
// another.
//
// Not among them, although they may move: node (what a NodeNotReady is about),
// container, severity, and job_name (of a Job that no CronJob made it is the
// only name). When in doubt a label counts: two identities for one trouble cost
// a repeat that the claim in Git stops, one identity for two troubles loses one.
// Where alerts are told apart by instance alone, configure a list without it.
func DefaultVolatile() []string {
	return []string{
		"pod", "pod_name", "pod_ip", "uid", "replicaset",
		"pod_template_hash", "controller_revision_hash",
		"container_id", "id", "instance", "endpoint",
		"replica", "__replica__", "prometheus", "prometheus_replica",
	}
}

// An Identity says which labels of an alert make it the same trouble as
// another. The zero value counts every label.
type Identity struct{ volatile []string }

// NewIdentity returns the identity that leaves out the given labels.
func NewIdentity(volatile []string) Identity {
	return Identity{slices.Clone(volatile)}
}

// Of returns the identity of an alert with these labels: 32 hexadecimal digits
// out of a hash of the labels that are not volatile. An empty value counts as
// no label, as it does in Prometheus. When nothing else is left the volatile
// labels count, so that unrelated alerts never share an identity.
func (i Identity) Of(labels map[string]string) string {
	names := make([]string, 0, len(labels))
	size := 0
	for name, value := range labels {
		size += len(name) + len(value) + 2*binary.MaxVarintLen64
		if value != "" && !slices.Contains(i.volatile, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = slices.AppendSeq(names, maps.Keys(labels))
	}
	slices.Sort(names)
	// Lengths come first so that no label can pretend to be two.
	text := make([]byte, 0, size)
	for _, name := range names {
		for _, s := range [...]string{name, labels[name]} {
			text = binary.AppendUvarint(text, uint64(len(s)))
			text = append(text, s...)
		}
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// NewEvent gives an alert that was accepted at the given time its place on the
// bus. The ID depends on the identity and the status alone, so every delivery
// of the same trouble has the same; it matches ^[0-9a-f]{32}\.(firing|resolved)$.
func NewEvent(a amend.Alert, at time.Time, ids Identity) amend.Event {
	identity := ids.Of(a.Labels)
	// Times are as they will be when the event has been written and read again.
	a.StartsAt, a.EndsAt = a.StartsAt.UTC().Round(0), a.EndsAt.UTC().Round(0)
	return amend.Event{ID: eventID(identity, a.Status), Identity: identity, Time: at.UTC().Round(0), Alert: a}
}

// IdentityOf returns the identity in the ID of an event, and whether the ID is
// one that NewEvent can have made.
func IdentityOf(id string) (string, bool) {
	identity, status, _ := strings.Cut(id, ".")
	known := status == string(amend.Firing) || status == string(amend.Resolved)
	return identity, known && safeWord(identity)
}

func eventID(identity string, status amend.Status) string { return identity + "." + string(status) }
