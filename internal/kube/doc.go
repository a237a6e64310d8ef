// Package kube reads and writes the few Kubernetes objects that amend needs:
// reviews of tokens and of permissions, Argo CD's Applications, and amend's own
// RemediationRequests; and, for reports, what there is around one workload.
//
// It speaks the REST API through client-go's transport, with no informers and
// no generated clientset: every call is one request, and its answer is decoded
// into a type that names only the fields that are read. Argo CD's own types are
// not imported because they need replaced modules; a test in e2e/contract
// writes the documents that the types here are tested with.
package kube
