// Package alertmanager asks Alertmanagers what fires now and posts it to a
// gateway as they do, so that nothing stays unseen because a notification was
// lost on its way.
//
// The few fields of API v2 that matter are read here by hand: Alertmanager's
// generated models bring a dozen modules for them.
package alertmanager
