package amend_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/amendhq/amend"
)

func TestFieldPathRoundTrip(t *testing.T) {
	for _, s := range []string{
		"spec.replicas",
		"spec.template.spec.containers[name=app].image",
		"spec.template.spec.containers[name=app].resources.limits.memory",
		"spec.template.spec.containers[name=app].env[name=X].value",
		`data["key.with.dots"]`,
		`metadata.annotations["a/b"]`,
		`spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]`,
		`data["quote\"and]bracket"]`,
	} {
		p, err := amend.ParseFieldPath(s)
		if err != nil {
			t.Errorf("ParseFieldPath(%q): %v", s, err)
			continue
		}
		if got := p.String(); got != s {
			t.Errorf("ParseFieldPath(%q).String() = %q", s, got)
		}
	}
	for _, s := range []string{"", ".", "a..b", "a.", "a[", "a[b", "a[=x]", "a[x=]", `a["b`, `a["b"`, `a["b"]c`, "a b"} {
		if p, err := amend.ParseFieldPath(s); err == nil {
			t.Errorf("ParseFieldPath(%q) = %v, want an error", s, p)
		}
	}
}

// FuzzParseFieldPath: what parses is written back so that it parses to the same path.
func FuzzParseFieldPath(f *testing.F) {
	f.Add(`spec.containers[name=app]["a.b"].image`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := amend.ParseFieldPath(s)
		if err != nil {
			return
		}
		again, err := amend.ParseFieldPath(p.String())
		if err != nil || again.String() != p.String() {
			t.Fatalf("%q → %q → %q, %v", s, p, again, err)
		}
	})
}

func TestFieldPathsShareNoMemory(t *testing.T) {
	base := make(amend.FieldPath, 0, 8)
	base = append(base, amend.Field("spec")...)
	a, b := base.Then("a"), base.Then("b")
	if a.String() != "spec.a" || b.String() != "spec.b" {
		t.Errorf("extending one path changed another: %s, %s", a, b)
	}
}

func TestPrivilegedKeys(t *testing.T) {
	for key, want := range map[string]bool{"command": true, "serviceAccountName": true, "secretKeyRef": true, "image": false, "Command": false, "": false} {
		if amend.PrivilegedKey(key) != want {
			t.Errorf("PrivilegedKey(%q) = %v", key, !want)
		}
	}
}

func TestParseObjectRef(t *testing.T) {
	for s, want := range map[string]amend.ObjectRef{
		"Deployment/shop/web":      {Kind: "Deployment", Namespace: "shop", Name: "web"},
		"apps/Deployment/shop/web": {Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"},
		"ClusterRole//admin":       {Kind: "ClusterRole", Name: "admin"},
	} {
		got, err := amend.ParseObjectRef(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("ParseObjectRef(%q) = %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "web", "Deployment/web", "a/b/c/d/e", "/shop/web", "Deployment/shop/"} {
		if _, err := amend.ParseObjectRef(s); amend.KindOf(err) != amend.Invalid {
			t.Errorf("ParseObjectRef(%q): %v, want an invalid error", s, err)
		}
	}
}

func TestRepoPathCannotLeaveTheRepository(t *testing.T) {
	for _, s := range []string{
		"", ".", "..", "/etc/passwd", "../x", "a/../../x", "a/..", "a//b", "a/", "./a", `a\b`, "a?b", "a#b", "a%2e%2e/b",
		"a\nb", "a\x00b", ".git/config", "a/.git/hooks/x", "a/.GIT/x", "\xff",
		"envs/../../../other/contents/a.yaml", "a?branch=evil",
	} {
		if p, err := amend.ParseRepoPath(s); err == nil {
			t.Errorf("ParseRepoPath(%q) = %v, want an error", s, p)
		}
		if s == "\xff" {
			continue // JSON text cannot carry it
		}
		var p amend.RepoPath
		quoted, _ := json.Marshal(s)
		if err := json.Unmarshal(quoted, &p); err == nil && !p.IsZero() {
			t.Errorf("JSON %s became %v", quoted, p)
		}
	}
	for _, s := range []string{"a.yaml", "apps/web/deployment.yaml", "ünï/códe.yaml", "a b/c.yaml"} {
		p, err := amend.ParseRepoPath(s)
		if err != nil || p.String() != s {
			t.Errorf("ParseRepoPath(%q) = %v, %v", s, p, err)
		}
	}
}

func TestProtectedPaths(t *testing.T) {
	for s, want := range map[string]bool{
		".amend/policy.yaml": true, ".AMEND/stop": true, ".github/workflows/x.yml": true, ".GitHub/x": true,
		"a/.gitattributes": true, ".gitmodules": true, "docs/CODEOWNERS": true,
		"apps/web.yaml": false, "amend/policy.yaml": false, "github/x": false,
	} {
		p, err := amend.ParseRepoPath(s)
		if err != nil {
			t.Fatal(err)
		}
		if p.Protected() != want {
			t.Errorf("%s: Protected() = %v, want %v", s, p.Protected(), want)
		}
	}
}

func TestErrorsKeepKindAndReason(t *testing.T) {
	cause := errors.New("boom")
	err := fmt.Errorf("outer: %w", &amend.Error{Op: "locate", Kind: amend.Refused, Reason: amend.ReasonShared, Err: cause})
	if amend.KindOf(err) != amend.Refused || amend.ReasonOf(err) != amend.ReasonShared || !errors.Is(err, cause) {
		t.Errorf("kind %q, reason %q, is cause %v", amend.KindOf(err), amend.ReasonOf(err), errors.Is(err, cause))
	}
	if amend.KindOf(nil) != "" || amend.ReasonOf(nil) != "" || amend.KindOf(cause) != amend.Internal {
		t.Error("nil and foreign errors have the wrong kind")
	}
	if got, want := err.Error(), "outer: locate: shared-with: boom"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	nested := amend.Errorf(amend.Transient, "push", "sending: %w", amend.Refusef(amend.ReasonProtected, "no"))
	if amend.KindOf(nested) != amend.Transient || amend.ReasonOf(nested) != amend.ReasonProtected {
		t.Errorf("nested: kind %q, reason %q", amend.KindOf(nested), amend.ReasonOf(nested))
	}
}

func TestIncidentDependsOnPlaybookAndWorkloadAlone(t *testing.T) {
	r := amend.Request{Playbook: "restart-web", Workload: amend.Workload{ObjectRef: amend.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}}}
	other := r
	other.Event.ID, other.Action, other.Workload.Container, other.Mode = "x", "y", "z", amend.Commit
	if r.Incident() != other.Incident() {
		t.Error("two deliveries of the same trouble are two incidents")
	}
	moved := r
	moved.Workload.Name = "api"
	if r.Incident() == moved.Incident() {
		t.Error("two workloads share an incident")
	}
	if !regexp.MustCompile(`^[a-z0-9-]{1,63}$`).MatchString(r.Incident()) {
		t.Errorf("incident %q is not safe in a branch name", r.Incident())
	}
	if got, want := amend.Branch("restart-web-0123456789", 2), "amend/restart-web-0123456789-2"; got != want {
		t.Errorf("Branch = %q, want %q", got, want)
	}
}

// TestScalarJSON proves that documents from before booleans mean what they did.
func TestScalarJSON(t *testing.T) {
	for text, want := range map[string]amend.Scalar{
		`{"text":"x"}`:                   {Text: "x"},
		`{"text":"5","number":true}`:     {Text: "5", Number: true},
		`{"text":"true","boolean":true}`: {Text: "true", Boolean: true},
	} {
		var got amend.Scalar
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
		if back, err := json.Marshal(got); err != nil || string(back) != text {
			t.Errorf("%+v is %s, %v", got, back, err)
		}
		if got.IsText() != (!want.Number && !want.Boolean) {
			t.Errorf("%s: IsText is %v", text, got.IsText())
		}
	}
}

func TestPublicLeavesOutWhatIsPrivate(t *testing.T) {
	const secret = "hunter2"
	said := amend.Private(errors.New("invalid literal " + secret))
	for name, err := range map[string]error{
		"itself":     said,
		"wrapped":    fmt.Errorf("reading a: %w", amend.Refusef(amend.ReasonUnproven, "the build of b: %w", said)),
		"one of two": fmt.Errorf("b %w: %w", fs.ErrNotExist, said),
		"two":        errors.Join(said, amend.Private(errors.New(secret))),
		"nested":     amend.Private(fmt.Errorf("c: %w", said)),
		"shortened":  shortened{said, "literal " + secret},
	} {
		if text := amend.Public(err); strings.Contains(text, secret) || text == "" {
			t.Errorf("%s: %q", name, text)
		}
		if !strings.Contains(err.Error(), secret) {
			t.Errorf("%s is lost for whoever has the files: %q", name, err)
		}
	}
	if err := fmt.Errorf("b: %w: %w", fs.ErrNotExist, said); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(amend.Public(err), "b: file does not exist: (") {
		t.Errorf("the rest is gone: %q", amend.Public(err))
	}
	if amend.Private(nil) != nil || amend.Public(nil) != "" || amend.Public(fs.ErrClosed) != fs.ErrClosed.Error() {
		t.Error("an error that is not private is not itself")
	}
}

// shortened is an error that changes the text of what it wraps.
type shortened struct {
	err  error
	text string
}

func (s shortened) Error() string { return s.text }
func (s shortened) Unwrap() error { return s.err }
