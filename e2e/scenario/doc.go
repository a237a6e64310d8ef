// Package scenario proves, on a real cluster with the real controllers, what
// amend promises: each test lets something happen and asserts on Git, on the
// cluster and on what Argo itself reports. Its tests need a platform that is
// up and the variable KUBECONFIG; without it they are skipped.
package scenario
