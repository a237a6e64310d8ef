// Package alert turns what an alert source sends into events with an identity:
// it decodes the webhooks of Alertmanager and Grafana, says which deliveries are
// about the same trouble, packs an event into a CloudEvent and back, and folds
// repeats.
//
// Everything it reads is attacker text. Decoding is bounded in bytes, depth,
// alerts and the length of every value, and what goes in clear to the outside
// (id, type, subject) is made of a hash and a closed list of words only.
//
// The package does no I/O of its own, reads no clock and logs nothing.
package alert
