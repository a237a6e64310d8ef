package locate

import (
	"encoding/json"
	"os"
	"path"
	"strings"

	"github.com/amendhq/amend"
)

// An appSource is one source of an Application, as far as amend reads it. The
// keys are Argo CD's; like there, their case does not matter.
type appSource struct {
	RepoURL        string          `json:"repoURL,omitempty"`
	Path           string          `json:"path,omitempty"`
	TargetRevision string          `json:"targetRevision,omitempty"`
	Chart          string          `json:"chart,omitempty"`
	Ref            string          `json:"ref,omitempty"`
	Name           string          `json:"name,omitempty"`
	Directory      *appDirectory   `json:"directory,omitempty"`
	Kustomize      *appKustomize   `json:"kustomize,omitempty"`
	Helm           *appHelm        `json:"helm,omitempty"`
	Plugin         json.RawMessage `json:"plugin,omitempty"`
}

type appDirectory struct {
	Recurse bool        `json:"recurse,omitempty"`
	Include string      `json:"include,omitempty"`
	Exclude string      `json:"exclude,omitempty"`
	Jsonnet *appJsonnet `json:"jsonnet,omitempty"`
}

// An appHelm is spec.source.helm. What is stronger: the values of the chart,
// then valueFiles in their order, values or valuesObject, parameters,
// fileParameters.
type appHelm struct {
	ReleaseName             string             `json:"releaseName,omitempty"`
	Namespace               string             `json:"namespace,omitempty"`
	ValueFiles              []string           `json:"valueFiles,omitempty"`
	IgnoreMissingValueFiles bool               `json:"ignoreMissingValueFiles,omitempty"`
	Values                  string             `json:"values,omitempty"`
	ValuesObject            json.RawMessage    `json:"valuesObject,omitempty"`
	Parameters              []appHelmParameter `json:"parameters,omitempty"`
	FileParameters          []appHelmFile      `json:"fileParameters,omitempty"`
	KubeVersion             string             `json:"kubeVersion,omitempty"`
	APIVersions             []string           `json:"apiVersions,omitempty"`
	SkipCrds                bool               `json:"skipCrds,omitempty"`
	SkipTests               bool               `json:"skipTests,omitempty"`
	SkipSchemaValidation    bool               `json:"skipSchemaValidation,omitempty"`
}

type appHelmParameter struct {
	Name        string `json:"name"`
	Value       string `json:"value"`
	ForceString bool   `json:"forceString,omitempty"`
}

type appHelmFile struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// An appKustomize is spec.source.kustomize. Argo CD applies it with "kustomize
// edit" to its checkout before it builds.
type appKustomize struct {
	NamePrefix             string            `json:"namePrefix,omitempty"`
	NameSuffix             string            `json:"nameSuffix,omitempty"`
	Namespace              string            `json:"namespace,omitempty"`
	Images                 []string          `json:"images,omitempty"`
	Replicas               []appReplica      `json:"replicas,omitempty"`
	CommonLabels           map[string]string `json:"commonLabels,omitempty"`
	ForceCommonLabels      bool              `json:"forceCommonLabels,omitempty"`
	LabelWithoutSelector   bool              `json:"labelWithoutSelector,omitempty"`
	LabelIncludeTemplates  bool              `json:"labelIncludeTemplates,omitempty"`
	CommonAnnotations      map[string]string `json:"commonAnnotations,omitempty"`
	CommonAnnotationsEnv   bool              `json:"commonAnnotationsEnvsubst,omitempty"`
	ForceCommonAnnotations bool              `json:"forceCommonAnnotations,omitempty"`
	Patches                []json.RawMessage `json:"patches,omitempty"`
	Components             []string          `json:"components,omitempty"`
	Version                string            `json:"version,omitempty"`
	KubeVersion            string            `json:"kubeVersion,omitempty"`
	APIVersions            []string          `json:"apiVersions,omitempty"`
}

type appReplica struct {
	Name  string          `json:"name"`
	Count json.RawMessage `json:"count"` // a number or a text
}

// normalize drops settings that say nothing, as Argo CD does before it looks
// for the type that they choose.
func (s *appSource) normalize() {
	if s.Directory != nil && s.Directory.Jsonnet.empty() {
		s.Directory.Jsonnet = nil
	}
	if s.Directory != nil && s.Directory.empty() {
		s.Directory = nil
	}
	if b, err := json.Marshal(s.Kustomize); err == nil && string(b) == "{}" {
		s.Kustomize = nil
	}
	if b, err := json.Marshal(s.Helm); err == nil && string(b) == "{}" {
		s.Helm = nil
	}
}

// folder returns the path of the source in the env repo, "" for a chart of a
// registry.
func (s appSource) folder() string {
	if s.Chart != "" {
		return ""
	}
	return path.Clean(strings.Trim(s.Path, "/"))
}

// settings returns what of the source changes a render, in one form: equal
// texts mean equal renders of the same path.
func (s appSource) settings() string {
	s.RepoURL, s.TargetRevision, s.Name, s.Path = "", "", "", ""
	b, err := json.Marshal(s)
	if err != nil { // of what was decoded from JSON
		return ""
	}
	return string(b)
}

func (d appDirectory) empty() bool {
	return !d.Recurse && d.Include == "" && d.Exclude == "" && d.Jsonnet.empty()
}

// refs returns the other sources that this one may read value files from, by
// the name that comes after the $.
func refs(sources []appSource) map[string]appSource {
	byName := map[string]appSource{}
	for _, s := range sources {
		if s.Ref != "" {
			byName["$"+s.Ref] = s
		}
	}
	return byName
}

// expand replaces the build environment of Argo CD in a text of the root's
// source. What only a sync knows is refused.
func (r root) expand(text string, source appSource) (string, error) {
	known := map[string]string{
		"$": "$", "ARGOCD_APP_SOURCE_PATH": source.Path,
		"ARGOCD_APP_SOURCE_REPO_URL": source.RepoURL, "ARGOCD_APP_SOURCE_TARGET_REVISION": source.TargetRevision,
	}
	if len(r.apps) > 0 {
		known["ARGOCD_APP_NAME"], known["ARGOCD_APP_NAMESPACE"] = r.apps[0].name, r.apps[0].namespace
	}
	unknown := ""
	out := os.Expand(text, func(name string) string {
		value, ok := known[name]
		if !ok && (strings.HasPrefix(name, "ARGOCD_") || strings.HasPrefix(name, "KUBE_")) {
			unknown = name
		}
		return value
	})
	if unknown != "" {
		return "", amend.Refusef(amend.ReasonUnproven, "$%s is known to a sync only", unknown)
	}
	return out, nil
}
