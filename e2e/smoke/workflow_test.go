package smoke

import (
	"testing"

	"github.com/amendhq/amend/e2e/platform"
)

// executor lets the pods of Workflows in the namespace default report their
// results.
const executor = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: executor, namespace: default}
rules:
- {apiGroups: [argoproj.io], resources: [workflowtaskresults], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: executor, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: executor}
subjects: [{kind: ServiceAccount, name: default, namespace: default}]
---
`

func TestWorkflowSucceeds(t *testing.T) {
	cluster := connect(t)
	workflow := object("argoproj.io/v1alpha1", "Workflow", "default", "smoke")
	create(t, cluster, workflow, executor+`
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: smoke, namespace: default}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: `+platform.OwnImages+`/echo:1, command: [/bin/echo], args: [hello, from, a, workflow]}
`)
	waitFor(t, cluster, workflow, []string{"status", "phase"}, "Succeeded", "Failed", "Error")
}
