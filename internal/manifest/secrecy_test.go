package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amendhq/amend/internal/manifest"
)

const secret = "hunter2"

// TestDiffQuotesNoSecret: what stands next to an edit may be a Secret, and the
// texts that hold a diff go further than the file does.
func TestDiffQuotesNoSecret(t *testing.T) {
	const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 2\n"
	const credentials = "kind: Secret\nstringData:\n  password: hunter2\n"
	indented := "  " + strings.ReplaceAll(strings.TrimSpace(deployment), "\n", "\n  ") + "\n"
	secretItem := "- stringData:\n    password: hunter2\n  kind: Secret\n"
	for name, c := range map[string]struct {
		old     string
		applies bool // with git apply; not if there is no line that may follow
	}{
		"the next document":                  {deployment + "---\n" + credentials, true},
		"the document before":                {credentials + "---\n" + "spec: {replicas: 2}\nkind: Deployment\n", true},
		"CRLF":                               {strings.ReplaceAll(deployment+"---\n"+credentials, "\n", "\r\n"), true},
		"a comment at the separator":         {deployment + "--- # credentials: hunter2\n" + credentials, false},
		"a separator with a document":        {deployment + "--- {kind: Secret, stringData: {password: hunter2}}\n", false},
		"an item of a List":                  {"kind: List\nitems:\n-\n" + indented + secretItem, false},
		"a kind in escapes":                  {"kind: List\nitems:\n-\n" + indented + strings.ReplaceAll(secretItem, "Secret", `"\x53ecret"`), false},
		"a kind over two lines":              {"kind: List\nitems:\n-\n" + indented + strings.ReplaceAll(secretItem, "Secret", "\"Sec\\\n    ret\""), false},
		"an item before":                     {"kind: List\nitems:\n" + secretItem + "- spec: {replicas: 2}\n  kind: Deployment\n", true},
		"a List in flow style":               {"kind: List\nitems: [\n{kind: Deployment, spec: {\nreplicas: 2}},\n{kind: Secret, stringData: {password: hunter2}}]\n", false},
		"one line of JSON":                   {`{"kind":"List","items":[{"kind":"Deployment","note":"replicas: 2"},{"kind":"Secret","data":{"password":"hunter2"}}]}` + "\n", false},
		"a generator":                        {"replicas:\n- name: web\n  count: 2 # replicas: 2\nsecretGenerator:\n- name: s\n  literals: [password=hunter2]\n", false},
		"a generator before":                 {"secretGenerator:\n- name: s\n  literals: [password=hunter2]\nreplicas:\n- count: 2 # replicas: 2\n", true},
		"an inline patch":                    {"replicas:\n- name: web\n  count: 2 # replicas: 2\npatches:\n- patch: |-\n    kind: Secret\n    data: {password: hunter2}\n", true},
		"an applied configuration":           {"kind: X\nspec: {replicas: 2}\nlast: '{\"kind\":\"Secret\",\"data\":\"hunter2\"}'\n", false},
		"both around":                        {credentials + "---\nreplicas: 2\n---\n" + credentials, true},
		"two edits with a Secret in between": {"replicas: 2\n---\n" + credentials + "---\nreplicas: 2\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			new := strings.ReplaceAll(c.old, "replicas: 2", "replicas: 5")
			if !strings.Contains(c.old, secret) || new == c.old {
				t.Fatal("this is no test")
			}
			diff := manifest.Diff("f.yaml", []byte(c.old), []byte(new))
			if strings.Contains(diff, secret) {
				t.Errorf("the diff quotes a Secret:\n%s", diff)
			}
			if !strings.Contains(diff, "\n+") {
				t.Errorf("the diff shows no edit:\n%s", diff)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "f.yaml"), []byte(c.old), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := apply(t, dir, diff); (err == nil) != c.applies {
				t.Errorf("git apply: %v\n%s", err, diff)
			}
		})
	}
}

// TestDiffShowsWhatIsNoSecret: naming a Secret is not holding one.
func TestDiffShowsWhatIsNoSecret(t *testing.T) {
	old := "spec:\n  replicas: 2\n  certificateRefs: [{kind: Secret, name: tls}]\n  store: {kind: SecretStore}\n  text: 'kind: SecretStore'\n"
	diff := manifest.Diff("f.yaml", []byte(old), []byte(strings.Replace(old, "2", "5", 1)))
	for _, want := range []string{" spec:\n", "name: tls", "{kind: SecretStore}", "text:"} {
		if !strings.Contains(diff, want) {
			t.Errorf("%q is missing in\n%s", want, diff)
		}
	}
}
