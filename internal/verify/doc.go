// Package verify finds out from Argo CD whether a commit is applied and healthy.
//
// It never believes "Synced" alone, because that word may speak of a revision
// from before the commit (argo-cd#28392: a refresh that arrives while the
// controller is at work is dropped). A change has worked when, in one reading of
// its Application, the compared and the applied revisions contain the commit, the
// sync operation succeeded, nothing differs, and everything is healthy. What
// cannot be seen in time is unverified and never a success: among it a change to
// a field that Argo CD was told to ignore, as no sync follows from it.
//
// Before a commit lands, a Prover can have Argo CD render it, as the last proof
// that it changes what it is meant to and nothing else.
package verify
