package locate

import (
	"sigs.k8s.io/kustomize/api/types"

	"github.com/amendhq/amend"
)

// What kustomize needs grows with the square of the objects of a build, with
// the square of the labels and annotations that it sets on each of them, and
// faster still with patches that add to one object. The bounds end a build
// that would take minutes before it starts; they are far above what people
// write by hand.
const (
	maxCommon  = 1000 // labels and annotations for all objects
	maxPatches = 500
	// maxWork bounds objects times (labels and annotations squared plus 32
	// times the objects): some 4,000 objects with a few labels each. It is half
	// a minute of a slow core.
	maxWork = 1 << 29
)

// work is what one build has been given so far, over all its layers.
type work struct {
	objects int
	common  int
	patches int
}

// add counts a file that kustomize reads; k is nil unless it is a
// kustomization. Which documents are patches is not told apart.
func (w *work) add(name string, data []byte, k *types.Kustomization) error {
	if k == nil {
		w.objects += len(splitDocuments(data))
	} else {
		//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
		w.common += len(k.CommonLabels) + len(k.CommonAnnotations)
		for _, l := range k.Labels {
			w.common += len(l.Pairs)
		}
		//lint:ignore SA1019 env repos still use the old fields, and Kustomize still reads them
		w.patches += len(k.Patches) + len(k.PatchesJson6902) + len(k.PatchesStrategicMerge)
	}
	switch {
	case w.common > maxCommon:
		return amend.Refusef(amend.ReasonUnproven, "up to %s the build sets %d labels and annotations on every object; more than %d take too long to render",
			name, w.common, maxCommon)
	case w.patches > maxPatches:
		return amend.Refusef(amend.ReasonUnproven, "up to %s the build has %d patches; more than %d take too long to render", name, w.patches, maxPatches)
	case w.objects*(w.common*w.common+32*w.objects) > maxWork:
		return amend.Refusef(amend.ReasonUnproven, "up to %s the build has %d objects and sets %d labels and annotations on each, which takes too long to render",
			name, w.objects, w.common)
	}
	return nil
}
