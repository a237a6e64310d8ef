// Package writerapi is the way from the steps of a Workflow to the one process
// that holds the Git credential: the server side of its HTTP API, and a client
// of it. Neither knows how a change is made.
//
//	POST /v1/decide     {"event":"<base64>"}                     what would become of the event; writes nothing
//	POST /v1/propose    {"event":"<base64>"}                     decides and carries the decision out
//	POST /v1/revert     {"commit":"<sha>"}                       takes a change back; see amend.Reversal
//	POST /v1/verdict    {"state":"worked","commit":"<sha>",…}    shows a verdict beside its change
//	POST /v1/superseded {"commit":"<sha>"}                       the newer change that took its place
//	POST /v1/record     {"commit":"<sha>"}                       sees to the change's entry in the log
//	POST /v1/change     {"commit":"<sha>"}                       what is known of the change
//	POST /v1/contains   {"revision":"<sha>","commit":"<sha>"}    is the commit in the revision's history
//	POST /v1/sweep      {}                                       sees to every missing entry of the log
//	GET  /metrics /healthz /readyz
//
// Every POST asks for a bearer token. Who it belongs to may ask for, and see,
// changes of the workloads in those namespaces only where an Authorizer says so.
//
// Bodies and answers are JSON. An answer that is an error is a Problem, and its
// status follows from the error's kind, so that the client gives back the error
// that the server met.
package writerapi
