// Package sender is for alert sources that sign what they send: Grafana,
// PagerDuty, and CloudWatch alarms through Amazon SNS. A Source says of one post
// whether its sender is who it has to be, when it was signed, and which alerts it
// holds. Whether the post is fresh and was not accepted before is for the gateway
// to say, which sees all of them. None of them may send an alert that stands for a
// RemediationRequest.
//
// The signature is checked before anything of the body is looked at, but for SNS,
// whose signature is over fields of the body. No text of a post is in an error.
package sender
