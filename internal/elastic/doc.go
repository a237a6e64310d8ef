// Package elastic turns what Elastic's anomaly detection finds into a metric: it
// asks Elasticsearch for the newest result of some jobs at intervals and serves
// the score, so that a Prometheus rule can alert on it.
//
// A scrape answers from memory and never waits for Elasticsearch. A score that is
// too old is not served: a series that ends is seen, one that stays at its last
// value is believed.
package elastic
