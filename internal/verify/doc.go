// Package verify finds out whether a change helped: whether Argo CD has applied
// its commit, the workload is healthy, and the trouble that it is for is over.
//
// It never believes "Synced" alone, because that word may speak of a revision
// from before the commit (argo-cd#28392: a refresh that arrives while the
// controller is at work is dropped). A change has worked when, in one reading of
// its Application, the compared and the applied revisions contain the commit, the
// sync operation succeeded, nothing differs, and everything is healthy. What
// cannot be seen in time is unverified and never a success: among it a change to
// a field that Argo CD was told to ignore, as no sync follows from it.
//
// That the trouble is over is said by witnesses: an expression of the policy, which
// sees the present, and the alert, which may lag. Each is believed only when it has
// seen the trouble before, and silence that cannot be told from deafness is no proof.
//
// Before a commit lands, a Prover can have Argo CD render it, as the last proof
// that it changes what it is meant to and nothing else.
package verify
