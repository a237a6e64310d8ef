package locate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// applied returns the kustomization file after what Argo CD does to it for an
// Application with these settings, which is "kustomize edit" of each, and
// patches and components added.
func (a *appKustomize) applied(data []byte) ([]byte, error) {
	var k types.Kustomization
	if err := yaml.UnmarshalStrict(data, &k); err != nil {
		return nil, err
	}
	k.FixKustomization()
	for to, text := range map[*string]string{&k.NamePrefix: a.NamePrefix, &k.NameSuffix: a.NameSuffix, &k.Namespace: a.Namespace} {
		if text != "" {
			*to = text
		}
	}
	a.setImages(&k)
	if err := a.setReplicas(&k); err != nil {
		return nil, err
	}
	if err := a.addLabels(&k); err != nil {
		return nil, err
	}
	if err := merged(&k.CommonAnnotations, a.CommonAnnotations, a.ForceCommonAnnotations); err != nil {
		return nil, err
	}
	for _, p := range a.Patches {
		var patch types.Patch
		if err := json.Unmarshal(p, &patch); err != nil {
			return nil, err
		}
		k.Patches = append(k.Patches, patch)
	}
	k.Components = append(k.Components, a.Components...)
	return yaml.Marshal(k)
}

// references lists the paths that the settings name, as written.
func (a *appKustomize) references() []string {
	refs := slices.Clone(a.Components)
	for _, p := range a.Patches {
		var patch struct {
			Path string `json:"path"`
		}
		if json.Unmarshal(p, &patch) == nil && patch.Path != "" {
			refs = append(refs, patch.Path)
		}
	}
	return refs
}

// setImages reads [NAME=]NEW[:TAG][@DIGEST]; a * keeps what the file has.
func (a *appKustomize) setImages(k *types.Kustomization) {
	byName := map[string]types.Image{}
	for _, text := range a.Images {
		name, rest, renamed := strings.Cut(text, "=")
		if !renamed {
			rest = text
		}
		i := parseImage(rest)
		entry := types.Image{Name: name, NewName: i.name, NewTag: i.tag, Digest: i.digest}
		if !renamed {
			entry.Name, entry.NewName = i.name, ""
		}
		byName[entry.Name] = entry
	}
	for _, old := range k.Images {
		if entry, ok := byName[old.Name]; ok {
			byName[old.Name] = keeping(entry, old)
		} else {
			byName[old.Name] = old
		}
	}
	if len(a.Images) == 0 {
		return
	}
	k.Images = nil
	for _, name := range sortedKeys(byName) {
		k.Images = append(k.Images, keeping(byName[name], types.Image{}))
	}
}

// keeping puts the parts of old in the place of every *.
func keeping(entry, old types.Image) types.Image {
	for to, kept := range map[*string]string{&entry.NewName: old.NewName, &entry.NewTag: old.NewTag, &entry.Digest: old.Digest} {
		if *to == "*" {
			*to = kept
		}
	}
	return entry
}

func (a *appKustomize) setReplicas(k *types.Kustomization) error {
	for _, r := range a.Replicas {
		count, err := strconv.ParseInt(strings.Trim(string(r.Count), `"`), 10, 64)
		if err != nil {
			return fmt.Errorf("the replicas of %s: %w", r.Name, err)
		}
		k.Replicas = slices.DeleteFunc(slices.Clone(k.Replicas), func(old types.Replica) bool { return old.Name == r.Name })
		k.Replicas = append(k.Replicas, types.Replica{Name: r.Name, Count: count})
	}
	return nil
}

func (a *appKustomize) addLabels(k *types.Kustomization) error {
	if !a.LabelWithoutSelector {
		//lint:ignore SA1019 Argo CD sets this field
		return merged(&k.CommonLabels, a.CommonLabels, a.ForceCommonLabels)
	}
	if len(a.CommonLabels) == 0 {
		return nil
	}
	i := slices.IndexFunc(k.Labels, func(l types.Label) bool {
		return !l.IncludeSelectors && l.IncludeTemplates == a.LabelIncludeTemplates
	})
	if i < 0 {
		k.Labels = append(k.Labels, types.Label{IncludeTemplates: a.LabelIncludeTemplates})
		i = len(k.Labels) - 1
	}
	return merged(&k.Labels[i].Pairs, a.CommonLabels, a.ForceCommonLabels)
}

// merged adds entries to a map; without force none may be there already.
func merged(to *map[string]string, entries map[string]string, force bool) error {
	if len(entries) == 0 {
		return nil
	}
	all := maps.Clone(*to)
	if all == nil {
		all = map[string]string{}
	}
	for key, v := range entries {
		if _, ok := all[key]; ok && !force {
			return fmt.Errorf("%s is in the kustomization already, and the Application does not force it", key)
		}
		all[key] = v
	}
	*to = all
	return nil
}
