package platform

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

// repository is the Platform of this checkout; it need not be up.
func repository(t *testing.T) *Platform {
	t.Helper()
	p, err := New("../..", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var image = regexp.MustCompile(`"image":"([^"]+)"`)

// The manifests ask for the versions of go.mod, and for no other.
func TestImagesAreOfTheVersionOfTheModule(t *testing.T) {
	p := repository(t)
	for _, c := range []struct {
		module string
		read   func(context.Context) (objects, error)
		names  []string
	}{
		{eventsModule, p.eventsObjects, []string{"quay.io/argoproj/argo-events"}},
		{workflowsModule, p.workflowsObjects, []string{"quay.io/argoproj/workflow-controller"}},
		{cdModule, p.cdObjects, []string{"quay.io/argoproj/argocd"}},
	} {
		dir, err := p.moduleDir(t.Context(), c.module)
		if err != nil {
			t.Fatal(err)
		}
		version := dir[strings.LastIndexByte(dir, '@')+1:]
		all, err := c.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, o := range all {
			text, err := o.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if o.GetKind() == "CustomResourceDefinition" {
				continue
			}
			for _, m := range image.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
				if strings.Contains(m[1], "argoproj") && !strings.HasSuffix(m[1], ":"+version) {
					t.Errorf("%s %s asks for %s, and go.mod has %s", o.GetKind(), o.GetName(), m[1], version)
				}
			}
			if strings.Contains(string(text), "argoexec") && !strings.Contains(string(text), executorImage) {
				t.Errorf("%s %s asks for another argoexec than %s", o.GetKind(), o.GetName(), executorImage)
			}
		}
		for _, name := range c.names {
			if !found[name+":"+version] {
				t.Errorf("%s: no container of %s:%s; found %v", c.module, name, version, found)
			}
		}
	}
	if !strings.HasSuffix(executorImage, workflowControllerImage[strings.LastIndexByte(workflowControllerImage, ':'):]) {
		t.Errorf("%s and %s differ in their version", executorImage, workflowControllerImage)
	}
}

// core-install.yaml leaves the namespace to the client.
func TestObjectsOfArgoCDHaveTheirNamespace(t *testing.T) {
	all, err := repository(t).cdObjects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		want := "argocd"
		if clusterWide[o.GetKind()] || o.GetKind() == "Namespace" {
			want = ""
		}
		if o.GetNamespace() != want {
			t.Errorf("%s %s is in the namespace %q, want %q", o.GetKind(), o.GetName(), o.GetNamespace(), want)
		}
	}
}

// The pods of EventSources and Sensors use the image of the node.
func TestArgoEventsPullsOnce(t *testing.T) {
	all, err := repository(t).eventsObjects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		text, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if o.GetKind() == "Deployment" && (!strings.Contains(string(text), `{"name":"IMAGE_PULL_POLICY","value":"IfNotPresent"}`) ||
			strings.Contains(string(text), `"imagePullPolicy":"Always"`)) {
			t.Errorf("Deployment %s pulls: %s", o.GetName(), text)
		}
	}
}
