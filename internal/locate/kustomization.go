package locate

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// kustomizationNames are the file names that kustomize looks for, in its order.
var kustomizationNames = [...]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// parseKustomization reads a kustomization file leniently: what kustomize
// itself refuses, the render refuses.
func parseKustomization(data []byte) (*types.Kustomization, error) {
	var k types.Kustomization
	err := yaml.Unmarshal(data, &k)
	var old struct{ Patches []string }
	if err != nil && yaml.Unmarshal(data, &old) == nil && len(old.Patches) > 0 {
		return nil, errPatchNames
	}
	if err != nil {
		return nil, err
	}
	return &k, nil
}

// errPatchNames says what to do about the oldest form of patches, which
// Kustomize has not read since its version 5.
var errPatchNames = errors.New("for Kustomize 5, patches that are names of files belong under patchesStrategicMerge")

// references lists every path that a kustomization names, as written.
func references(k *types.Kustomization) []string {
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	refs := slices.Concat(k.Resources, k.Bases, k.Components, k.Crds, k.Configurations)
	for _, list := range [][]string{k.Generators, k.Transformers, k.Validators} {
		for _, entry := range list {
			if !strings.Contains(entry, "\n") { // otherwise the plugin is written inline
				refs = append(refs, entry)
			}
		}
	}
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	for _, p := range k.PatchesStrategicMerge {
		if !strings.Contains(string(p), "\n") {
			refs = append(refs, string(p))
		}
	}
	//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		refs = append(refs, p.Path)
	}
	for _, r := range k.Replacements {
		refs = append(refs, r.Path)
	}
	for _, g := range k.ConfigMapGenerator {
		refs = append(refs, generatorFiles(g.KvPairSources)...)
	}
	for _, g := range k.SecretGenerator {
		refs = append(refs, generatorFiles(g.KvPairSources)...)
	}
	refs = append(refs, k.OpenAPI["path"])
	return slices.DeleteFunc(refs, func(r string) bool { return r == "" })
}

// words lists every word of a kustomization that does not parse, because each
// may be a path that it would name. Words that are none lead nowhere.
func words(data []byte) []string {
	list := strings.FieldsFunc(string(data), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`[]{},'"=`, r)
	})
	for i, w := range list {
		list[i] = strings.TrimRight(w, ":")
	}
	return distinct(list)
}

func generatorFiles(s types.KvPairSources) []string {
	refs := append(slices.Clone(s.EnvSources), s.EnvSource)
	for _, f := range s.FileSources {
		if _, file, ok := strings.Cut(f, "="); ok {
			f = file
		}
		refs = append(refs, f)
	}
	return refs
}

// renames reports whether a kustomization can give an object a name that no
// scanned text predicts.
func renames(k *types.Kustomization) bool {
	for _, r := range k.Replacements {
		if r.Path != "" {
			return true
		}
		for _, t := range r.Targets {
			if t != nil && slices.ContainsFunc(t.FieldPaths, func(p string) bool { return strings.HasPrefix(p, "metadata.name") }) {
				return true
			}
		}
	}
	return len(k.Transformers) > 0
}
