package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/amendhq/amend"
	"github.com/amendhq/amend/actions"
)

func TestParseResource(t *testing.T) {
	for text, want := range map[string]string{
		"Deployment/shop/web":            "Deployment/shop/web",
		"deployment/shop/web":            "Deployment/shop/web",
		"deployments/shop/web":           "Deployment/shop/web",
		"deploy/shop/web":                "Deployment/shop/web",
		"deployment.apps/shop/web":       "apps/Deployment/shop/web",
		"apps/deployment/shop/web":       "apps/Deployment/shop/web",
		"sts//db":                        "StatefulSet//db",
		"canary.flagger.app/shop/web":    "flagger.app/canary/shop/web",
		"flagger.app/Canary/shop/web":    "flagger.app/Canary/shop/web",
		"serving.knative.dev/svc/shop/w": "serving.knative.dev/Service/shop/w",
	} {
		got, err := parseResource(text)
		if err != nil || got.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"deploy/web":  "write Deployment/NAMESPACE/web, or Deployment//web",
		"canary/web":  "write canary/NAMESPACE/web",
		"web":         "[GROUP/]KIND/NAMESPACE/NAME",
		"/web":        "[GROUP/]KIND/NAMESPACE/NAME",
		"deploy/":     "[GROUP/]KIND/NAMESPACE/NAME",
		"a/b/c/d/web": "[GROUP/]KIND/NAMESPACE/NAME",
	} {
		if _, err := parseResource(text); amend.KindOf(err) != amend.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

// TestKubectlNames: whatever an action can change has them, and none means two kinds.
func TestKubectlNames(t *testing.T) {
	for _, action := range actions.All() {
		for _, kind := range action.Kinds {
			if !slices.Contains(kubectlNames[kind], strings.ToLower(kind)) {
				t.Errorf("%s has no names", kind)
			}
		}
	}
	owner := map[string]string{}
	for kind, names := range kubectlNames {
		for _, name := range names {
			if owner[name] != "" {
				t.Errorf("%s is both %s and %s", name, owner[name], kind)
			}
			owner[name] = kind
		}
	}
}
