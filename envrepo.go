package amend

import "embed"

// EnvRepo holds what an env repo gets from this one, at the same paths: the workflow
// that keeps the log, and the action that it runs.
//
//go:embed .github/workflows/record-remediation.yml .github/actions/record-remediation/action.yml
var EnvRepo embed.FS
