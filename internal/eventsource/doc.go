// Package eventsource stores events by posting them to a webhook EventSource of
// Argo Events, which answers 200 once an event is on its EventBus.
//
// Each event travels in the envelope of package alert, firing and resolved to a
// path of their own, because one EventSource route publishes one event at a
// time. For the same reason few posts are in work at once, over all callers:
// more of them would only wait in another place.
package eventsource
