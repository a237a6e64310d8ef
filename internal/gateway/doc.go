// Package gateway is where alerts come in over HTTP. It answers 2xx only when
// every alert of a post is durably accepted or folded into one that is, and 503
// when it cannot say so, because Alertmanager sends again after a 5xx and gives
// up after a 4xx. A 4xx therefore always means that the same post can never be
// accepted; load is never answered with one.
//
//	POST /v1/alertmanager  an Alertmanager webhook, version 4
//	POST /v1/events        one CloudEvent of our own types, structured or binary
//	POST /v1/argocd        the same as /v1/alertmanager, from Argo CD's notifications
//	POST /v1/SOURCE        a signed post of grafana, pagerduty or sns
//	POST /v1/undelivered   a Sensor's report of an event that it gave up
//	GET  /v1/decisions     what became of the latest events, newest last
//	GET  /metrics /healthz /readyz
//
// Everything under /v1 asks for a token or a password when one is configured. A
// route of a source is there when its token, secret or topic is configured, and
// asks for that. What is signed is taken once, while the signature is young.
package gateway
