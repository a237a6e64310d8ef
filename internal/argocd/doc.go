// Package argocd asks Argo CD's API server for its own renders of the env repo.
//
// It speaks three reads of the server's REST API and decodes the fields that are
// used. The types of Argo CD are not imported because they need replaced
// modules; a test holds requests and answers to the API's own description, which
// is in testdata.
package argocd
